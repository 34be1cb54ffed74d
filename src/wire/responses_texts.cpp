// The texts of a streamed response: see responses_stream.hpp.
#include "responses_events.hpp"
#include "responses_stream.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// How a text is judged, and the text. Where any of it differs, the outcome may.
std::string key_of(role who, part_kind kind, text_class what, std::string_view text) {
  std::string out;
  out.reserve(text.size() + 3);
  out += static_cast<char>('a' + static_cast<int>(who));
  out += static_cast<char>('a' + static_cast<int>(kind));
  out += what == text_class::json ? 'j' : what == text_class::text || what == text_class::arguments ? 'e' : 'n';
  return out.append(text);
}

const growing_text& row_of(family f) { return growing_texts()[static_cast<std::size_t>(f)]; }

}  // namespace

void responses_stream::growth::left(std::string_view piece) {
  if (!changed && std::string_view(original).substr(same).starts_with(piece)) {
    same += piece.size();
    return;
  }
  if (!changed) released = original.substr(0, same);
  changed = true;
  released += piece;
}

bool responses_stream::knows_key(index i, const row& r) {
  const auto key = event_.body()[i].key;
  if (own_.contains(key) && repeats_request(r.path)) return true;
  if (judged_bytes_ + key.size() > kept_bytes_max) return false;
  judged_bytes_ += key.size();
  return !keys_.insert(key_of(to_role(r.from, role::assistant), r.kind, text_class::name, key)).second;
}

event_reader::grower::taken responses_stream::take(index i, const row& r, channel_sink& sink) {
  if (const auto at = grows(i, r)) return tells_response_ && told_response_ ? repeat(*at, i, r, sink) : grow(*at, i, sink);
  // A piece of a text that nothing here puts together is no text that is whole where it stands.
  const bool piece = type_.ends_with(".delta") && r.comes != coming::whole && (r.what == text_class::text || r.what == text_class::json || r.what == text_class::name);
  return piece ? taken::left : settle(i, r, sink);
}

// Whether the text at `i` is one that further events may go on with, and which.
std::optional<responses_stream::place> responses_stream::grows(index i, const row& r) const {
  const auto path = r.path;
  const bool added = type_.ends_with(".added");
  if (delta_of_ == nullptr && !added && !tells_response_) return std::nullopt;
  for (std::size_t f = 0; f < growing_texts().size(); ++f) {
    const auto& g = growing_texts()[f];
    const auto at = [&](std::int64_t part) { return place{item_, static_cast<family>(f), part}; };
    if (delta_of_ != nullptr) {
      if (g.stem == delta_of_->stem && path.ends_with(g.delta) && path.starts_with('<') && path.size() == 1 + g.stem.size() + g.delta.size()) {
        return at(part_at_hand(static_cast<family>(f), true));
      }
      continue;
    }
    constexpr std::string_view in_response = "response.output[]";
    const bool told = tells_response_ && path.starts_with(in_response);
    if ((told || path.starts_with("item<")) && !g.in_item.empty() && path.substr(told ? in_response.size() : 4) == g.in_item) {
      const auto& body = event_.body();
      auto out = at(g.part_index.empty() ? 0 : body[body[body[i].parent].kind == kind::array ? i : body[i].parent].place);
      if (told) out.item = item_of_response(i);
      return out;
    }
    if (path.starts_with("part<") && !g.in_part.empty() && path.substr(4) == g.in_part) return at(number_of(g.part_index));
    if (static_cast<family>(f) == family::command && path == "<response.shell_call_command.added>.command") return at(number_of(g.part_index));
  }
  return std::nullopt;
}

// The position of the item that a text stands in, in the response of the event at hand.
std::int64_t responses_stream::item_of_response(index i) const {
  const auto& body = event_.body();
  const auto output = event_.child(event_.child(0, "response"), "output");
  while (body[i].parent != output) i = body[i].parent;
  return body[i].place;
}

// What the response so far holds is what came of it: pieces that follow go on behind it.
event_reader::grower::taken responses_stream::repeat(const place& at, index i, const row& r, channel_sink& sink) {
  const auto t = texts_.find(at);
  if (t == texts_.end() || t->second.original != event_.body()[i].text) return event_.refuse("a response that says otherwise than its pieces"), taken::blocked;
  if (t->second.over) return settle(i, r, sink);
  leave(i, t->second.sent());
  return taken::taken;
}

event_reader::grower::taken responses_stream::grow(const place& at, index i, channel_sink& sink) {
  const auto& g = row_of(at.of);
  if (!texts_.contains(at) && texts_.size() >= limits::calls) return event_.refuse("more texts of a response than the gateway follows"), taken::blocked;
  const auto piece = event_.body()[i].text;
  // An end that repeats more could not be read.
  grown_bytes_ += piece.size();
  if (grown_bytes_ > limits::whole_answer_bytes) return event_.refuse("more text than a response may hold"), taken::blocked;
  auto& t = texts_[at];
  if (misplaced_) return event_.refuse("an item or a part of a response with text whose number is not its place"), taken::blocked;
  if (t.original.empty() && !t.over) {
    if (!has_room_for(at.item)) return taken::blocked;
    t.over = counted_[at.item].over;
    counted_[at.item].said = true;
  }
  // A client puts it behind what it has, and what it has was decided.
  if (t.over) return event_.refuse("text of a response behind its end"), taken::blocked;
  t.original += piece;
  t.said_as = delta_of_ == nullptr || g.part_index.empty() ? at.part : number_of(g.part_index);
  if (const auto id = event_.body().member(0, "item_id"); id != none && event_.body().raw(id).size() <= limits::place_bytes) t.item_id = event_.body().raw(id);
  if (g.json) {
    if (!has_room(piece.size())) return taken::blocked;
    released_ = t.call.take(piece, sink);
  } else {
    if (!t.channel) {
      t.channel = sink.open(g.who, g.kind, true, name_of(at), 0);
      if (at.of == family::output_text) sink.goes_on(*t.channel);
    }
    released_.clear();
    if (sink.feed(*t.channel, piece, released_) != channel_sink::status::released) return taken::blocked;
  }
  t.left(released_);
  if (delta_of_ != nullptr && released_ != piece) {
    piece_gone_ = released_.empty() && g.delta.ends_with(".delta");
  }
  leave(i, released_);
  return taken::taken;
}

// A text that is whole where it stands: it was judged in pieces or somewhere else in the stream, or it is judged now.
event_reader::grower::taken responses_stream::settle(index i, const row& r, channel_sink& sink) {
  const auto text = event_.body()[i].text;
  if (repeats_request(r.path) && (own_.contains(text) || (!instructions_.empty() && r.path == "response.instructions"))) return taken::taken;
  const auto who = to_role(r.from, role::assistant);
  auto key = key_of(who, r.kind, r.what, text);
  if (const auto known = judged_.find(key); known != judged_.end()) {
    if (known->second) leave(i, known->second->left, known->second->edits);
    return taken::taken;
  }
  std::optional<std::vector<text_edit>> edits;
  if (r.what == text_class::json) {
    call_arguments call;
    call.text = text;
    if (!call.judge(event_.body().path(i), channel_sink::no_choice, depth_max_, sink)) return taken::blocked;
    released_ = std::move(call.text);
  } else {
    const bool editable = r.what == text_class::text || r.what == text_class::arguments;
    const auto channel = sink.open(who, r.kind, editable, event_.body().path(i));
    released_.clear();
    if (sink.feed(channel, text, released_) != channel_sink::status::released) return taken::blocked;
    if (sink.finish(channel, released_) != channel_sink::status::released) return taken::blocked;
    if (released_ != text) edits = sink.edits(channel);
    sink.forget(channel);
  }
  leave(i, released_, edits);
  know(std::move(key), text, released_, std::move(edits));
  return taken::taken;
}

void responses_stream::leave(index i, std::string_view left, std::optional<std::vector<text_edit>> edits) {
  if (left == event_.body()[i].text) return;
  event_.replace(i, left);
  edited_.push_back({i, std::move(edits)});
}

void responses_stream::know(std::string key, std::string_view original, std::string_view left, std::optional<std::vector<text_edit>> edits) {
  const auto bytes = key.size() + (left == original ? 0 : left.size());
  if (judged_bytes_ + bytes > kept_bytes_max) return;
  judged_bytes_ += bytes;
  judged_.emplace(std::move(key), left == original ? std::nullopt : std::optional(judged_text{std::string(left), std::move(edits)}));
}

std::string responses_stream::name_of(const place& at) {
  const auto& g = row_of(at.of);
  auto out = "output[" + std::to_string(at.item) + "]." + std::string(g.label);
  if (!g.part_index.empty()) out += "[" + std::to_string(at.part) + "]";
  return out;
}

// Resolves what a text still holds.
bool responses_stream::finish(const place& at, growth& t, channel_sink& sink, std::string& out) {
  if (t.over) return true;
  t.over = true;
  const auto& g = row_of(at.of);
  if (g.json) {
    free_room(t.call.text.size());
    if (!t.call.judge(name_of(at), 0, depth_max_, sink)) return false;
    if (t.call.held) {
      t.left(t.call.text);
      if (!t.call.text.empty()) delta(at, t, t.call.text, out);
    }
    t.call = {};
  } else if (t.channel) {
    released_.clear();
    if (sink.end(*t.channel, released_) != channel_sink::status::released) return false;
    if (sink.keeps_rest(*t.channel)) {  // it leaves elsewhere, if at all
      kept_.push_back(*t.channel);
      forget_copies(t);
    }
    t.left(released_);
    if (!released_.empty()) delta(at, t, released_, out);
  }
  know(key_of(g.who, g.kind, g.json ? text_class::json : text_class::text, t.original), t.original, t.sent(), t.channel && t.changed ? sink.edits(*t.channel) : std::nullopt);
  return let_copies_go(t, sink, out);
}

bool responses_stream::judge_calls(channel_sink& sink) {
  return std::ranges::all_of(texts_, [&](auto& each) { return !row_of(each.first.of).json || each.second.over || finish_arguments(each.second.call, name_of(each.first), 0, sink, released_); });
}

bool responses_stream::finish_all(channel_sink& sink, std::string& out) {
  for (auto& [at, t] : texts_) {
    if (!finish(at, t, sink, out)) return false;
  }
  return true;
}

// A piece that the gateway itself puts in.
void responses_stream::delta(const place& at, const growth& t, std::string_view more, std::string& out) {
  const auto& g = row_of(at.of);
  std::string rest;
  if (!t.item_id.empty()) rest += ",\"item_id\":" + t.item_id;
  rest += ",\"output_index\":" + std::to_string(at.item);
  if (!g.part_index.empty()) rest += "," + json_quoted(g.part_index) + ":" + std::to_string(t.said_as);
  const auto text = json_quoted(more);
  const auto inner = g.delta.substr(g.delta.rfind('.') + 1);
  rest += ",\"delta\":" + (inner == "delta" ? text : "{" + json_quoted(inner) + ":" + text + "}");
  if (at.of == family::output_text) rest += ",\"logprobs\":[]";
  rest += padding(text.size());
  write_event(std::string(g.stem) + ".delta", rest, out);
}

}  // namespace sluice::wire
