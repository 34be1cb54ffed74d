// What a version in shadow would have changed, from the records of nodes: `sluice shadow report`. Pure: lines in, a report out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/policy/ast.hpp"

namespace sluice::rollout {

// Of `n` exchanges, each counted once. What stands in an exchange because the client sent its history again, and was counted with its conversation, is no
// change of this one. `other_text`: both pass and somebody would have read another text.
struct shadow_counts {
  std::uint64_t n = 0, newly_blocked = 0, newly_passed = 0, other_text = 0;
  [[nodiscard]] std::uint64_t changed() const { return newly_blocked + newly_passed + other_text; }
};

struct shadow_example {
  std::string decision, rule, direction, tenant, where, masked;
};

struct shadow_rule {
  std::string rule, policy, direction;  // a row for each direction in which it matched
  std::uint64_t matched = 0;            // exchanges with a finding of it that was not counted before
  shadow_counts counts;                 // n: of `exact`; newly passed: what it blocked in the live version
  std::vector<shadow_example> examples; // of what would be newly blocked, or passed
};

// What a rule's promote_when asks, held against live traffic without labels: each match counts as a wrong one.
struct shadow_promotion {
  enum class verdict : std::uint8_t { met, insufficient, needs_labels };
  std::string rule, policy;
  policy::promote_spec wanted;
  std::uint64_t samples = 0, hits = 0;  // exchanges that it could see: of its direction, for whom it is bound
  double days = 0, upper95 = 1;
  shadow_promotion::verdict shown = verdict::insufficient;
};
[[nodiscard]] std::string_view to_string(shadow_promotion::verdict v);

// A version that was in shadow at that time, too, and that the report is not about.
struct other_candidate {
  std::string version;
  std::uint64_t judged = 0;                 // exchanges
  std::optional<wall_time> last;
};

struct shadow_report {
  std::string candidate;                    // version
  bool was_named = false;                   // by whoever asked; otherwise it is the one of the newest record in shadow
  std::vector<other_candidate> others;      // the newest first
  std::vector<std::string> live;            // versions that decided meanwhile
  std::optional<wall_time> from, to;
  std::uint64_t judged = 0, inexact = 0;    // inexact ones are in no rate
  std::uint64_t not_judged = 0;             // shed: decisions under those activations that have no record in shadow
  std::uint64_t by_canary = 0;              // decisions of a canary beside it: the version is held against what is live, so these are not judged
  std::vector<std::string> canaries;        // the versions that made them
  std::map<std::string, std::uint64_t> why_inexact;
  shadow_counts total;
  std::map<std::string, shadow_counts> by_direction, by_tenant;
  std::vector<shadow_rule> rules;           // those that change something first
  std::uint64_t us_p50 = 0, us_p99 = 0;     // processor time of one exchange
  std::uint64_t compared = 0;               // exchanges that were also judged by the live version, for its cost
  double times_live = 0;                    // cost against the live version; 0: not compared
  std::vector<shadow_promotion> promotions;
  std::size_t nodes = 0;
};

// Reads the records of a time in two passes, because what was not judged is known only when all that was judged is.
class shadow_reading {
 public:
  // `candidate`: a version or its first digits; empty: the one of the newest record in shadow.
  explicit shadow_reading(std::string candidate) : wanted_(std::move(candidate)) {}
  void judged(const std::string& line);   // each record with event "shadow", in the order of their times
  void decided(const std::string& line);  // then each other record
  // The version that the report is about; "" when there is none.
  [[nodiscard]] const std::string& candidate() const { return newest_; }
  // `bundle`: of the candidate, for what its rules' promote_when ask; null: not asked.
  [[nodiscard]] result<shadow_report> finish(const policy::bundle_ast* bundle);

 private:
  struct rule_key {
    std::string rule, policy, direction;
    auto operator<=>(const rule_key&) const = default;
  };
  struct open_decision {  // what was let through newly, until its decision says which rules had blocked it
    std::string tenant, direction;
  };
  struct seen_context {  // exchanges of one context, so that it is known what a rule could see
    policy::context who;
    std::uint64_t requests = 0, responses = 0;
  };
  struct per_candidate {
    shadow_report report;
    std::map<rule_key, shadow_rule> rules;
    std::unordered_set<std::string> ids;
    std::unordered_map<std::string, open_decision> passed;
    std::vector<std::uint64_t> us;
    std::uint64_t compared_us = 0, live_us = 0;
    std::unordered_set<std::string> nodes, live, canaries;
    std::unordered_set<std::string> activations;  // under which it was in shadow: between them nothing was to judge
    std::map<std::string, std::uint64_t> hits;  // exchanges with a finding that is new, by rule
    std::unordered_map<std::string, bool> spans;  // of conversations, that were counted
    std::map<std::string, seen_context> contexts;
  };
  void promote(const policy::bundle_ast& bundle, per_candidate& from);

  std::string wanted_, newest_;
  std::map<std::string, other_candidate> all_;  // every version that was in shadow
  std::map<std::string, per_candidate> candidates_;
};

// "34 (26.8 %; 19.3 % to 35.4 %)": the share and its 95 % interval.
[[nodiscard]] std::string with_bounds(std::uint64_t hits, std::uint64_t n);
[[nodiscard]] std::string span_of(const shadow_report& report);
// Why the report is about this version, where there were others; "" where there was none.
[[nodiscard]] std::string choice_of(const shadow_report& report);
// What a canary decided meanwhile; "" where there was none.
[[nodiscard]] std::string beside_of(const shadow_report& report);
[[nodiscard]] std::string cost_of(const shadow_report& report);
[[nodiscard]] std::string asked(const shadow_promotion& promotion);
[[nodiscard]] std::string named(const std::string& tenant);
[[nodiscard]] std::string to_json(const shadow_report& report);
[[nodiscard]] std::string to_html(const shadow_report& report);

}  // namespace sluice::rollout
