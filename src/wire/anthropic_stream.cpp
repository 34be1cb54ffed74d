// How its events follow each other, and its ends. See anthropic_stream.hpp; what waits in it: anthropic_waiting.cpp.
#include "anthropic_stream.hpp"

#include "anthropic.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::none;

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
  if (type == "error" && !judge_rest(sink)) return stopped();
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

bool messages_stream::finish_call(std::int64_t number, block& b, channel_sink& sink) {
  return finish_arguments(b.arguments, "content[" + std::to_string(number) + "].input", 0, sink, released_);
}

bool messages_stream::judge_calls(channel_sink& sink) {
  return std::ranges::all_of(blocks_, [&](auto& each) { return !each.second.arguments.begun || finish_call(each.first, each.second, sink); });
}

// Resolves what a block still holds.
bool messages_stream::finish(std::int64_t number, block& b, channel_sink& sink, std::string& out) {
  if (b.stopped) return true;
  if (b.arguments.begun) {
    released_.clear();
    if (!finish_call(number, b, sink)) return false;
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

std::unique_ptr<response_stream> anthropic_open_stream(std::string_view model, std::uint32_t depth_max) {
  return std::make_unique<messages_stream>(model, depth_max);
}

}  // namespace sluice::wire
