// A streamed answer judged again from its text. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {

struct ended_choice {
  std::int32_t choice = 0;
  bool structured = false;  // as in evaluate_options
};

// What a stream has left of itself. How it was cut into pieces changes nothing of what is found in each text; which text of which choice came when is
// not known. So of several choices nobody can tell what stood in one of them when another was cut.
struct kept_stream {
  std::span<const text_part> texts;         // in the order in which they began
  std::span<const ended_choice> choices;    // in the order in which they ended
  bool ended = false;                       // by its end, so that no choice is open
};
// `said`: what would have been read of each text, and behind each choice; null: nobody asks.
[[nodiscard]] outcome evaluate_kept_stream(std::shared_ptr<const snapshot> with, const ruleset& rules, const kept_stream& of, const evaluate_options& options, scratch& working,
                                           std::vector<std::string>* said = nullptr);

}  // namespace sluice::policy
