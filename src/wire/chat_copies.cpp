// What of a streamed chat answer spells a text, points into it or says it aloud: see chat_stream.hpp. What an edit may still move, or take
// back, waits until the text is decided.
#include <algorithm>
#include <utility>

#include "chat_stream.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

std::string_view chat_stream::said_beside(index copy) const {
  const auto* of = entry_of(copy);
  const auto delta = of == nullptr ? none : event_.child(of->node, "delta");
  const auto key = event_.body()[copy].key;
  const auto said = delta == none || (key != "content" && key != "refusal") || event_.body()[delta].kind != kind::object ? none : event_.child(delta, key);
  return said == none || event_.body()[said].kind != kind::string ? std::string_view() : event_.body()[said].text;
}

bool chat_stream::drops(index copy) const {
  const auto* of = entry_of(copy);
  return of != nullptr && choices_.at(of->number).touched;
}

bool chat_stream::edits(index copy) const {
  const auto* of = entry_of(copy);
  return of != nullptr && choices_.at(of->number).edited;
}

// Tokens beside a text are that text again; alone they are text that no rule can read, whatever another event said.
bool chat_stream::knows_tokens(const entry& of, const choice& c, channel_sink& sink) {
  const auto tokens = event_.child(of.node, "token_ids");
  if (tokens == none || event_.body()[tokens].kind == kind::null || event_.body().raw(tokens) == "[]" || c.speaks || c.touched || c.edited) return true;
  const auto& n = event_.body()[tokens];
  // The one that ended it has no text.
  const auto first = event_.body().first_child(tokens);
  const bool one = n.kind == kind::array && first != none && event_.body()[first].kind == kind::number && event_.body().sibling(first) == none;
  if (one && !c.finished && !event_.text("finish_reason", of.node).empty()) return true;
  return sink.passes({"unknown part", event_.body().path(tokens), n.raw_end - n.raw_begin}) || event_.refuse("tokens without the text that they spell");
}

// What spells a text that left otherwise than it came, and what points into one or says it aloud.
void chat_stream::drop_copies(const entry& of, choice& c, const channel_sink& sink) {
  if (c.touched) event_.blank(of.node, "logprobs", "null");
  if (c.touched || (c.edited && !c.speaks)) event_.blank(of.node, "token_ids", "null");
  const auto delta = event_.child(of.node, "delta");
  if (delta == none || event_.body()[delta].kind != kind::object) return;
  follow_citations(delta, c, sink);
  follow_audio(delta, c, sink);
}

// llama.cpp says in its last event which tokens all events before it were of.
void chat_stream::drop_verbose(bool touched) {
  const auto verbose = event_.child(0, "__verbose");
  if (verbose == none) return;
  if (touched || std::ranges::any_of(choices_, [](const auto& c) { return c.second.edited; })) event_.blank(verbose, "tokens", "null");
}

// Citations go where their words have gone.
void chat_stream::follow_citations(index delta, choice& c, const channel_sink& sink) {
  const bool waits = c.said && sink.holds(*c.said);
  if (!c.said || (!waits && !c.edited)) return;
  const auto& body = event_.body();
  const auto annotations = event_.child(delta, "annotations");
  if (annotations == none || body[annotations].kind != kind::array || body.first_child(annotations) == none) return;
  if (waits) {
    waiting_bytes_.now += c.citations.emplace_back(event_.take_out(annotations, "[]")).size();
    return;
  }
  const auto edits = sink.edits(*c.said);
  if (!edits) return event_.blank(delta, "annotations", "[]");
  const text_moves moves(*edits);
  for (auto a = body.first_child(annotations); a != none; a = body.sibling(a)) event_.shift(a, moves);
}

void chat_stream::follow_audio(index delta, choice& c, const channel_sink& sink) {
  const bool waits = c.spoken && sink.holds(*c.spoken);
  if (!waits && !c.edited) return;
  const auto audio = event_.child(delta, "audio");
  if (c.edited) return event_.blank(audio, "data", "\"\"");
  const auto data = audio == none || event_.body()[audio].kind != kind::object ? none : event_.child(audio, "data");
  if (data == none || event_.body()[data].text.empty()) return;
  waiting_bytes_.now += c.audio.emplace_back(event_.take_out(data, "\"\"")).size();
}

// What waited for a text that is decided now, in chunks of its own.
void chat_stream::let_copies_go(std::int64_t number, choice& c, const channel_sink& sink, std::string& out) {
  if (!c.citations.empty() && !sink.holds(*c.said)) {
    const auto edits = c.edited ? sink.edits(*c.said) : std::optional<std::vector<text_edit>>(std::in_place);
    const text_moves moves(edits.value_or(std::vector<text_edit>()));
    for (const auto& list : std::exchange(c.citations, {})) {
      waiting_bytes_.now -= list.size();
      if (edits) synthetic(number, "\"annotations\":" + (c.edited ? shifted_annotations(list, moves, depth_max_) : list), "", out);
    }
  }
  if (!c.audio.empty() && (c.edited || !sink.holds(*c.spoken))) {
    for (const auto& data : std::exchange(c.audio, {})) {
      waiting_bytes_.now -= data.size();
      if (!c.edited) synthetic(number, "\"audio\":{\"data\":" + data + "}", "", out);
    }
  }
}

void chat_stream::forget_copies(choice& c) {
  for (auto* waiting : {&c.citations, &c.audio}) {
    for (const auto& each : std::exchange(*waiting, {})) waiting_bytes_.now -= each.size();
  }
}

}  // namespace sluice::wire
