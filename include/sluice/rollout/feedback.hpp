// What people say of decisions: reports of clients, labels of those who looked, and what follows from both. Nothing here changes a policy: it ends in
// figures, and in a proposal that two people have agreed on. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::rollout {

// Of a decision: it acted where it should not have, it did not where it should have, it was right.
enum class judgement : unsigned char { false_positive, false_negative, correct };
std::string_view to_string(judgement j);
[[nodiscard]] std::optional<judgement> judgement_from(std::string_view word);

inline constexpr std::size_t note_bytes_max = 1000;
inline constexpr std::size_t labels_needed = 2;  // of different people, who agree

// What a client or an operator sends: {"decision_id", "verdict", "note", "by"}.
struct feedback_request {
  std::string decision;
  judgement verdict = judgement::false_positive;
  std::string note, by;
};
// errc::invalid_argument says which member is wrong and what it takes. `by` is refused unless `labelled`, and then it is needed.
[[nodiscard]] result<feedback_request> parse_feedback(std::string_view body, bool labelled);

struct feedback_entry {
  enum class kind : unsigned char { report, label } what = kind::report;
  std::string decision;
  judgement verdict = judgement::false_positive;
  std::string by;                   // report: a keyed hash of the caller. label: a person's name
  std::string note, sealed_note;    // one of them, or none
  std::string tenant, node;
  std::string account;              // label: user@host of the command that wrote it
  wall_time time{};
};
// One line, without its end.
[[nodiscard]] std::string to_json(const feedback_entry& entry);
[[nodiscard]] std::optional<feedback_entry> parse_entry(std::string_view line);
// Digits become '#', and a word with '@' becomes [address].
[[nodiscard]] std::string masked_note(std::string_view note);

// What a name comes to for telling people apart: "Ada", "ada " and a name in letters that look alike are one person.
[[nodiscard]] std::string person(std::string_view name);

// All that was said of one decision. Somebody who says it twice says it once, however the name is spelled: case, spaces and letters that look alike
// make no other person.
struct reviewed_decision {
  std::string decision, tenant;
  std::size_t false_positives = 0, false_negatives = 0;  // reporters
  std::vector<feedback_entry> reports, labels;           // the last word of each person
  std::optional<judgement> settled;                      // what `labels_needed` people say, and nobody contradicts
  bool disputed = false;
  wall_time first{};
};
// Newest first.
[[nodiscard]] std::vector<reviewed_decision> review(std::span<const feedback_entry> entries);

// A rule that acted on a decision, as its record names it.
struct acted_rule {
  std::string rule, policy, direction;  // request or response
  bool enforced = true;
  std::string value;                    // what it matched; "" unless the text was kept
  std::string span = {};                // what it matched, by its hash
  bool last_turn = true;                // as in policy::finding
};
struct logged_decision {
  std::string id, tenant, verdict;
  std::string conversation = {};        // or, where none is known, the user; by its hash
  wall_time time{};
  std::vector<acted_rule> rules;
  std::string request, response;        // the last message of the user, and the answer; "" unless the text was kept
};

struct rule_feedback {
  std::string rule, policy;
  std::size_t hits = 0;        // decisions of the logs on which it acted; those that have it from their history count as the one that had it first
  std::size_t reported = 0;    // of those: reported as false positives
  std::size_t reporters = 0;   // different ones, in all
  std::size_t right = 0, wrong = 0;  // settled by labels
  double precision_low = 0, precision_high = 1;  // exact two-sided 90 % interval of right / (right + wrong)
};
// Sorted by reports, the most first. Reported decisions are no sample: whoever was not annoyed says nothing.
[[nodiscard]] std::vector<rule_feedback> by_rule(std::span<const reviewed_decision> reviewed, std::span<const logged_decision> logged);

struct text_cluster {
  std::vector<std::string> decisions;  // the first stands for all
};
// Reported decisions whose texts are alike; those without a text are left out.
[[nodiscard]] std::vector<text_cluster> clusters(std::span<const reviewed_decision> reviewed, std::span<const logged_decision> logged, double alike_min = 0.5);

// What two people agreed on, as it would stand in a bundle.
struct proposed_exception {
  std::string rule, policy;
  std::string value;                  // what the rule matched, and the exception excuses
  std::string yaml;                   // one exception, in flow style
  std::string id = {};                // its name there
};
struct proposal {
  std::vector<std::string> cases;     // golden cases, JSON lines
  std::vector<proposed_exception> exceptions;
  std::vector<std::string> left_out;  // decisions that are settled and of which nothing could be made, and why
};
struct proposal_options {
  wall_time today;
  unsigned days = 30;                 // until an exception ends
  bool for_everybody = false;         // also exceptions that no tenant bounds, where none is known
};
[[nodiscard]] proposal propose(std::span<const reviewed_decision> reviewed, std::span<const logged_decision> logged, const proposal_options& how);

}  // namespace sluice::rollout
