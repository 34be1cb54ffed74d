// The texts of a streamed Gemini answer, judged piece by piece: see gemini_stream.hpp.
#include <algorithm>
#include <optional>
#include <utility>

#include "gemini.hpp"
#include "gemini_stream.hpp"
#include "parts.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/strings.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

bool generate_stream::begin_candidates() {
  for (auto& [number, c] : candidates_) {
    for (auto& [name, g] : c.texts) g.last = none;
  }
  at_hand_.clear();
  const auto& body = event_.body();
  const auto list = event_.child(0, "candidates");
  for (auto node = list == none || body[list].kind != kind::array ? none : body.first_child(list); node != none; node = body.sibling(node)) {
    if (body[node].kind != kind::object) continue;
    entry at{node, 0};
    if (!event_.index_at("index", at.number, node)) return false;
    if (!candidates_.contains(at.number) && candidates_.size() >= limits::choices) return event_.refuse("more candidates than the gateway follows");
    candidates_[at.number];
    at_hand_.push_back(at);
  }
  return true;
}

const generate_stream::entry* generate_stream::entry_of(index i) const { return entry_around(at_hand_, event_.body(), i); }

// Each event has the next parts of an answer.
bool generate_stream::goes_on(index array) const { return event_.body()[array].key == "parts" && entry_of(array) != nullptr; }

// The tokens are those of an answer's texts, and not of its thoughts.
std::string_view generate_stream::said_beside(index copy) const {
  const auto& body = event_.body();
  said_.clear();
  const auto* of = body[copy].key == "chosenCandidates" || body[copy].key == "chosen_candidates" ? entry_of(copy) : nullptr;
  for (auto p = of == nullptr ? none : first_part(of->node); p != none; p = body.sibling(p)) {
    const auto text = body[p].kind == kind::object ? event_.child(p, "text") : none;
    if (text != none && body[text].kind == kind::string && !gemini_is_thought(body, p).value_or(false)) said_ += body[text].text;
  }
  return said_;
}

bool generate_stream::edits(index copy) const {
  const auto* of = entry_of(copy);
  return of != nullptr && candidates_.at(of->number).touched;
}

event_reader::grower::taken generate_stream::take(index i, const row& r, channel_sink& sink) {
  const auto& body = event_.body();
  const auto* of = r.comes == coming::grows ? entry_of(i) : nullptr;
  if (of == nullptr) return taken::left;
  auto& c = candidates_[of->number];
  text_name name{r.kind};
  const bool argument = r.kind == part_kind::tool_call;
  if (argument) {
    name.argument = event_.text("jsonPath", body[i].parent);
  } else {
    const auto thought = gemini_is_thought(body, body[i].parent);
    if (!thought && !sink.passes({"unknown part", body.path(body[i].parent), body[i].raw_end - body[i].raw_begin})) {
      return event_.refuse("a part of which nobody can say whether it is a thought"), taken::blocked;
    }
    if (thought.value_or(false)) name.what = part_kind::reasoning;
  }
  if (!c.texts.contains(name)) {
    if (c.texts.size() >= limits::channels) return event_.refuse("more texts of a candidate than the gateway follows"), taken::blocked;
    if (!event_.keep(name.argument.size())) return taken::blocked;
  }
  auto& g = c.texts[name];
  if (!g.open) {
    if (argument) g = {};  // each says where it ends, and another call may have one of this name
    if (!resume(of->number, c, g, name, sink)) return taken::blocked;
  }
  g.last = i;
  if (!release(g, body[i].text, sink)) return taken::blocked;
  c.edited = !g.unsent.leaves(body[i].text, released_) || c.edited;
  // An argument ends where it says so.
  if (argument && event_.text("willContinue", body[i].parent) != "true") {
    std::string rest;
    if (sink.finish(g.channel, rest) != channel_sink::status::released) return taken::blocked;
    c.edited = !g.unsent.leaves("", rest) || c.edited;
    released_ += rest;
    g.open = false;
  }
  event_.replace(i, released_);
  return taken::taken;
}

// Opens a text. Some servers name a finish reason in every event: then the text goes on behind what was already decided and sent. The
// two are one to who reads them, so they are judged as one; and because half of it is out, nothing of it can be edited any more.
bool generate_stream::resume(std::int64_t number, candidate& c, growing& g, const text_name& name, channel_sink& sink) {
  const bool goes_on = c.finished && !g.tail.empty();
  g.resumed = g.resumed || goes_on;
  const auto said = name.what == part_kind::tool_call ? name.argument : std::string(name.what == part_kind::reasoning ? "thought" : "text");
  g.channel = sink.open(role::assistant, name.what, !goes_on, "candidates[" + std::to_string(number) + "].content." + said, number);
  g.open = true;
  g.unsent.clear();
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
  released_.clear();
  if (sink.feed(g.channel, piece, released_) != channel_sink::status::released) return false;
  drop_before(g, released_);
  g.tail += piece;
  keep_end(g.tail, limits::tail_bytes);
  return true;
}

// Segments and citations count the bytes of all that a candidate said. Where nobody can say where their words have gone, they go.
void generate_stream::follow_citations(event_reader& reader, index node, const candidate& c, const channel_sink& sink) {
  const auto& body = reader.body();
  const auto said = c.texts.find({part_kind::text});
  std::optional<std::vector<text_edit>> edits(std::in_place);
  if (said != c.texts.end()) edits = said->second.open || said->second.resumed ? std::nullopt : sink.edits(said->second.channel);
  const bool known = edits.has_value();
  const text_moves moves(known ? in_bytes(std::move(*edits)) : std::vector<text_edit>());
  for (const auto& [owner, list, of] : gemini_citations) {
    const auto in = reader.child(node, owner);
    const auto all = in == none || body[in].kind != kind::object ? none : reader.child(in, list);
    if (all == none || body[all].kind != kind::array) continue;
    bool follows = known;
    for (auto each = body.first_child(all); each != none && follows; each = body.sibling(each)) {
      const auto at = of.empty() ? each : body[each].kind == kind::object ? reader.child(each, of) : none;
      if (at == none) continue;
      const auto place = read_segment(body, at);
      follows = place && place->part == 0 && reader.shift_bytes(at, moves);
    }
    if (!follows) reader.blank(in, list, "[]");
  }
}

// Those of the event at hand. While some of a text is held, an edit may still move what points into it.
void generate_stream::place_citations(channel_sink& sink, std::string& out) {
  for (const auto& at : at_hand_) {
    auto& c = candidates_[at.number];
    let_citations_go(at.number, c, sink, out);
    if (waits_with_citations(c, sink)) {
      keep_citations(at.node, c);
    } else if (c.edited) {
      follow_citations(event_, at.node, c, sink);
    }
  }
}

bool generate_stream::waits_with_citations(const candidate& c, const channel_sink& sink) {
  const auto said = c.texts.find({part_kind::text});
  return said != c.texts.end() && said->second.open && sink.holds(said->second.channel);
}

void generate_stream::keep_citations(index node, candidate& c) {
  const auto& body = event_.body();
  std::string_view owner;  // whose lists stand together
  for (const auto& one : gemini_citations) {
    if (std::exchange(owner, one.owner) == one.owner) continue;
    const auto in = event_.child(node, owner);
    if (in == none || body[in].kind != kind::object) continue;
    const auto cites = [&](const citation_list& each) {
      const auto list = each.owner == owner ? event_.child(in, each.list) : none;
      return list != none && body[list].kind == kind::array && body.first_child(list) != none;
    };
    if (std::ranges::none_of(gemini_citations, cites)) continue;
    const auto& [key, raw] = c.citations.emplace_back(body[in].key, event_.take_out(in, "null"));
    waiting_bytes_.now += key.size() + raw.size();
  }
}

// In answers of their own.
void generate_stream::let_citations_go(std::int64_t number, candidate& c, const channel_sink& sink, std::string& out) {
  if (c.citations.empty() || waits_with_citations(c, sink)) return;
  std::optional<event_reader> again;
  for (const auto& [key, raw] : std::exchange(c.citations, {})) {
    waiting_bytes_.now -= key.size() + raw.size();
    const auto json = "{\"candidates\":[{" + json_quoted(key) + ":" + raw + ",\"index\":" + std::to_string(number) + "}]}";
    if (!c.edited) {
      emit(json, out);
      continue;
    }
    if (!again) again.emplace(gemini_event(), depth_max_);
    if (!again->parse(json)) continue;  // it was read when it came
    follow_citations(*again, again->body().first_child(again->child(0, "candidates")), c, sink);
    emit(again->edited() ? again->apply() : json, out);
  }
}

std::int64_t generate_stream::choice_of(index i) const {
  const auto* of = entry_of(i);
  return of == nullptr ? channel_sink::no_choice : of->number;
}

index generate_stream::first_part(index candidate) const {
  const auto& body = event_.body();
  const auto content = event_.child(candidate, "content");
  const auto parts = content == none || body[content].kind != kind::object ? none : event_.child(content, "parts");
  return parts == none || body[parts].kind != kind::array ? none : body.first_child(parts);
}

// The words of a transcript are the text beside them again; where they are another text they are judged as
// one, and alone they are text that no rule can read, whatever another event said.
bool generate_stream::knows_words(index node, const candidate& c, channel_sink& sink) {
  const auto& body = event_.body();
  for (auto p = first_part(node); p != none; p = body.sibling(p)) {
    const auto transcript = body[p].kind == kind::object ? event_.child(p, "audioTranscription") : none;
    if (transcript == none || body[transcript].kind != kind::object) continue;
    const auto said = event_.child(transcript, "text"), words = event_.child(transcript, "words");
    const bool spoken = said != none && body[said].kind == kind::string && !body[said].text.empty();
    if (words == none || !holds_text(body, words)) continue;
    if (spoken) {
      const auto other = c.touched || event_.edited() ? std::string() : said_otherwise(body, words, body[said].text);  // else they go
      if (!other.empty() && !event_.judge_again(words, other, role::assistant, part_kind::transcript, false, *this, sink)) return false;
      continue;
    }
    if (!sink.passes({"unknown part", body.path(words), body[words].raw_end - body[words].raw_begin})) return event_.refuse("words without the transcript that they are of");
  }
  return true;
}

// What spells, repeats or points into a text that left otherwise than it came.
void generate_stream::drop_copies(index node, const candidate& c) {
  const auto& body = event_.body();
  if (event_.edited() || (c.finished && c.edited)) event_.blank(node, "logprobsResult", "{}");
  for (auto p = c.touched ? first_part(node) : none; p != none; p = body.sibling(p)) {
    if (body[p].kind == kind::object) event_.blank(event_.child(p, "audioTranscription"), "words", "[]");
  }
}

bool generate_stream::calls_tool(index candidate) const {
  const auto& body = event_.body();
  for (auto p = first_part(candidate); p != none; p = body.sibling(p)) {
    if (body[p].kind == kind::object && event_.child(p, "functionCall") != none) return true;
  }
  return false;
}

// What is left of a text: into the event at hand where that has some of it, in an answer of its own before otherwise.
void generate_stream::write(std::int64_t number, const text_name& name, const growing& g, std::string& out) {
  if (g.left.empty()) return;
  if (g.last != none) return event_.append(g.last, g.left);
  std::string part;
  if (name.what == part_kind::tool_call) {
    part = "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":" + json_quoted(name.argument) + ",\"stringValue\":" + json_quoted(g.left) + "}],\"willContinue\":true}}";
  } else {
    part = "{\"text\":" + json_quoted(g.left) + (name.what == part_kind::reasoning ? ",\"thought\":true}" : "}");
  }
  emit("{\"candidates\":[{\"content\":{\"parts\":[" + part + "],\"role\":\"model\"},\"index\":" + std::to_string(number) + "}]}", out);
}

bool generate_stream::finish(std::int64_t number, candidate& c, channel_sink& sink, std::string& out) {
  for (auto& [name, g] : c.texts) {
    g.left.clear();
    g.ends = std::exchange(g.open, false);
    if (!g.ends) continue;
    if (sink.end(g.channel, g.left) != channel_sink::status::released) return false;
    if (!sink.keeps_rest(g.channel)) drop_before(g, g.left);
  }
  // Some answers say in each event that it is the last.
  if (c.finished && std::ranges::none_of(c.texts, [](const auto& each) { return each.second.ends; })) return true;
  if (!event_.finish(sink, number)) return false;
  growing said;  // where no text was said
  if (sink.closing(number, c.calls, said.left) != channel_sink::status::released) return false;
  // What was judged again asks for the same again.
  if (c.finished && said.left == c.added) said.left.clear();
  if (!said.left.empty()) c.added = said.left;
  for (auto& [name, g] : c.texts) {
    if (!g.ends) continue;
    if (sink.keeps_rest(g.channel)) {
      sink.rest(g.channel, g.left);
      drop_before(g, g.left);
    }
    c.edited = !g.unsent.leaves("", g.left) || c.edited;
    if (name.what == part_kind::text) g.left += std::exchange(said.left, {});
    write(number, name, g, out);
  }
  write(number, {}, said, out);
  return true;
}

bool generate_stream::finish_all(channel_sink& sink, std::string& out) {
  for (auto& [number, c] : candidates_) {
    for (auto& [name, g] : c.texts) g.last = none;
    if (!finish(number, c, sink, out)) return false;
    let_citations_go(number, c, sink, out);
  }
  return true;
}

}  // namespace sluice::wire
