// What a bundle says, checked and resolved, before it is compiled. Plain data with places; no YAML, no Hyperscan.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::policy {

// All AND; values of one axis OR; an empty axis does not restrict. Values are compared exactly.
struct scope {
  std::vector<std::string> region, tenant, tier, route, model;
  [[nodiscard]] bool global() const {
    return region.empty() && tenant.empty() && tier.empty() && route.empty() && model.empty();
  }
};

enum class boundary : std::uint8_t { word, none };

// match: list | keywords. Both end here: words in one form, each with its own boundary.
struct keyword_match {
  std::string list;                 // name of the List; empty for inline keywords
  std::vector<std::string> words;   // as written
  bool case_sensitive = false;
  bool fold = true;                 // case folding and confusables; false with case_sensitive
  policy::boundary boundary = boundary::word;
  std::vector<policy::place> places;  // of each word; may be shorter than `words`
};

struct regex_match {
  std::string pattern;              // PCRE2 syntax, UTF and UCP on
  std::vector<std::string> prefilter;  // words of which one must be in the text, else the rule does not match
  policy::place place;                 // of the pattern's first character, for errors inside it
};

enum class validator : std::uint8_t { none, luhn, iban };

struct match_spec {
  enum class kind : std::uint8_t { keywords, regex };
  match_spec::kind kind = match_spec::kind::keywords;
  keyword_match keywords;
  regex_match regex;
  policy::validator validator = validator::none;
  policy::place place;
};

struct where_spec {
  std::vector<role> roles;        // empty: every one
  std::vector<part_kind> parts;   // empty: every one
  bool last_turn_only = false;    // messages: last_turn
};

struct action_spec {
  action type = action::flag;
  std::string mask;               // redact; default "[REDACTED]"
  std::uint32_t keep_first = 0, keep_last = 0;  // redact: code points of the match kept in clear; mask goes between
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
  std::vector<std::string> falsepositives, references, tags;
  std::vector<exception_spec> exceptions;
  std::vector<test_spec> tests;
  policy::place place;
};

struct policy_ast {
  std::string name, title, owner, status, ticket;
  std::string review_by, expires;  // YYYY-MM-DD or empty; past them the checker warns, the policy stays in force
  policy::enforcement enforcement = enforcement::enforce;
  policy::scope scope;            // the policy's own; ANDed with each bind
  std::vector<policy::scope> binds;  // of the modules that name it; any may fit
  std::vector<rule> rules;
  std::string file_sha256;
  policy::place place;
};

struct list_ast {
  std::string name, owner, review_by;
  keyword_match words;
  bool used = false;
  policy::place place;
};

struct bundle_ast {
  std::string name, owner;
  std::vector<policy_ast> policies;  // sorted by name: order of files never matters
  std::map<std::string, list_ast> lists;
  struct {
    std::uint32_t rules_max = 5000, patterns_max = 200'000, pattern_bytes_max = 4096;
    std::uint64_t database_bytes_max = 256u << 20;
  } limits;
  struct {
    std::optional<std::string> policy_stale;  // last_known_good | fail_closed; may only be stricter than sluice.yaml
    std::optional<milliseconds> max_stale;
    action matcher_unavailable = action::block;  // what an enforcing rule's failed matcher does: block (default) or allow
  } on_error;
  std::string version;               // 64 hex digits
};

}  // namespace sluice::policy
