// See kept_stream.hpp.
#include "sluice/policy/kept_stream.hpp"

#include <utility>

namespace sluice::policy {

// As a stream goes: all that a choice says, then the end of its texts, then its own. Texts in series come one behind the other.
outcome evaluate_kept_stream(std::shared_ptr<const snapshot> with, const ruleset& rules, const kept_stream& of, const evaluate_options& options, scratch& working, std::vector<std::string>* said) {
  stream_evaluator stream(std::move(with), rules, options, working);
  std::vector<std::string> left(of.texts.size());
  for (const auto& p : of.texts) (void)stream.open(p.role, p.kind, p.editable, p.choice);
  for (std::uint32_t c = 0; c < of.texts.size() && !stream.blocked(); ++c) {
    if (of.texts[c].in_series) stream.goes_on(c);
    (void)stream.feed(c, of.texts[c].text, left[c]);
    if (of.texts[c].in_series && of.texts[c].ended && !stream.blocked()) (void)stream.finish(c, left[c]);  // the next begins behind it
  }
  for (std::uint32_t c = 0; c < of.texts.size() && !stream.blocked(); ++c) {
    if (of.texts[c].ended && !of.texts[c].in_series) (void)stream.finish(c, left[c]);
  }
  for (const auto& each : of.choices) {
    if (stream.blocked()) break;
    (void)stream.close(each.choice, each.structured, left.emplace_back());
  }
  if (of.ended && !stream.blocked()) {
    (void)stream.close_all();
    (void)stream.judge_together();
  }
  if (said != nullptr) *said = std::move(left);
  return stream.result();
}

}  // namespace sluice::policy
