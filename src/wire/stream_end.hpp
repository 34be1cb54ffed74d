// What the ends of streams of several dialects have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::wire {

// Some clients read a last event, or a last line, that nothing ends, so it is judged like any other: the stream feeds itself what is missing.
// What of that left goes again, unless something followed it.
class missing_end {
 public:
  // Of the events of a stream (WHATWG HTML 9.2.5); `rest`: what came of the last.
  // A CR at the end may be half of a line's.
  static missing_end of_event(std::string_view rest) {
    const bool one_line = rest.ends_with('\n') || rest.ends_with("\r\r") || rest.ends_with("\n\r");
    return missing_end(rest.empty() ? "" : one_line ? "\n" : "\n\n");
  }
  static missing_end of_line(std::size_t rest_bytes) { return missing_end(rest_bytes == 0 ? "" : "\n"); }

  [[nodiscard]] std::string_view text() const { return text_; }
  // `size`: of `out` when it had been fed.
  void take_back(std::string& out, std::size_t size) const {
    if (out.size() == size && out.ends_with(text_)) out.resize(size - text_.size());
  }

 private:
  explicit missing_end(std::string_view text) : text_(text) {}
  std::string_view text_;
};

// Whether every choice said why it ends; of an answer that has not begun none did.
[[nodiscard]] inline bool all_finished(const auto& choices) {
  return !choices.empty() && std::ranges::all_of(choices, [](const auto& each) { return each.second.finished; });
}

// Calls f(number, choice) for each choice that a cut ends. Where all have finished, all finish anew: a client must not take for whole what broke
// off behind its text. An answer that has not begun has one.
template <class Choices, class F>
void each_to_cut(Choices& choices, F&& f) {
  if (choices.empty()) choices[0];
  const bool none_open = all_finished(choices);
  for (auto& [number, choice] : choices) {
    if (!choice.finished || none_open) f(number, choice);
  }
}

}  // namespace sluice::wire
