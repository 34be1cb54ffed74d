// Runs a decision again from the version that decided it and says whether the record is what comes out. In full where the log kept the
// text; otherwise rule by rule: that what the record names was in force, and that its verdict follows from its findings.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/audit/record.hpp"
#include "sluice/audit/text_keys.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::audit {

// What a record does not show in the clear.
struct kept_exchange {
  std::vector<kept_part> request, response;
  std::vector<kept_choice> choices;
  bool answer_ended = false, takes_system_words = true;
  std::string user, conversation, caller;
  std::vector<std::string> tags;
  std::int64_t minute = policy::context::no_time;
};
// errc::not_found: none was kept, or it was erased; the message says which.
[[nodiscard]] result<kept_exchange> open_kept_text(const std::string& line, const text_keys& keys);

// When an exchange was asked, and pinned the snapshot that decided it: `time` of a record of an end is that end.
[[nodiscard]] wall_time began(std::string_view event, wall_time time, std::int64_t latency_us);

struct replay_input {
  std::string line;                        // of a "decision", "closed" or "opened" record
  const policy::bundle_ast& bundle;        // of its version
  std::shared_ptr<const policy::snapshot> snapshot;
  const std::optional<kept_exchange>& text;
  std::string value_key;                   // to compare matched values; empty: they are not compared
};
struct replay_report {
  bool full = false;                       // the text was judged again; false: rule by rule
  bool unasked = false;                    // the gateway refused, or the client went, before any rule was asked: there is nothing to run again
  std::vector<std::string> checked;        // what was found as recorded
  std::vector<std::string> differences;    // empty: the record is what comes out
};
[[nodiscard]] result<replay_report> replay(const replay_input& in);
// Of a decision that the gateway made before any rule was asked (a path it does not know, a body it cannot read, no policy): what the record
// says of it fits together. nullopt: rules were asked, and replay() is for it. Needs no version; that it was in force is the caller's to look up.
[[nodiscard]] result<std::optional<replay_report>> replay_unasked(const std::string& line);

// A decision in short: the stronger verdict of its two sides, and the enforced rules that matched, sorted.
struct short_decision {
  std::string id;
  policy::verdict verdict = policy::verdict::allow;
  std::vector<std::string> rules;
  bool by_gateway = false;  // of a record: blocked without a rule
  bool operator==(const short_decision&) const = default;
};
[[nodiscard]] result<short_decision> recorded_decision(const std::string& line);
// What any version, not only the one that made it, decides of an exchange that was kept.
[[nodiscard]] result<short_decision> decide_again(const std::string& line, const kept_exchange& text, const std::shared_ptr<const policy::snapshot>& with);

}  // namespace sluice::audit
