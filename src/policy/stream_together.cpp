// The texts of a streamed answer that was held to its end, judged as those of an answer in one piece are: what several of them say together. Each was
// judged by itself when it ended, and is written by then, so that what would edit one of them stops the answer.
#include "stream_impl.hpp"

namespace sluice::policy {

void stream_evaluator::impl::keep_whole(const channel_state& c, std::uint32_t index, std::string_view text) {
  if (text.empty() || !keeps_whole(c)) return;
  whole_texts.try_emplace(index, whole_text{.who = c.who, .kind = c.kind, .choice = c.choice, .text = {}}).first->second.text += text;
  whole_bytes += text.size();
}

bool stream_evaluator::keeps_whole(channel c) const { return impl_->whole_texts.contains(c); }

// What a choice said in one text has no other to be read with.
void stream_evaluator::impl::drop_single(std::int64_t choice) {
  auto only = whole_texts.end();
  for (auto it = whole_texts.begin(); it != whole_texts.end(); ++it) {
    if (it->second.choice != choice) continue;
    if (only != whole_texts.end()) return;
    only = it;
  }
  if (only == whole_texts.end()) return;
  whole_bytes -= only->second.text.size();
  whole_texts.erase(only);
}

stream_evaluator::status stream_evaluator::judge_together() {
  auto& x = *impl_;
  const auto texts = std::exchange(x.whole_texts, {});
  x.whole_bytes = 0;
  if (x.blocked) return status::blocked;
  std::vector<text_part> parts(texts.empty() ? 0 : texts.rbegin()->first + 1);  // a part for each channel, empty where it is none of these
  std::map<std::int64_t, std::int32_t> choices;                                // an upstream may number them as it likes
  for (const auto& [channel, of] : texts) {
    const auto choice = choices.try_emplace(of.choice, static_cast<std::int32_t>(choices.size())).first->second;
    parts[channel] = {.role = of.who, .kind = of.kind, .editable = false, .text = of.text, .choice = choice};
  }
  if (!has_seams(x.rules, parts, direction::response)) return status::released;
  if (!prepare(x.s, x.rules.owner)) {
    x.out.reason = "matcher unavailable: out of memory";
    x.out.verdict = x.out.shadow_verdict = verdict::block;
  } else {
    evaluation run(x.rules, x.options, x.s, x.out, &x.noted);
    run.expect_seams(parts);
    for (const auto& [channel, of] : texts) run.part(channel, parts[channel]);
    run.join();
    run.finish();
    run.settle_without_place();
  }
  x.blocked = x.out.verdict == verdict::block;
  return x.blocked ? status::blocked : status::released;
}

}  // namespace sluice::policy
