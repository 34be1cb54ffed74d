// What of a streamed response spells a text, points into it or says it aloud: see responses_stream.hpp. What comes in an event of its own
// while the text is not decided, waits until it is.
#include <algorithm>
#include <utility>

#include "responses_stream.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

constexpr std::string_view annotation_added = "response.output_text.annotation.added", audio_piece = "response.audio.delta", audio_end = "response.audio.done";

}  // namespace

std::string_view responses_stream::said_beside(index copy) const {
  const auto& body = event_.body();
  for (const char* key : {"delta", "text"}) {
    const auto said = body.member(body[copy].parent, key);
    if (said != none && body[said].kind == kind::string) return body[said].text;
  }
  return {};
}

bool responses_stream::drops(index copy) const {
  const auto& body = event_.body();
  return std::ranges::any_of(edited_, [&](const edited_text& each) { return body[each.node].parent == body[copy].parent; });
}

bool responses_stream::edits(index copy) const {
  if (event_.body()[copy].parent != 0 || delta_of_ == nullptr) return false;
  const auto t = texts_.find({item_, family::output_text, part_at_hand(family::output_text, false)});
  return t != texts_.end() && t->second.changed;
}

// What spells a text beside it goes with what was taken out of it, and what points into it moves.
void responses_stream::follow_edits() {
  const auto& body = event_.body();
  for (const auto& [node, edits] : edited_) {
    const auto around = body[node].parent;
    if (body[around].kind != kind::object) continue;
    // Only beside a text of this API: in what somebody else named, the same keys are theirs.
    const auto key = body[node].key;
    if (event_.at(node)->what != text_class::text || (key != "text" && key != "delta")) continue;
    const auto spelled = body.member(around, "logprobs"), annotations = body.member(around, "annotations");
    if (spelled != none && body[spelled].kind == kind::array) event_.set(spelled, "[]");
    if (annotations == none || body[annotations].kind != kind::array) continue;
    if (!edits) event_.set(annotations, "[]");
    const text_moves moves(edits.value_or(std::vector<text_edit>()));
    for (auto a = edits ? body.first_child(annotations) : none; a != none; a = body.sibling(a)) event_.shift(a, moves);
  }
}

// The text that the event at hand points into or says aloud.
responses_stream::growth* responses_stream::copied() {
  const bool points = type_ == annotation_added;
  if (!points && type_ != audio_piece && type_ != audio_end) return nullptr;
  const auto t = texts_.find(points ? place{item_, family::output_text, part_at_hand(family::output_text, false)} : place{item_, family::transcript, 0});
  return t == texts_.end() ? nullptr : &t->second;
}

// That text, where the event waits for it; events of one text keep their order.
responses_stream::growth* responses_stream::waits_for(const channel_sink& sink) {
  auto* t = copied();
  if (t == nullptr || t->over || !t->channel) return nullptr;
  return !t->waiting.empty() || (type_ != audio_end && sink.holds(*t->channel)) ? t : nullptr;
}

// Whether the event at hand points to where nobody can follow, or says aloud what was changed. What an annotation points to moves with the edits
// before it.
bool responses_stream::copy_goes(const channel_sink& sink) {
  if (type_ == audio_end) return false;
  const auto* t = copied();
  if (t == nullptr) return false;
  if (t->over && !t->changed && t->same < t->original.size()) return true;  // the text leaves elsewhere, if at all
  if (!t->changed) return false;
  const bool points = type_ == annotation_added;
  const auto annotation = event_.body().member(0, "annotation");
  if (!points || annotation == none) return !points;
  const auto edits = t->channel ? sink.edits(*t->channel) : std::nullopt;
  if (edits) event_.shift(annotation, text_moves(*edits));
  return !edits;
}

// The events that waited for a text that is decided now, with numbers behind the last. False: one cannot be read, though it was when it came.
bool responses_stream::let_copies_go(growth& t, const channel_sink& sink, std::string& out) {
  if (t.waiting.empty()) return true;
  const auto edits = t.changed ? sink.edits(*t.channel) : std::optional<std::vector<text_edit>>(std::in_place);
  const auto events = std::exchange(t.waiting, {});
  const text_moves moves(edits.value_or(std::vector<text_edit>()));
  std::string joined;
  text::json::document body;
  for (const auto& bytes : events) {
    waiting_bytes_.now -= bytes.size();
    const auto e = http::read_event(bytes, joined);
    if (auto parsed = body.parse(e.data, depth_max_); !parsed) return event_.refuse(parsed.error().message);
    const auto type = body.member(0, "type"), annotation = body.member(0, "annotation"), number = body.member(0, "sequence_number");
    const auto what = type == none ? std::string_view() : body[type].text;
    const bool points = what == annotation_added;
    if (points ? !edits : t.changed && what == audio_piece) continue;
    std::vector<text::json::splice> splices;
    if (points && annotation != none) shift_annotation(body, annotation, moves, splices);
    if (number != none && body[number].kind == kind::number) {
      own_number_ = last_number_ = std::max(last_number_, own_number_) + 1;
      splices.push_back({body[number].raw_begin, body[number].raw_end, std::to_string(last_number_)});
    }
    http::append_with_data(e, text::json::apply(e.data, std::move(splices)), out);
  }
  return true;
}

// Of the texts of the item at hand.
bool responses_stream::let_copies_go(const channel_sink& sink, std::string& out) {
  if (waiting_bytes_.now == 0) return true;
  for (auto t = texts_.lower_bound({item_, family::output_text, no_part}); t != texts_.end() && t->first.item == item_; ++t) {
    if (!t->second.waiting.empty() && !sink.holds(*t->second.channel) && !let_copies_go(t->second, sink, out)) return false;
  }
  return true;
}

void responses_stream::forget_copies(growth& t) {
  for (const auto& bytes : std::exchange(t.waiting, {})) waiting_bytes_.now -= bytes.size();
}

}  // namespace sluice::wire
