// What of a Messages stream waits for the rules, and how it leaves at the answer's end. See anthropic_stream.hpp.
#include <iterator>
#include <set>

#include "anthropic.hpp"
#include "anthropic_stream.hpp"

namespace sluice::wire {

using text::json::none;

void messages_stream::wait(std::int64_t block, std::size_t text, std::optional<std::uint32_t> channel) {
  waits_ = true;
  gaps_.push_back({waiting_.size(), block, text, channel});
}

// Events that wait are held for the rules as text is. False: more than may be.
bool messages_stream::counts_waiting(channel_sink& sink) {
  for (; counted_ < waiting_.size(); ++counted_) waiting_bytes_.now += sizeof(waiting) + waiting_[counted_].bytes.size();
  return waiting_bytes_.fit(sink);
}

void messages_stream::let_go(std::string& out) {
  if (!waits_) return;
  for (const auto& w : waiting_) out += w.bytes;
  waiting_.clear();
  gaps_.clear();
  tail_.reset();
  waits_ = false;
  counted_ = waiting_bytes_.now = 0;
  for (auto& [number, b] : blocks_) {
    b.shown = b.begun;
    b.ended = b.stopped;
  }
}

// A block of text that the client has not seen, and of which rules kept all and left nothing.
bool messages_stream::stays_empty(std::int64_t number, std::span<const std::string> filling) const {
  const auto b = blocks_.find(number);
  if (b == blocks_.end() || !b->second.says || b->second.shown || b->second.left) return false;
  for (std::size_t i = 0; i < gaps_.size(); ++i) {
    if (gaps_[i].block == number && !filling[i].empty()) return false;
  }
  return true;
}

// An event as one of another block. False: nobody can read it, though it was read when it came.
bool messages_stream::renumber(std::string_view event, std::int64_t number, std::string& out) {
  text::json::document body;
  std::string joined;
  const auto e = http::read_event(event, joined);
  if (auto parsed = body.parse(e.data, depth_max_); !parsed) return event_.refuse(parsed.error().message);
  const auto at = body.member(0, "index");
  if (at == none) return event_.refuse("an event of a content block that does not name it");
  http::append_with_data(e, text::json::apply(e.data, {{body[at].raw_begin, body[at].raw_end, std::to_string(number)}}), out);
  return true;
}

// The end of the answer: what rules made of it goes into the gaps, and what they add behind the last text.
bool messages_stream::close(channel_sink& sink, std::string& out) {
  if (std::exchange(closed_, true)) return true;
  if (!event_.finish(sink, 0)) return false;
  std::string addition;
  if (sink.closing(0, calls_tool_, addition) != channel_sink::status::released) return false;
  std::vector<std::string> filling;
  for (std::size_t i = 0; i < gaps_.size(); ++i) {
    auto& words = filling.emplace_back();
    if (gaps_[i].channel) sink.rest(*gaps_[i].channel, words);
    if (tail_ == i) words += std::exchange(addition, {});
  }
  const auto events = std::exchange(waiting_, {});
  std::set<std::int64_t> empty;  // blocks of which nothing is left: the API takes none back
  for (const auto& g : gaps_) {
    if (stays_empty(g.block, filling)) empty.insert(g.block);
  }
  const auto number_of = [&](std::int64_t block) { return block - std::distance(empty.begin(), empty.lower_bound(block)); };
  std::size_t at = 0;
  const auto before = out.size();
  for (std::size_t i = 0; i <= gaps_.size(); ++i) {
    for (const auto until = i < gaps_.size() ? gaps_[i].at : events.size(); at < until; ++at) {
      const auto& e = events[at];
      if (empty.contains(e.block)) continue;
      if (e.block < 0 || number_of(e.block) == e.block) {
        out += e.bytes;
      } else if (!renumber(e.bytes, number_of(e.block), out)) {
        out.resize(before);
        return false;
      }
    }
    if (i < gaps_.size() && !filling[i].empty()) delta(number_of(gaps_[i].block), anthropic_texts()[gaps_[i].text], filling[i], out);
  }
  gone_ = std::ssize(empty);
  let_go(out);
  if (addition.empty()) return true;
  std::int64_t number = 0;
  for (const auto& [each, of] : blocks_) number = of.message == messages_ ? each + 1 : number;
  auto& b = blocks_[number];
  b.message = messages_;
  b.begun = b.stopped = b.shown = b.ended = true;
  out += anthropic_text_block(number - gone_, addition);
  return true;
}

}  // namespace sluice::wire
