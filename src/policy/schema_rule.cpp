// Keys of rules and what hangs on them.
#include "schema.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view messages_words[] = {"all", "last_turn"};
constexpr std::string_view hold_words[] = {"auto", "full"};
constexpr std::string_view then_words[] = {"allow", "flag"};
constexpr std::string_view position_words[] = {"prepend", "append"};
constexpr std::string_view missing_words[] = {"append", "rewrite", "block"};
constexpr std::string_view structured_words[] = {"skip", "block"};
constexpr std::string_view vault_words[] = {"keep", "block"};
constexpr std::string_view finish_words[] = {"content_filter"};
constexpr std::string_view by_words[] = {"conversation_id", "user_id", "tenant"};

constexpr std::string_view a_redact[] = {"redact"};
constexpr std::string_view a_message[] = {"block", "require_disclaimer"};
constexpr std::string_view a_rewrite[] = {"rewrite"};
constexpr std::string_view a_replacement[] = {"rewrite", "require_disclaimer"};
constexpr std::string_view a_tokenize[] = {"tokenize"};
constexpr std::string_view a_inject[] = {"inject_system"};
constexpr std::string_view a_text[] = {"inject_system", "append"};
constexpr std::string_view a_disclaimer[] = {"require_disclaimer"};
constexpr std::string_view a_structured[] = {"require_disclaimer", "append", "inject_system"};
constexpr std::string_view a_tag[] = {"tag"};

constexpr field rule_fields[] = {
    {.key = "id", .holds = holds::name, .doc = "Unique in the bundle; what records and metrics call the rule.", .required = true},
    {.key = "title", .holds = holds::text, .doc = "What it is for, in a line."},
    {.key = "description", .holds = holds::text, .doc = "More of it."},
    {.key = "severity", .holds = holds::word, .doc = "`medium` by default; a label for people.", .known = severity_words},
    {.key = "category", .holds = holds::text, .doc = "A dotted label, as pii.contact."},
    {.key = "enforcement", .holds = holds::word, .doc = "`enforce` (default), `shadow` or `off`; never above its policy's.",
     .known = enforcement_words},
    {.key = "direction", .holds = holds::word, .doc = "Which way it looks.", .required = true, .known = direction_words},
    {.key = "where", .holds = holds::mapping, .doc = "Which text it looks at; all by default.", .of = &where_shape},
    {.key = "match", .holds = holds::mapping, .doc = "What it looks for.", .required = true, .of = &match_shape},
    {.key = "action", .holds = holds::mapping, .doc = "What it does.", .required = true, .of = &action_shape},
    {.key = "stream", .holds = holds::mapping, .doc = "How a streamed answer waits for it.", .of = &stream_shape},
    {.key = "relaxable", .holds = holds::boolean, .doc = "May an overlay make it weaker? `false` by default."},
    {.key = "score", .holds = holds::whole, .doc = "What a match adds to the policy's `thresholds`.", .max = 1000},
    {.key = "rollout", .holds = holds::mapping, .doc = "Enforced for a share of conversations.", .of = &rollout_shape},
    {.key = "promote_when", .holds = holds::mapping, .doc = "When a shadow rule has shown enough; read by reports.", .of = &promote_shape},
    {.key = "max_block_rate", .holds = holds::real, .doc = "Highest share of users that it may block before the breaker puts it in shadow; by default what it showed in shadow or at the gate allows, at most `breaker.rule`.", .max = 1},
    {.key = "never_demote", .holds = holds::boolean, .doc = "The breaker leaves it alone, however much it blocks; `false` by default."},
    {.key = "owner", .holds = holds::text, .doc = "Who answers for it, when not the policy's owner."},
    {.key = "falsepositives", .holds = holds::texts, .doc = "What it is known to find wrongly."},
    {.key = "references", .holds = holds::texts, .doc = "Where it comes from."},
    {.key = "tags", .holds = holds::texts, .doc = "Labels for people."},
    {.key = "ticket", .holds = holds::text, .doc = "Why it exists."},
    {.key = "exceptions", .holds = holds::mappings, .doc = "Where its matches do not count.", .of = &exception_shape},
    {.key = "tests", .holds = holds::mappings, .doc = "Texts that it must find, and texts that it must leave alone.", .of = &test_shape},
    {.key = "thresholds", .holds = holds::refused, .doc = {}},
    {.key = "audit", .holds = holds::refused, .doc = {}},
    {.key = "scope", .holds = holds::refused, .doc = {}},
    {.key = "conversation_tag", .holds = holds::refused, .doc = {}},
    {.key = "time", .holds = holds::refused, .doc = {}},
};

constexpr field where_fields[] = {
    {.key = "roles", .holds = holds::word_list, .doc = "Whose text.", .known = role_words},
    {.key = "parts", .holds = holds::word_list, .doc = "What kind of text.", .known = part_words},
    {.key = "messages", .holds = holds::word, .doc = "`all` (default), or `last_turn`: what follows the last answer that the user or a tool has answered.", .known = messages_words},
};

constexpr field stream_fields[] = {
    {.key = "hold", .holds = holds::word, .doc = "`auto` (default): as much as the pattern needs; `full`: the whole answer.", .required = true,
     .known = hold_words},
};

constexpr field action_fields[] = {
    {.key = "type", .holds = holds::word, .doc = "What happens to a match.", .required = true, .known = action_words},
    {.key = "mask", .holds = holds::text, .doc = "What stands for the match; `[REDACTED]` by default.", .with = a_redact},
    {.key = "keep_first", .holds = holds::whole, .doc = "Letters and digits at its begin that stay, with what separates them.", .max = 64, .with = a_redact},
    {.key = "keep_last", .holds = holds::whole, .doc = "Letters and digits at its end that stay, with what separates them.", .max = 64, .with = a_redact},
    {.key = "hash", .holds = holds::boolean, .doc = "The mask ends in a short keyed hash, so that equal values can be told.", .with = a_redact},
    {.key = "token", .holds = holds::text, .doc = "What stands for the value, with `{n}` once: \"<IBAN_{n}>\".", .with = a_tokenize},
    {.key = "restore", .holds = holds::boolean, .doc = "Put the value back in answers to the same conversation.", .with = a_tokenize},
    {.key = "vault_ttl", .holds = holds::duration, .doc = "How long a value is kept that a later request does not repeat: at most `30d`, since the last request that says it.", .with = a_tokenize},
    {.key = "on_vault_unavailable", .holds = holds::word, .doc = "When the vault cannot be reached: `keep` (default), tokens that only it knows stay tokens; `block`, the request is refused.",
     .known = vault_words, .with = a_tokenize},
    {.key = "replacement", .holds = holds::text, .doc = "What stands for the match; an item's own goes before it. With `on_missing: rewrite`: for the answer.",
     .with = a_replacement},
    {.key = "then", .holds = holds::word, .doc = "Says nothing.", .known = then_words, .with = a_rewrite,
     .retired = "each rewrite is recorded, and shows as 'edit' in the verdict header"},
    {.key = "text", .holds = holds::text, .doc = "What is added.", .with = a_text},
    {.key = "position", .holds = holds::word, .doc = "Before or after the system text that is there; `append` by default.", .known = position_words,
     .with = a_inject},
    {.key = "disclaimer", .holds = holds::text, .doc = "One of the policy's `disclaimers`.", .with = a_disclaimer},
    {.key = "on_missing", .holds = holds::word, .doc = "What happens without it; `append` by default.", .known = missing_words, .with = a_disclaimer},
    {.key = "on_structured", .holds = holds::word, .doc = "Where the text has no place: in a tool call or an answer in JSON, `skip` (default) or `block`; for inject_system a request that takes no system words, `block` (default) or `skip`.",
     .known = structured_words, .with = a_structured},
    {.key = "tags", .holds = holds::texts, .doc = "Tags of the conversation from here on.", .with = a_tag},
    {.key = "message", .holds = holds::text, .doc = "What the caller reads.", .with = a_message},
    {.key = "i18n", .holds = holds::text_by_name, .doc = "The message by language (BCP 47), chosen by `Accept-Language`.", .with = a_message},
    {.key = "http_status", .holds = holds::whole, .doc = "400 (default), or 200: the API's own refusal, where it has one.", .min = 200, .max = 400, .with = a_message},
    {.key = "message_in_stream", .holds = holds::boolean, .doc = "Also write the message into a stream that is cut.", .with = a_message},
    {.key = "finish_reason", .holds = holds::word, .doc = "Only `content_filter`.", .known = finish_words, .with = a_message},
};

constexpr field exception_fields[] = {
    {.key = "id", .holds = holds::name, .doc = "Unique in the bundle.", .required = true},
    {.key = "when", .holds = holds::global_or, .doc = "The contexts in which it holds.", .of = &scope_shape},
    {.key = "match", .holds = holds::mapping, .doc = "Only what lies inside a finding that this matches.", .of = &match_shape},
    {.key = "reason", .holds = holds::text, .doc = "Why.", .required = true},
    {.key = "owner", .holds = holds::text, .doc = "Who answers for it.", .required = true},
    {.key = "ticket", .holds = holds::text, .doc = "Where it was approved.", .required = true},
    {.key = "expires", .holds = holds::date, .doc = "Its last day; at most 180 days ahead without a warning.", .required = true},
};

constexpr field rollout_fields[] = {
    {.key = "percentage", .holds = holds::real, .doc = "Of conversations, with two decimals.", .required = true, .max = 100},
    {.key = "by", .holds = holds::word, .doc = "What is sticky; `conversation_id` by default.", .known = by_words},
    {.key = "salt", .holds = holds::text, .doc = "Rules of one salt choose the same conversations; the rule's id by default."},
    {.key = "shadow_outside", .holds = holds::boolean, .doc = "Only `true`: the others see the rule in shadow."},
};

constexpr field promote_fields[] = {
    {.key = "min_samples", .holds = holds::whole, .doc = "Labelled matches and misses.", .max = 1e15},
    {.key = "fpr_upper95", .holds = holds::real, .doc = "Upper 95 % bound of the false positive rate.", .max = 1},
    {.key = "min_days", .holds = holds::whole, .doc = "Days in shadow.", .max = 3650},
};

}  // namespace

constinit const shape rule_shape = {.name = "rule", .what = "a rule", .fields = rule_fields};
constinit const shape where_shape = {.name = "where", .what = "where", .fields = where_fields};
constinit const shape stream_shape = {.name = "stream", .what = "stream", .fields = stream_fields};
constinit const shape action_shape = {.name = "action", .what = "action", .fields = action_fields, .selector = "type"};
constinit const shape exception_shape = {.name = "exception", .what = "an exception", .fields = exception_fields};
constinit const shape rollout_shape = {.name = "rollout", .what = "rollout", .fields = rollout_fields};
constinit const shape promote_shape = {.name = "promote_when", .what = "promote_when", .fields = promote_fields};

}  // namespace sluice::policy
