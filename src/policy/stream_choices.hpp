// The choices of a streamed answer: what each has said, and what rules make of it when it ends.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "judge.hpp"
#include "stream_channel.hpp"

namespace sluice::policy {

class stream_choices {
 public:
  explicit stream_choices(const ruleset& rules) : rules_(rules) {}

  // Text of a channel as a client gets it.
  void hear(const channel_state& c, std::string_view text, match::match_state& state) {
    if (rules_.adds && c.how != stream_evaluator::reading::field && c.choice >= 0 && is_read(c.kind)) said_[c.choice].add(text, rules_.disclaimers, state);
  }

  // False: blocked. `edits` counts what was added or rewritten; `tell` is called with each channel that was.
  template <class Tell>
  [[nodiscard]] bool close(std::int64_t choice, bool structured, judge& by, std::vector<std::unique_ptr<channel_state>>& channels,
                           match::match_state& state, std::string& addition, std::size_t& edits, Tell&& tell) {
    auto made = by.settle(choice, structured, said_[choice], state);
    if (made.blocked) return false;
    edits += made.addition.empty() ? 0 : 1;
    if (made.rewritten != nullptr) {
      ++edits;
      bool first = true;
      for (std::size_t i = 0; i < channels.size(); ++i) {
        auto& c = channels[i];
        if (c == nullptr || c->choice != choice || !c->kept || !is_read(c->kind)) continue;
        c->rest = first ? *made.rewritten : std::string();
        first = false;
        tell(i);
      }
      if (first) made.addition.insert(0, *made.rewritten);
    }
    addition = std::move(made.addition);
    return true;
  }

  // What belongs to no choice has no end at which text could be added. False: blocked.
  [[nodiscard]] bool close_alone(const channel_state& c, judge& by, match::match_state& state) {
    choice_text said;
    said.add(c.original, rules_.disclaimers, state);
    return !by.settle(c.choice, true, said, state).blocked;
  }

 private:
  const ruleset& rules_;
  std::map<std::int64_t, choice_text> said_;
};

}  // namespace sluice::policy
