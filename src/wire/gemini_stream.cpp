// One streamed Gemini answer: each event is a whole answer with the next pieces of text, as server-sent events or as the elements of an
// array. What is held of a candidate leaves with the event that ends it.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "event_reader.hpp"
#include "gemini.hpp"
#include "gemini_table.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/json_stream.hpp"
#include "sluice/http/sse.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class generate_stream final : public response_stream, private event_reader::grower {
 public:
  explicit generate_stream(std::uint32_t depth_max) : event_(gemini_response(), depth_max) {}

  [[nodiscard]] status feed(std::string_view bytes, channel_sink& sink, std::string& out) override;
  [[nodiscard]] status end(bool clean, channel_sink& sink, std::string& out) override;
  void cut(std::string_view message, std::string& out) override;
  void fail(std::string_view message, std::string_view decision_id, std::string& out) override;
  [[nodiscard]] const std::string& reason() const override { return reason_; }

 private:
  enum class framing : std::uint8_t { unknown, events, array };
  // A text that grows: answer, thoughts, or an argument of a call by its path.
  struct growing {
    std::uint32_t channel = 0;
    bool open = false, thought = false;
    std::string pending;     // fed and not yet seen to leave
    index last = none;       // its last piece in the event at hand
    std::string tail;        // the last that it said, for when it goes on after its end
    std::string before;      // of it, what will be released once more, because it left before that end
    bool ends = false;
    std::string left;        // what it leaves at the end
  };
  struct candidate {
    std::map<std::string, growing> texts;
    bool finished = false, edited = false, calls = false;
    std::string added;  // behind what it said, when it last ended
  };

  [[nodiscard]] status event(std::string_view raw, std::string_view data, std::size_t data_offset, channel_sink& sink, std::string& out);
  [[nodiscard]] status feed_events(channel_sink& sink, std::string& out);
  [[nodiscard]] status feed_elements(channel_sink& sink, std::string& out);
  [[nodiscard]] taken take(index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] index candidate_of(index i) const;
  [[nodiscard]] bool resume(std::int64_t number, candidate& c, growing& g, const std::string& name, part_kind what, channel_sink& sink);
  static void drop_before(growing& g, std::string& released);
  [[nodiscard]] bool release(growing& g, std::string_view piece, channel_sink& sink);
  [[nodiscard]] bool finish(std::int64_t number, candidate& c, channel_sink& sink, std::string& out);
  [[nodiscard]] std::int64_t choice_of(index i) const override;
  [[nodiscard]] bool calls_tool(index candidate) const;
  void write(std::int64_t number, const std::string& name, const growing& g, std::string& out);
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out);
  static void note(candidate& c, growing& g, std::string_view fed, std::string_view released);
  void emit(const std::string& json, std::string& out);
  [[nodiscard]] status stopped() { return (reason_ = event_.unread()).empty() ? status::blocked : status::unreadable; }

  framing framing_ = framing::unknown;
  std::string head_;  // white space before the first byte that tells the framing
  http::sse_splitter events_{limits::event_bytes};
  http::json_splitter elements_{http::json_splitter::framing::array, limits::event_bytes};
  event_reader event_;
  std::map<std::int64_t, candidate> candidates_;
  std::string reason_, released_;
  bool written_ = false, over_ = false;
};

response_stream::status generate_stream::feed(std::string_view bytes, channel_sink& sink, std::string& out) {
  if (framing_ == framing::unknown) {
    head_ += bytes;
    const auto first = head_.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) return status::ok;
    if (head_[first] == '{') {
      reason_ = "one object where a stream should be";
      return status::unreadable;
    }
    framing_ = head_[first] == '[' ? framing::array : framing::events;
    bytes = head_;
  }
  if (framing_ == framing::events) {
    events_.feed(bytes);
    return feed_events(sink, out);
  }
  elements_.feed(bytes);
  return feed_elements(sink, out);
}

response_stream::status generate_stream::feed_events(channel_sink& sink, std::string& out) {
  http::sse_event e;
  while (true) {
    switch (events_.next(e)) {
      case http::sse_splitter::status::more: return status::ok;
      case http::sse_splitter::status::too_large: reason_ = "an event is too large"; return status::unreadable;
      case http::sse_splitter::status::event: break;
    }
    if (!event_.judge_lines(e.raw, sink)) return stopped();
    if (!e.has_data) {
      out += e.raw;
      continue;
    }
    if (const auto s = event(e.raw, e.data, e.data_offset, sink, out); s != status::ok) return s;
  }
}

response_stream::status generate_stream::feed_elements(channel_sink& sink, std::string& out) {
  http::json_piece p;
  while (true) {
    switch (elements_.next(p)) {
      case http::json_splitter::status::more: return status::ok;
      case http::json_splitter::status::too_large: reason_ = "an element is too large"; return status::unreadable;
      case http::json_splitter::status::broken: if (over_) return status::done;  // behind the end is nothing that a client reads
        reason_ = "the answer is no array of objects"; return status::unreadable;
      case http::json_splitter::status::piece: break;
    }
    if (p.has_data) {
      if (const auto s = event(p.raw, p.data, p.data_offset, sink, out); s != status::ok) return s;
      written_ = true;
      continue;
    }
    if (elements_.closed() && p.raw.find(']') != std::string_view::npos && (!finish_all(sink, out) || !event_.finish(sink))) return status::blocked;
    out += p.raw;
    over_ = over_ || elements_.closed();  // white space may still come
  }
}

response_stream::status generate_stream::event(std::string_view raw, std::string_view data, std::size_t data_offset, channel_sink& sink,
                                               std::string& out) {
  if (auto parsed = event_.parse(data); !parsed) {
    reason_ = parsed.error().message;
    return status::unreadable;
  }
  const auto& body = event_.body();
  if (body[0].kind != kind::object) {
    reason_ = "an event is no JSON object";
    return status::unreadable;
  }
  for (auto& [number, c] : candidates_) {
    for (auto& [name, g] : c.texts) g.last = none;
  }
  if (!event_.judge(0, *this, sink)) return stopped();
  const auto list = event_.child(0, "candidates");
  for (auto n = list == none || body[list].kind != kind::array ? none : body.first_child(list); n != none; n = body.sibling(n)) {
    if (body[n].kind != kind::object) continue;
    const auto number = event_.number("index", n);
    if (!candidates_.contains(number) && candidates_.size() >= limits::choices) {
      reason_ = "more candidates than the gateway follows";
      return status::unreadable;
    }
    auto& c = candidates_[number];
    c.calls = c.calls || calls_tool(n);
    if (!event_.text("finishReason", n).empty() && event_.text("finishReason", n) != "null") {
      if (!finish(number, c, sink, out)) return status::blocked;
      c.finished = true;
    }
    // What spells or repeats a text that left otherwise than it came.
    if (event_.edited()) event_.blank(n, "logprobsResult", "{}");
    if (c.edited) event_.blank(event_.child(n, "groundingMetadata"), "groundingSupports", "[]");
  }
  if (!event_.edited()) {
    out += raw;
    return status::ok;
  }
  const auto edited = event_.apply();
  if (data_offset == 0 && framing_ == framing::events) {  // data over several lines: written as one
    out += "data: " + edited + "\n\n";
    return status::ok;
  }
  out += raw.substr(0, data_offset);
  out += edited;
  out += raw.substr(data_offset + data.size());
  return status::ok;
}

index generate_stream::candidate_of(index i) const {
  const auto& body = event_.body();
  for (auto at = i; at != 0; at = body[at].parent) {
    const auto above = body[at].parent;
    if (body[above].parent == 0 && above != 0 && event_.child(0, "candidates") == above) return at;
  }
  return none;
}

// What left must be what was fed, in order, or it was edited.
void generate_stream::note(candidate& c, growing& g, std::string_view fed, std::string_view released) {
  g.pending += fed;
  if (std::string_view(g.pending).starts_with(released)) {
    g.pending.erase(0, released.size());
  } else {
    c.edited = true;
  }
}

event_reader::grower::taken generate_stream::take(index i, const row& r, channel_sink& sink) {
  const auto& body = event_.body();
  const bool argument = r.path == "candidates[].content.parts[].functionCall.partialArgs[].stringValue";
  if (!argument && r.path != "candidates[].content.parts[].text") return taken::left;
  const auto of = candidate_of(i);
  if (of == none) return taken::left;
  const auto number = event_.number("index", of);
  if (!candidates_.contains(number) && candidates_.size() >= limits::choices) return event_.refuse("more candidates than the gateway follows"), taken::blocked;
  auto& c = candidates_[number];
  const bool thought = !argument && event_.text("thought", body[i].parent) == "true";
  const auto name = argument ? std::string(event_.text("jsonPath", body[i].parent)) : std::string(thought ? "thought" : "text");
  if (!c.texts.contains(name) && c.texts.size() >= limits::channels) return event_.refuse("more texts of a candidate than the gateway follows"), taken::blocked;
  auto& g = c.texts[name];
  if (!g.open) {
    const auto what = argument ? part_kind::tool_call : thought ? part_kind::reasoning : part_kind::text;
    if (argument) g = {};  // each says where it ends, and another call may have one of this name
    if (!resume(number, c, g, name, what, sink)) return taken::blocked;
    g.thought = thought;
  }
  g.last = i;
  if (!release(g, body[i].text, sink)) return taken::blocked;
  note(c, g, body[i].text, released_);
  // An argument ends where it says so.
  if (argument && event_.text("willContinue", body[i].parent) != "true") {
    std::string rest;
    if (sink.finish(g.channel, rest) != channel_sink::status::released) return taken::blocked;
    note(c, g, "", rest);
    released_ += rest;
    g.open = false;
  }
  event_.replace(i, released_);
  return taken::taken;
}

// Opens a text. Some servers name a finish reason in every event: then the text goes on behind what was already decided and sent. The
// two are one to who reads them, so they are judged as one; and because half of it is out, nothing of it can be edited any more.
bool generate_stream::resume(std::int64_t number, candidate& c, growing& g, const std::string& name, part_kind what, channel_sink& sink) {
  const bool goes_on = c.finished && !g.tail.empty();
  g.channel = sink.open(role::assistant, what, !goes_on, "candidates[" + std::to_string(number) + "].content." + name, number);
  g.open = true;
  g.pending.clear();
  g.before.clear();
  if (!goes_on) return true;
  released_.clear();
  if (sink.feed(g.channel, g.tail, released_) != channel_sink::status::released) return false;
  g.before = g.tail.substr(std::min(g.tail.size(), released_.size()));
  return true;
}

// Takes off what the client has. What a rule put in its place was put there before, too.
void generate_stream::drop_before(growing& g, std::string& released) {
  const auto n = std::min(g.before.size(), released.size());
  released.erase(0, released.starts_with(std::string_view(g.before).substr(0, n)) ? n : std::string::npos);
  g.before.erase(0, n);
}

// The next piece; released_ is what may leave for it.
bool generate_stream::release(growing& g, std::string_view piece, channel_sink& sink) {
  constexpr std::size_t tail_bytes = 4096;
  released_.clear();
  if (sink.feed(g.channel, piece, released_) != channel_sink::status::released) return false;
  drop_before(g, released_);
  g.tail += piece;
  if (g.tail.size() <= 2 * tail_bytes) return true;
  auto from = g.tail.size() - tail_bytes;
  while (from < g.tail.size() && (static_cast<unsigned char>(g.tail[from]) & 0xc0) == 0x80) ++from;  // whole code points
  g.tail.erase(0, from);
  return true;
}

std::int64_t generate_stream::choice_of(index i) const {
  const auto of = candidate_of(i);
  return of == none ? channel_sink::no_choice : event_.number("index", of);
}

bool generate_stream::calls_tool(index candidate) const {
  const auto& body = event_.body();
  const auto content = event_.child(candidate, "content");
  const auto parts = content == none || body[content].kind != kind::object ? none : event_.child(content, "parts");
  for (auto p = parts == none || body[parts].kind != kind::array ? none : body.first_child(parts); p != none; p = body.sibling(p)) {
    if (body[p].kind == kind::object && event_.child(p, "functionCall") != none) return true;
  }
  return false;
}

// What is left of a text: into the event at hand where that has some of it, in an answer of its own before otherwise.
void generate_stream::write(std::int64_t number, const std::string& name, const growing& g, std::string& out) {
  if (g.left.empty()) return;
  if (g.last != none) return event_.append(g.last, g.left);
  std::string part;
  if (name.starts_with('$')) {
    part = "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":" + json_quoted(name) + ",\"stringValue\":" + json_quoted(g.left) + "}],\"willContinue\":true}}";
  } else {
    part = "{\"text\":" + json_quoted(g.left) + (g.thought ? ",\"thought\":true}" : "}");
  }
  emit("{\"candidates\":[{\"content\":{\"parts\":[" + part + "],\"role\":\"model\"},\"index\":" + std::to_string(number) + "}]}", out);
}

bool generate_stream::finish(std::int64_t number, candidate& c, channel_sink& sink, std::string& out) {
  for (auto& [name, g] : c.texts) {
    g.left.clear();
    g.ends = std::exchange(g.open, false);
    if (!g.ends) continue;
    if (sink.end(g.channel, g.left) != channel_sink::status::released) return false;
    if (!sink.keeps(g.channel)) drop_before(g, g.left);
  }
  // Some answers say in each event that it is the last.
  if (c.finished && std::ranges::none_of(c.texts, [](const auto& each) { return each.second.ends; })) return true;
  growing said;  // where no text was said
  if (sink.closing(number, c.calls, said.left) != channel_sink::status::released) return false;
  // What was judged again asks for the same again.
  if (c.finished && said.left == c.added) said.left.clear();
  if (!said.left.empty()) c.added = said.left;
  for (auto& [name, g] : c.texts) {
    if (!g.ends) continue;
    if (sink.keeps(g.channel)) {
      sink.rest(g.channel, g.left);
      drop_before(g, g.left);
    }
    note(c, g, "", g.left);
    if (name == "text") g.left += std::exchange(said.left, {});
    write(number, name, g, out);
  }
  write(number, "text", said, out);
  return true;
}

bool generate_stream::finish_all(channel_sink& sink, std::string& out) {
  for (auto& [number, c] : candidates_) {
    for (auto& [name, g] : c.texts) g.last = none;
    if (!finish(number, c, sink, out)) return false;
  }
  return true;
}

// An answer of the gateway's own among the upstream's.
void generate_stream::emit(const std::string& json, std::string& out) {
  if (framing_ != framing::array) {
    out += "data: " + json + "\n\n";
    return;
  }
  out += written_ ? ",\n" : "[";
  out += json;
  written_ = true;
}

response_stream::status generate_stream::end(bool clean, channel_sink& sink, std::string& out) {
  if (over_) return status::done;
  if (!clean) return status::ok;  // what is held goes with the upstream
  if (framing_ == framing::unknown) out += head_;  // white space and nothing else
  if (framing_ == framing::events && events_.buffered_bytes() > 0) {
    // Some clients read a last event that no empty line ends, so it is judged like any other; what is added to end it is taken off again.
    const std::string_view ending = events_.rest().ends_with('\n') ? "\n" : "\n\n";
    if (const auto s = feed(ending, sink, out); s != status::ok) return s;
    const auto before = out.size();
    if (!finish_all(sink, out) || !event_.finish(sink)) return status::blocked;
    if (out.size() == before && out.ends_with(ending)) out.resize(out.size() - ending.size());
  }
  if (framing_ == framing::array && elements_.buffered_bytes() > 0) {
    reason_ = "the array broke off within an element";
    return status::unreadable;
  }
  if (!finish_all(sink, out) || !event_.finish(sink)) return status::blocked;
  over_ = true;
  return status::ok;
}

void generate_stream::cut(std::string_view message, std::string& out) {
  if (over_) return;
  over_ = true;
  if (candidates_.empty()) candidates_[0];
  std::string list;
  bool first = true;
  const bool none_open = std::ranges::all_of(candidates_, [](const auto& each) { return each.second.finished; });
  for (const auto& [number, c] : candidates_) {
    if (c.finished && !none_open) continue;
    list += list.empty() ? "{" : ",{";
    if (first && !message.empty()) list += "\"content\":{\"parts\":[{\"text\":" + json_quoted(message) + "}],\"role\":\"model\"},";
    list += "\"finishReason\":\"SAFETY\",\"index\":" + std::to_string(number) + "}";
    first = false;
  }
  emit("{\"candidates\":[" + list + "]}", out);
  if (framing_ == framing::array) out += "]";
}

void generate_stream::fail(std::string_view message, std::string_view decision_id, std::string& out) {
  if (over_) return;
  over_ = true;
  emit(gemini_error_body({gateway_error::upstream, message, "", decision_id}), out);
  if (framing_ == framing::array) out += "]";
}

}  // namespace

std::unique_ptr<response_stream> gemini_open_stream(std::uint32_t depth_max) { return std::make_unique<generate_stream>(depth_max); }

}  // namespace sluice::wire
