// What a bundle says, checked and resolved, before it is compiled. Plain data with places; no YAML, no Hyperscan.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/match/validator.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::policy {

// Local hours of some days of the week, in a time zone of the IANA database.
struct time_window {
  std::string zone;                    // "Europe/Berlin"
  std::uint8_t days = 0x7f;            // bit 0: Monday
  std::uint16_t from = 0, to = 1440;   // minutes of the day; to < from: past midnight, into the next day
  bool operator==(const time_window&) const = default;
  auto operator<=>(const time_window&) const = default;
};

// All AND; values of one axis OR; an empty axis does not restrict. Values are compared exactly.
struct scope {
  std::vector<std::string> region, tenant, tier, route, model, conversation_tag;
  std::optional<time_window> time;
  [[nodiscard]] bool global() const { return *this == scope{}; }
  auto operator<=>(const scope&) const = default;
};

// The axes on which an exchange has one value: where a scope says which it allows, and where a context has it. What goes over the axes goes
// over this table. (Tags and hours are none: an exchange has several tags, and hours are no word.)
struct scope_axis {
  std::string_view name;  // in the language
  std::vector<std::string> scope::*allowed;
  std::string context::*value;
  [[nodiscard]] bool fits(const scope& s, const context& who) const {
    const auto& words = s.*allowed;
    return words.empty() || std::ranges::find(words, who.*value) != words.end();
  }
};
inline constexpr auto scope_axes = std::to_array<scope_axis>({{"region", &scope::region, &context::region},
                                                             {"tenant", &scope::tenant, &context::tenant},
                                                             {"tier", &scope::tier, &context::tier},
                                                             {"route", &scope::route, &context::route},
                                                             {"model", &scope::model, &context::model}});
// The scope asks for no tag, or for one that the conversation has.
[[nodiscard]] bool has_tag_of(const scope& s, const context& who);
// Every axis fits, so do the tags, and it is the hour.
[[nodiscard]] bool fits(const scope& s, const context& who);

enum class boundary : std::uint8_t { word, none };

// Words that must (near) or must not (unless_near) stand beside a match: whole words, case and look-alikes folded, no further than
// `within` code points from the match's nearer edge.
struct proximity {
  std::vector<std::string> of;
  std::uint32_t within = 0;
  policy::place place;
  bool operator==(const proximity& o) const { return of == o.of && within == o.within; }
};

// What one item of a list says for itself.
struct word_options {
  std::optional<proximity> near, unless_near;
  std::optional<std::string> replacement;  // for action rewrite
  bool operator==(const word_options&) const = default;
};

// match: list | keywords. Both end here: words in one form, each with its own boundary.
struct keyword_match {
  std::string list;                 // name of the List; empty for inline keywords
  std::vector<std::string> words;   // as written
  bool case_sensitive = false;
  bool fold = true;                 // case folding and confusables; false with case_sensitive
  policy::boundary boundary = boundary::word;
  std::vector<policy::place> places;  // of each word; may be shorter than `words`
  std::map<std::uint32_t, word_options> options;  // by index into `words`; most have none
};

struct regex_match {
  std::string pattern;              // PCRE2 syntax, UTF and UCP on
  std::vector<std::string> prefilter;  // words of which one must be in the text (of an answer: before the match's end), else a match does not count
  bool folded = false;                 // matched on the folded view (phrases, or normalize: [confusables]), not on the one that keeps case
  policy::place place;                 // of the pattern's first character, for errors inside it
};

// A label of a model that bundle.yaml names; matches a whole part when its score reaches the threshold.
struct classifier_match {
  enum class timeout : std::uint8_t { unset, match, no_match };
  std::string name, label;
  double threshold = 1;
  classifier_match::timeout on_timeout = timeout::unset;  // must be written
};

// Further views of the text in which a match also looks, on top of the view of its kind.
enum class extra_view : std::uint8_t { spaced = 1, leet = 2, marks = 4 };

using match::validator;  // a place in match::validators()

// An expression: a leaf (keywords, regex, classifier) or any / all / none of some others. Lists, phrases and macros are resolved into
// these by the parser. The modifiers belong to a leaf, except min_count, which counts the matches of whatever stands here.
struct match_spec {
  enum class kind : std::uint8_t { keywords, regex, classifier, any, all, negation };
  match_spec::kind kind = match_spec::kind::keywords;
  keyword_match keywords;
  regex_match regex;
  classifier_match classifier;
  std::vector<match_spec> children;      // any, all: one or more; negation: one
  std::optional<proximity> near, unless_near;
  std::optional<double> entropy_min;     // Shannon, bits per byte of the matched original text
  std::uint32_t min_count = 1;
  std::uint8_t views = 0;                // bits of extra_view
  std::uint32_t decode = 0;              // bits of text::reading: encodings whose runs it also looks into
  std::uint32_t decode_depth = 1;        // 1 to 4
  policy::validator validator = validator::none;
  std::vector<std::string> macro_files = {};  // the SHA-256 of the file of each macro that was written in here
  policy::place place;
};

struct where_spec {
  std::vector<role> roles;        // empty: every one
  std::vector<part_kind> parts;   // empty: every one
  bool last_turn_only = false;    // messages: last_turn
};

enum class inject_position : std::uint8_t { prepend, append };
enum class on_missing : std::uint8_t { append, rewrite, block };
// What require_disclaimer and append do in a tool call or an answer that must be JSON, and inject_system in a request that takes no
// system words.
enum class on_structured : std::uint8_t { skip, block };
// What tokenize does with an exchange whose vault cannot be reached: tokens that only the vault knows stay tokens, or it is refused.
enum class on_vault_unavailable : std::uint8_t { keep, block };

struct action_spec {
  action type = action::flag;
  std::string mask;               // redact; default "[REDACTED]"
  std::uint32_t keep_first = 0, keep_last = 0;  // redact: code points of the match kept in clear; mask goes between
  bool hashed = false;            // redact: the mask ends in a short keyed hash of the value
  std::string replacement;        // rewrite; a list entry's own replacement goes before it. require_disclaimer: with on_missing rewrite
  bool has_replacement = false;   // rewrite: `replacement` is written; otherwise each list entry has its own
  std::string token;              // tokenize: "<IBAN_{n}>"
  bool restore = false;           // tokenize
  milliseconds vault_ttl{0};      // tokenize; 0: what a request does not repeat is not restored
  policy::on_vault_unavailable on_vault_unavailable = on_vault_unavailable::keep;
  std::string text;               // inject_system, append
  inject_position position = inject_position::append;  // inject_system
  std::string disclaimer;         // require_disclaimer: a name of the policy's `disclaimers`
  policy::on_missing on_missing = on_missing::append;
  policy::on_structured on_structured = on_structured::skip;
  std::vector<std::string> tags;  // tag
  std::map<std::string, std::string> i18n;  // block: message by language (BCP 47, lower case)
  std::string message;            // block
  int http_status = 400;          // block: 400 or 200
  bool message_in_stream = false;
  policy::place place;
};

struct exception_spec {
  std::string id;
  scope when;
  std::optional<match_spec> match;  // suppresses only when this matches inside the finding's part
  std::string reason, owner, ticket, expires;  // expires: YYYY-MM-DD
  policy::place place;
};

struct test_spec {
  std::string name;
  context who;
  std::map<std::string, double> given;  // "topic.financial_advice": the score that the classifier is taken to give; others 0
  std::optional<std::string> request, response;  // exactly one of request, response, messages
  struct message { role who; std::string content; part_kind part = part_kind::text; };
  std::vector<message> messages;
  std::optional<part_kind> part;  // what `request` or `response` stands for; text when not said
  struct {
    std::optional<std::vector<std::string>> rules;  // exactly these enforced rules found
    std::vector<std::string> rules_any, rules_none, shadow, suppressed;
    std::optional<policy::action> action;           // strongest action taken
    std::optional<std::string> text;                // the text after edits (of the last message)
  } expect;
  policy::place place;
};

// Enforced for a share of conversations, the same ones each time; the others see the rule in shadow.
struct rollout_spec {
  enum class by : std::uint8_t { conversation_id, user_id, tenant };
  std::uint32_t basis_points = 10'000;
  rollout_spec::by by = by::conversation_id;
  std::string salt;
};

// When a shadow rule has shown enough to be enforced; read by reports, never acted on by a node.
struct promote_spec {
  std::uint64_t min_samples = 0;
  double fpr_upper95 = 1;
  std::uint32_t min_days = 0;
};

struct disclaimer_spec {
  std::string text;
  std::optional<match_spec> present_if;  // none: the text itself, folded
  policy::place place;
};

// Sums of `score` over enforced matches only (shadow matches have a sum of their own) at which `action` is taken; 0: never.
struct anomaly_spec {
  std::uint32_t request = 0, response = 0;
  policy::action action = action::block;
  policy::place place;
};

struct rule {
  std::string id, title, severity, category;
  policy::enforcement enforcement = enforcement::enforce;  // already lowered to the policy's ceiling
  policy::direction direction = direction::both;
  where_spec where;
  match_spec match;
  action_spec action;
  bool hold_full = false;         // stream.hold: full
  bool relaxable = false;
  int score = 0;
  std::optional<rollout_spec> rollout;
  std::optional<promote_spec> promote_when;
  std::optional<double> max_block_rate;  // of the users that it sees; none: the bundle's
  bool never_demote = false;             // the breaker leaves it alone
  std::vector<std::string> falsepositives, references, tags;
  std::vector<exception_spec> exceptions;
  std::vector<test_spec> tests;
  policy::place place;
};

// What an owner demands of records. Of all but `on_full` a node's configuration decides; `check` says so.
struct audit_spec {
  std::string store_text, subject_id, region_pin;
  milliseconds retention{0};
  bool refuses_when_full = false;  // on_full: block. A node may be stricter, never less strict
  policy::place place;
};

// One patch of an overlay: it changes its rule where the overlay's own scope and bind fit.
struct overlay_patch {
  std::string rule;
  std::vector<std::string> changed;  // the fields that it names, dotted
  policy::place place;
};

// A rule as some overlays make it, in force instead of it where exactly these of its overlays fit.
struct rule_variant {
  std::uint32_t base = 0;             // index into the policy's rules
  std::vector<std::string> overlays;  // sorted
  std::vector<overlay_patch> patches; // theirs, in the same order
  policy::rule rule;                  // without tests
};

struct policy_ast {
  std::string name, title, owner, status, ticket;
  std::string review_by, expires;  // YYYY-MM-DD or empty; past them the checker warns, the policy stays in force
  policy::enforcement enforcement = enforcement::enforce;
  policy::scope scope;            // the policy's own; ANDed with each bind
  std::vector<policy::scope> binds;  // of the modules that name it; any may fit
  std::vector<rule> rules;
  std::vector<rule_variant> variants;  // behind the rules in a snapshot's order
  std::map<std::string, disclaimer_spec> disclaimers;
  std::optional<anomaly_spec> anomaly;
  std::optional<audit_spec> audit;
  std::string file_sha256;
  policy::place place;
};

struct overlay_ast {
  std::string name, owner, title;
  policy::scope scope;
  std::vector<policy::scope> binds;
  std::vector<overlay_patch> patches;
  std::optional<audit_spec> audit;
  std::string file_sha256;
  policy::place place;
};

// Whether its exchanges are refused rather than not recorded. What is in shadow refuses nothing.
[[nodiscard]] inline bool needs_record(const policy_ast& p) { return p.audit && p.audit->refuses_when_full && p.enforcement == enforcement::enforce; }
[[nodiscard]] inline bool needs_record(const overlay_ast& o) { return o.audit && o.audit->refuses_when_full; }

// Tests of a policy, or of the bundle as a whole.
struct suite_ast {
  std::string name, policy;  // policy: empty for the whole bundle
  std::vector<test_spec> tests;
  policy::place place;
};

struct model_ast {
  std::string name, path, sha256;  // path: in the bundle
  policy::place place;
  std::shared_ptr<const std::string> bytes = {};
};

struct list_ast {
  std::string name, owner, review_by;
  keyword_match words;
  std::uint8_t views = 0;  // bits of extra_view, for every rule that uses the list
  std::string file_sha256;
  bool used = false;
  policy::place place;
};

// A check of the gate that a person has set aside for a while.
struct gate_waiver {
  std::string check, of;            // of: the slice or rule; empty: the whole check
  std::string by, reason, expires;  // expires: YYYY-MM-DD
  policy::place place;
};

// What a version must show before it goes live (module rollout judges it).
struct gate_spec {
  std::vector<std::string> require;      // golden sets that must be there
  std::map<std::string, double> floors;  // lowest recall, by slice of set `attack`
  double false_positives_total = 0.005, false_positives_slice = 0.01, false_positives_rule = 0.001;
  milliseconds compile_max{60'000};
  std::uint64_t compile_bytes_max = 2ull << 30;  // held by the compiler at most
  std::optional<std::uint64_t> database_bytes_max;
  std::optional<std::uint32_t> rule_us_max;
  double slower_max = 1.2;               // times the active version's p99
  std::vector<gate_waiver> waivers;
  policy::place place;
};

struct bundle_ast {
  std::string name, owner;
  std::vector<policy_ast> policies;  // sorted by name: order of files never matters
  std::map<std::string, list_ast> lists;
  std::vector<overlay_ast> overlays;  // sorted by name
  std::vector<model_ast> models;      // sorted by name
  std::vector<suite_ast> suites;      // sorted by name
  struct {
    std::uint32_t rules_max = 5000, patterns_max = 200'000, pattern_bytes_max = 4096;
    std::uint64_t database_bytes_max = 256u << 20;
    std::optional<std::uint32_t> rule_cpu_us_p99;  // read by reports
  } limits;
  struct {
    std::optional<std::string> policy_stale;  // last_known_good | fail_closed; may only be stricter than sluice.yaml
    std::optional<milliseconds> max_stale;
    action matcher_unavailable = action::block;  // what an enforcing rule's failed matcher does: block (default) or allow
  } on_error;
  std::optional<gate_spec> gate;
  breaker_terms breaker;
  std::string version;               // 64 hex digits
};

}  // namespace sluice::policy
