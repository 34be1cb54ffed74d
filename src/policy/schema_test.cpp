// Keys of scopes, contexts and tests.
#include "schema.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view day_words[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr std::string_view global_words[] = {"global"};

constexpr field scope_fields[] = {
    {.key = "scope", .holds = holds::word, .doc = "Only `global`.", .known = global_words},
    {.key = "global", .holds = holds::boolean, .doc = "`true`: everywhere."},
    {.key = "region", .holds = holds::texts, .doc = "Regions."},
    {.key = "tenant", .holds = holds::texts, .doc = "Tenants."},
    {.key = "tier", .holds = holds::texts, .doc = "Tiers."},
    {.key = "route", .holds = holds::texts, .doc = "Routes."},
    {.key = "model", .holds = holds::texts, .doc = "Models as the request names them."},
    {.key = "conversation_tag", .holds = holds::texts, .doc = "Tags, of which the conversation has one."},
    {.key = "time", .holds = holds::mapping, .doc = "Local hours.", .of = &time_shape},
    {.key = "user", .holds = holds::refused, .doc = {}},
    {.key = "conversation", .holds = holds::refused, .doc = {}},
    {.key = "labels", .holds = holds::refused, .doc = {}},
};

constexpr field time_fields[] = {
    {.key = "tz", .holds = holds::text, .doc = "A time zone of the IANA database, as Europe/Berlin.", .required = true},
    {.key = "days", .holds = holds::word_list, .doc = "Days on which the window begins; all by default.", .known = day_words},
    {.key = "from", .holds = holds::clock, .doc = "Where it begins; \"00:00\" by default."},
    {.key = "to", .holds = holds::clock, .doc = "Where it ends, not included; \"24:00\" by default. Before `from`: on the next day."},
};

constexpr field test_fields[] = {
    {.key = "name", .holds = holds::text, .doc = "Unique in its rule.", .required = true},
    {.key = "context", .holds = holds::mapping, .doc = "Who is asking.", .of = &context_shape},
    {.key = "given", .holds = holds::number_by_name, .doc = "Scores that classifiers are taken to give, as topic.financial_advice; others 0."},
    {.key = "request", .holds = holds::text, .doc = "A user's text."},
    {.key = "response", .holds = holds::text, .doc = "An answer's text; also run as a stream."},
    {.key = "messages", .holds = holds::mappings, .doc = "A whole request.", .of = &message_shape},
    {.key = "part", .holds = holds::word, .doc = "What kind of text `request` or `response` is; `text` by default.", .known = part_words},
    {.key = "expect", .holds = holds::mapping, .doc = "What must come of it.", .required = true, .of = &expect_shape},
    {.key = "tags", .holds = holds::refused, .doc = {}},
    {.key = "chunks", .holds = holds::refused, .doc = {}},
};
constexpr std::string_view test_kinds[] = {"request", "response", "messages"};

constexpr field context_fields[] = {
    {.key = "tenant", .holds = holds::text, .doc = "Tenant."},
    {.key = "region", .holds = holds::text, .doc = "Region."},
    {.key = "tier", .holds = holds::text, .doc = "Tier."},
    {.key = "user", .holds = holds::text, .doc = "User."},
    {.key = "conversation", .holds = holds::text, .doc = "Conversation."},
    {.key = "route", .holds = holds::text, .doc = "Route."},
    {.key = "model", .holds = holds::text, .doc = "Model."},
    {.key = "tags", .holds = holds::texts, .doc = "Tags that the conversation has."},
    {.key = "time", .holds = holds::time, .doc = "When it is: 2026-12-01T10:00:00Z; without it no time window fits."},
};

constexpr field message_fields[] = {
    {.key = "role", .holds = holds::word, .doc = "Whose.", .required = true, .known = role_words},
    {.key = "content", .holds = holds::text, .doc = "The text; may be empty.", .required = true},
    {.key = "part", .holds = holds::word, .doc = "Its kind; `text`, of a tool `tool_result`.", .known = part_words},
};

constexpr field expect_fields[] = {
    {.key = "rules", .holds = holds::ids, .doc = "Exactly these enforced rules are found."},
    {.key = "rules_any", .holds = holds::ids, .doc = "One of these is found."},
    {.key = "rules_none", .holds = holds::ids, .doc = "None of these is found."},
    {.key = "shadow", .holds = holds::ids, .doc = "These are found in shadow."},
    {.key = "suppressed", .holds = holds::ids, .doc = "These exceptions suppress something."},
    {.key = "action", .holds = holds::word, .doc = "The strongest action taken.", .known = action_words},
    {.key = "text", .holds = holds::text, .doc = "The text after edits."},
};

}  // namespace

constinit const shape scope_shape = {.name = "scope", .what = "a scope", .fields = scope_fields};
constinit const shape time_shape = {.name = "time", .what = "time", .fields = time_fields};
constinit const shape test_shape = {.name = "test", .what = "a test", .fields = test_fields, .kinds = test_kinds};
constinit const shape context_shape = {.name = "context", .what = "context", .fields = context_fields};
constinit const shape message_shape = {.name = "message", .what = "a message", .fields = message_fields};
constinit const shape expect_shape = {.name = "expect", .what = "expect", .fields = expect_fields};

}  // namespace sluice::policy
