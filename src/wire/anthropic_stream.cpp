// One streamed Messages answer. Each content block has its own texts; what is held of one leaves before its content_block_stop. Where
// rules may put text behind the answer, the end of a text block waits until the next event shows whether it was the last; where they
// may still change what was said, all that follows waits with it.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "anthropic.hpp"
#include "anthropic_table.hpp"
#include "event_stream.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::none;

class messages_stream final : public event_stream {
 public:
  messages_stream(std::string_view model, std::uint32_t depth_max) : event_stream(anthropic_event(), depth_max), model_(json_quoted(model)) {}

  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;
  [[nodiscard]] bool keeps_back() const override {
    return waits_ || std::ranges::any_of(blocks_, [](const auto& b) { return b.second.arguments.waits(); });
  }

 private:
  struct block {
    bool begun = false, stopped = false;
    bool shown = false, ended = false;  // the same, as the client has seen it
    bool says = false;                  // a block of text
    bool left = false;                  // some of it has left
    std::uint32_t message = 0;          // of messages_
    std::vector<std::optional<std::uint32_t>> channels;  // of anthropic_texts()
    call_arguments arguments;
  };

  // What waits, and of which block it is; below 0: of none.
  struct waiting {
    std::string bytes;
    std::int64_t block;
  };
  // A place in the events that wait, before one of them, where text of a block is still to come.
  struct gap {
    std::size_t at;
    std::int64_t block;
    std::size_t text;                      // index into anthropic_texts()
    std::optional<std::uint32_t> channel;  // what it kept; none: only what is added
  };

  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out) override;
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out) override;
  [[nodiscard]] taken take(index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] std::string which() const override { return event_.text("type").starts_with("content_block_") ? std::to_string(current_) : std::string(); }
  [[nodiscard]] bool finish(std::int64_t number, block& b, channel_sink& sink, std::string& out);
  [[nodiscard]] bool close(channel_sink& sink, std::string& out);
  [[nodiscard]] bool ends_message() const;
  [[nodiscard]] bool begins_again() const {
    const auto b = blocks_.find(current_);
    return b != blocks_.end() && b->second.begun && b->second.message == messages_;
  }
  [[nodiscard]] bool begins_with_text(index block) const;
  [[nodiscard]] bool begin_message(channel_sink& sink, std::string& out);
  // False: more than the gateway follows.
  [[nodiscard]] bool has_room_for(std::int64_t block) { return blocks_.contains(block) || blocks_.size() < limits::calls || event_.refuse("more content blocks than the gateway follows"); }
  void begin_block(index made, std::string& out);
  void end_block(channel_sink& sink);
  [[nodiscard]] std::string& next(std::int64_t block, std::string& out) { return waits_ ? waiting_.emplace_back(waiting{{}, block}).bytes : out; }
  [[nodiscard]] bool stays_empty(std::int64_t number, std::span<const std::string> filling) const;
  void wait(std::int64_t block, std::size_t text, std::optional<std::uint32_t> channel);
  void let_go(std::string& out);
  [[nodiscard]] bool renumber(std::string_view event, std::int64_t number, std::string& out);
  [[nodiscard]] bool counts_waiting(channel_sink& sink);
  void remember();
  static void delta(std::int64_t number, std::string_view type, std::string_view key, std::string_view text, std::string& out);
  static void delta(std::int64_t number, const anthropic_text& of, std::string_view text, std::string& out) { delta(number, of.delta_type, of.key, text, out); }

  std::map<std::int64_t, block> blocks_;
  std::int64_t current_ = 0;  // the block of the event at hand
  std::int64_t begun_ = 0;    // blocks of the message at hand, as a client counts them
  std::vector<std::pair<index, std::int64_t>> with_message_;  // blocks with text in the first event of a message, when that is at hand
  std::string model_, id_ = "\"msg_sluice\"", output_tokens_ = "0";  // raw tokens
  bool started_ = false;
  std::uint32_t messages_ = 0;  // some upstreams begin one message behind the other
  bool waits_ = false, calls_tool_ = false, closed_ = false;
  std::vector<waiting> waiting_;       // events behind the first gap
  std::size_t counted_ = 0;            // of those, in the next
  waiting_bytes waiting_bytes_;
  std::vector<gap> gaps_;
  std::int64_t gone_ = 0;              // blocks that the client never had
  std::optional<std::size_t> tail_;    // the gap at the end of a text block that may be the last of all
};

response_stream::status messages_stream::event(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (!read(e)) return stopped();
  const auto type = event_.text("type");
  if (!event_.index_at("index", current_)) return stopped();
  with_message_.clear();
  if (type == "message_start" && !begin_message(sink, out)) return stopped();
  remember();
  if (type.starts_with("content_block_") && !has_room_for(current_)) return stopped();
  // What a block holds leaves before it ends, or before another takes its place.
  if (type == "content_block_stop" || type == "content_block_start") {
    if (const auto b = blocks_.find(current_); b != blocks_.end() && !finish(current_, b->second, sink, out)) return stopped();
    if (type == "content_block_start" && (closed_ || begins_again())) {
      // Of one that begins twice a client puts the second behind the first, or in its place.
      (void)event_.refuse(closed_ ? "a content block behind the end of its message" : "a content block that begins twice");
      return stopped();
    }
    type == "content_block_start" ? begin_block(event_.child(0, "content_block"), out) : end_block(sink);
  } else if (ends_message() && !finish_all(sink, out)) {
    return stopped();
  }
  if (!event_.judge(0, *this, sink)) return stopped();
  // Its clients put a block behind those that they have, and a delta where its number says: text in it would be that of another block.
  if (type == "content_block_start" && begun_++ != current_ && begins_with_text(event_.child(0, "content_block"))) {
    (void)event_.refuse("a content block with text whose number is not its place");
    return stopped();
  }
  if (type == "message_stop" && !event_.finish(sink)) return stopped();
  if (type == "error") waits_ = false, waiting_.clear();  // nothing of what waits is worth more than the reason
  write(e, type == "ping" ? out : next(type.starts_with("content_block_") ? current_ : -1, out));
  started_ = started_ || type == "message_start";
  if (type == "content_block_start") blocks_[current_].begun = true;
  if (type == "content_block_stop") blocks_[current_].stopped = true;
  if (!waits_ && type.starts_with("content_block_st")) {
    blocks_[current_].shown = blocks_[current_].begun;
    blocks_[current_].ended = blocks_[current_].stopped;
  }
  for (const auto& [node, number] : with_message_) blocks_[number].shown = !waits_;
  if (!counts_waiting(sink)) return stopped();
  over_ = type == "message_stop" || type == "error";
  return over_ ? status::done : status::ok;
}

// Some upstreams tell what was used before the end, too, in a message_delta without a reason to stop. What rules make of the answer is said
// before its end, so neither a block nor a piece of one may follow that.
bool messages_stream::ends_message() const {
  const auto& body = event_.body();
  const auto type = event_.text("type");
  if (type != "message_delta") return type == "message_stop";
  const auto delta = event_.child(0, "delta");
  const auto reason = delta == none || body[delta].kind != text::json::kind::object ? none : event_.child(delta, "stop_reason");
  return reason != none && body[reason].kind != text::json::kind::null && !body[reason].text.empty();
}

// Whether a block begins with text that its deltas may go on with.
bool messages_stream::begins_with_text(index block) const {
  if (block == none || event_.body()[block].kind != text::json::kind::object) return false;
  const auto type = event_.text("type", block);
  return std::ranges::any_of(anthropic_texts(), [&](const anthropic_text& g) { return g.type == type && !event_.text(g.key, block).empty(); });
}

// A message may come with blocks: those to which a client puts the deltas of these numbers. One that begins ends the one before.
bool messages_stream::begin_message(channel_sink& sink, std::string& out) {
  if ((messages_ > 0 || !blocks_.empty()) && !finish_all(sink, out)) return false;
  ++messages_;
  closed_ = calls_tool_ = false;
  gone_ = begun_ = 0;
  for (auto& [number, b] : blocks_) b.stopped = true;
  const auto& body = event_.body();
  const auto message = event_.child(0, "message");
  const auto list = message == none || body[message].kind != text::json::kind::object ? none : event_.child(message, "content");
  for (auto each = list == none || body[list].kind != text::json::kind::array ? none : body.first_child(list); each != none; each = body.sibling(each)) {
    current_ = begun_++;
    calls_tool_ = calls_tool_ || event_.text("type", each) == "tool_use";
    if (!begins_with_text(each)) continue;
    if (!has_room_for(current_)) return false;
    begin_block(each, out);
    blocks_[current_].begun = blocks_[current_].left = true;  // no event of its own that could be taken back
    with_message_.emplace_back(each, current_);
  }
  return true;
}

void messages_stream::begin_block(index made, std::string& out) {
  // The text block before was not the last: nothing comes behind it.
  tail_.reset();
  if (std::ranges::none_of(gaps_, [](const gap& g) { return g.channel.has_value(); })) let_go(out);
  auto& b = blocks_[current_] = {};
  b.message = messages_;
  if (made == none || event_.body()[made].kind != text::json::kind::object) return;
  b.says = event_.text("type", made) == "text";
  calls_tool_ = calls_tool_ || event_.text("type", made) == "tool_use";
}

void messages_stream::end_block(channel_sink& sink) {
  if (!blocks_[current_].says || closed_ || !sink.adds()) return;
  if (gaps_.empty() || gaps_.back().block != current_) wait(current_, 0, {});
  tail_ = gaps_.size() - 1;
}

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

void messages_stream::remember() {
  const auto keep = [](std::string_view raw, std::string& to) {
    if (!raw.empty()) to = raw;
  };
  const auto& body = event_.body();
  const auto message = event_.child(0, "message");
  if (message != none && body[message].kind == text::json::kind::object) {
    keep(event_.word("id", message), id_);
    keep(event_.word("model", message), model_);
  }
  const auto usage = event_.child(message != none && body[message].kind == text::json::kind::object ? message : 0, "usage");
  if (usage == none || body[usage].kind != text::json::kind::object) return;
  const auto tokens = body.member(usage, "output_tokens");
  if (tokens != none && body[tokens].kind == text::json::kind::number) output_tokens_ = body[tokens].text;
}

event_reader::grower::taken messages_stream::take(index i, const row& r, channel_sink& sink) {
  const auto& path = r.path;
  const bool with_message = path.starts_with(anthropic_in_message);
  if (!with_message && !path.starts_with("<content_block_delta>.delta") && !path.starts_with("<content_block_start>.content_block<")) return taken::left;
  if (with_message) {
    const auto of = std::ranges::lower_bound(with_message_, event_.body()[i].parent, {}, &std::pair<index, std::int64_t>::first);
    if (r.comes != coming::grows || of == with_message_.end() || of->first != event_.body()[i].parent) return taken::left;
    current_ = of->second;
  }
  if (!has_room_for(current_)) return taken::blocked;
  auto& b = blocks_[current_];
  if (!b.begun) b.message = messages_;
  // A client puts it behind what it has, and what it has was decided.
  if (b.stopped || closed_) return event_.refuse("text of a content block after its end"), taken::blocked;
  if (r.what == text_class::json) return take_arguments(b.arguments, i, sink) ? taken::taken : taken::blocked;
  b.channels.resize(anthropic_texts().size());
  for (std::size_t t = 0; t < anthropic_texts().size(); ++t) {
    const auto& g = anthropic_texts()[t];
    if (path != g.delta_row && path != g.first_row && path != g.message_row) continue;
    if (!b.channels[t]) {
      b.channels[t] = sink.open(role::assistant, r.kind, r.what == text_class::text, "content[" + std::to_string(current_) + "]." + std::string(g.key), 0);
      if (r.kind == part_kind::text) sink.goes_on(*b.channels[t]);
    }
    released_.clear();
    if (sink.feed(*b.channels[t], event_.body()[i].text, released_) != channel_sink::status::released) return taken::blocked;
    b.left = b.left || !released_.empty();
    event_.replace(i, released_);
    return taken::taken;
  }
  return taken::left;
}

void messages_stream::delta(std::int64_t number, std::string_view type, std::string_view key, std::string_view text, std::string& out) {
  out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" + std::to_string(number) +
         ",\"delta\":{\"type\":" + json_quoted(type) + "," + json_quoted(key) + ":" + json_quoted(text) + "}}\n\n";
}

// Resolves what a block still holds.
bool messages_stream::finish(std::int64_t number, block& b, channel_sink& sink, std::string& out) {
  if (b.stopped) return true;
  auto& call = b.arguments;
  if (call.begun) {
    released_.clear();
    if (!finish_arguments(call, "content[" + std::to_string(number) + "].input", 0, sink, released_)) return false;
    if (!released_.empty()) delta(number, "input_json_delta", "partial_json", released_, next(number, out));
  }
  for (std::size_t t = 0; t < b.channels.size(); ++t) {
    if (!b.channels[t]) continue;
    released_.clear();
    const auto channel = *b.channels[t];
    b.channels[t].reset();
    if (sink.end(channel, released_) != channel_sink::status::released) return false;
    b.left = b.left || !released_.empty();
    if (!released_.empty()) delta(number, anthropic_texts()[t], released_, next(number, out));
    if (sink.keeps_rest(channel)) wait(number, t, channel);
  }
  return true;
}

bool messages_stream::finish_all(channel_sink& sink, std::string& out) {
  for (auto& [number, b] : blocks_) {
    if (!finish(number, b, sink, out)) return false;
  }
  return close(sink, out);
}

void messages_stream::cut(std::string_view message, std::string& out) {
  if (!end_now()) return;
  if (!started_) out += anthropic_message_start(id_, model_);
  std::int64_t behind = 0;
  for (const auto& [number, b] : blocks_) {
    if (b.shown) behind = std::max(behind, number + 1);
    if (b.shown && !b.ended) {
      out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":" + std::to_string(number) + "}\n\n";
    }
  }
  if (!message.empty()) out += anthropic_text_block(behind - gone_, message);
  out += anthropic_refusal_end(message, output_tokens_);
}

void messages_stream::fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) {
  if (!end_now()) return;
  out += "event: error\ndata: " + anthropic_error_body({what, message, "", decision_id}) + "\n\n";
}

}  // namespace

std::unique_ptr<response_stream> anthropic_open_stream(std::string_view model, std::uint32_t depth_max) {
  return std::make_unique<messages_stream>(model, depth_max);
}

}  // namespace sluice::wire
