// One text held against a snapshot outside of any exchange: what inline tests, golden sets, diffs and explanations
// share.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::policy {

struct trial_input {
  context who;
  policy::direction direction = policy::direction::request;
  std::vector<test_spec::message> messages;  // one for a response
  const std::map<std::string, double>* given = nullptr;  // see evaluate_options
};

struct trial_outcome {
  std::vector<std::string> rules, shadow, suppressed;  // ids, sorted, each once; suppressed: of exceptions
  std::vector<std::string> blocked_by;                 // of `rules`, those that made it a block
  policy::action action = action::allow;               // the strongest that is enforced
  policy::verdict verdict = verdict::allow;
  std::string text;    // the last message after edits; as it was when blocked
  std::vector<std::string> texts;  // of a whole one: each message, the same way
  std::string edited;  // the same as if nothing had been blocked
  std::size_t unblocked = std::string::npos;  // of a whole text: bytes of `edited` before the first match that blocks
  std::string reason;  // a verdict without a rule
  std::vector<std::string> tags;  // that the conversation has now; of a request, those that it set itself among them
};

// True for an answer that is a call of a tool: no text belongs behind it.
[[nodiscard]] bool is_structured(const trial_input& input);
// The parts of a trial; views into `input`.
[[nodiscard]] std::vector<text_part> parts_of(const trial_input& input);
[[nodiscard]] std::vector<text_part> parts_of(std::span<const test_spec::message> messages, direction which);
[[nodiscard]] trial_outcome try_whole(const snapshot& with, const trial_input& input, scratch& working);
// A response in pieces of so many code points, over and over; one at a time when none are given. Its text is what left the gateway.
[[nodiscard]] trial_outcome try_stream(const std::shared_ptr<const snapshot>& with, const trial_input& input,
                                       scratch& working, std::span<const std::uint32_t> pieces = {});
// Of an answer that is blocked as a whole, a stream lets out at most what lies before the first match that blocks it.
[[nodiscard]] bool left_before_block(const trial_outcome& whole, const trial_outcome& streamed);
[[nodiscard]] trial_outcome summarise(const snapshot& with, const outcome& result);
[[nodiscard]] std::string apply_edits(std::string_view text, std::uint32_t part, const std::vector<edit>& edits);

}  // namespace sluice::policy
