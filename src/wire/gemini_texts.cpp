// The texts of a streamed Gemini answer, judged piece by piece: see gemini_stream.hpp.
#include <algorithm>
#include <utility>

#include "gemini_stream.hpp"
#include "sluice/base/strings.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

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
  g.resumed = g.resumed || goes_on;
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

// Segments and citations count the bytes of all that a candidate said. Where nobody can say where their words have gone, they go.
void generate_stream::follow_citations(index node, const candidate& c, const channel_sink& sink) {
  const auto& body = event_.body();
  const auto said = c.texts.find("text");
  std::optional<std::vector<text_edit>> edits(std::in_place);
  if (said != c.texts.end()) edits = said->second.open || said->second.resumed ? std::nullopt : sink.edits(said->second.channel);
  if (edits) edits = in_bytes(std::move(*edits));
  for (const auto& [owner, list, of] : gemini_citations) {
    const auto in = event_.child(node, owner);
    const auto all = in == none || body[in].kind != kind::object ? none : event_.child(in, list);
    if (all == none || body[all].kind != kind::array) continue;
    bool follows = edits.has_value();
    for (auto each = body.first_child(all); each != none && follows; each = body.sibling(each)) {
      const auto at = of.empty() ? each : body[each].kind == kind::object ? event_.child(each, of) : none;
      if (at == none) continue;
      const auto place = read_segment(body, at);
      follows = place && place->part == 0 && event_.shift_bytes(at, *edits);
    }
    if (!follows) event_.blank(in, list, "[]");
  }
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

}  // namespace sluice::wire
