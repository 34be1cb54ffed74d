// See event_reader.hpp.
#include "event_reader.hpp"

#include <algorithm>
#include <charconv>

#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// Bytes of one call's arguments that may be held.
constexpr std::size_t arguments_bytes_max = 16u << 20;

}  // namespace

result<void> event_reader::parse(std::string_view data) {
  splices_.clear();
  states_.clear();
  if (auto parsed = body_.parse(data, depth_max_); !parsed) return parsed;
  table_.walk(body_, states_);
  return {};
}

std::string_view event_reader::text(std::string_view key, index object) const {
  if (body_[object].kind != kind::object) return {};
  const auto i = child(object, key);
  return i == none ? std::string_view() : body_[i].text;
}

std::string_view event_reader::raw(std::string_view key, index object) const {
  if (body_[object].kind != kind::object) return {};
  const auto i = child(object, key);
  return i == none ? std::string_view() : body_.raw(i);
}

std::int64_t event_reader::number(std::string_view key, index object) const {
  std::int64_t out = 0;
  const auto t = text(key, object);
  std::from_chars(t.data(), t.data() + t.size(), out);
  return out;
}

bool event_reader::at_once(std::string_view text, role who, part_kind what, bool editable, std::string name, channel_sink& sink) {
  const auto id = sink.open(who, what, editable, std::move(name));
  released_.clear();
  return sink.feed(id, text, released_) == channel_sink::status::released && sink.finish(id, released_) == channel_sink::status::released;
}

bool event_reader::judge_known(index i, const row& r, grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  const auto who = to_role(r.from, role::assistant);
  const bool below = i != 0 && states_[n.parent] == states_[i];
  const bool words_in_keys = (below && (r.what == text_class::schema || r.what == text_class::arguments)) || (!below && r.path.ends_with("{*}"));
  if (words_in_keys && !n.key.empty() && !dialect.knows_key(i, r) && !at_once(n.key, who, r.kind, false, body_.path(i), sink)) return false;
  if (n.kind != kind::string || n.text.empty()) return true;
  switch (r.what) {
    case text_class::opaque: case text_class::scalar: return true;
    case text_class::binary: case text_class::reference: {
      const wire::unread what{r.what == text_class::binary ? "attachment" : "server state", body_.path(i), n.raw_end - n.raw_begin};
      if (sink.passes(what)) return true;
      unread_ = "an answer's part cannot be read (" + what.reason + ")";
      return false;
    }
    case text_class::text: case text_class::json: case text_class::schema: case text_class::name: case text_class::arguments: break;
  }
  switch (dialect.take(i, r, sink)) {
    case grower::taken::taken: return true;
    case grower::taken::blocked: return false;
    case grower::taken::left: break;
  }
  const bool editable = r.what == text_class::text || r.what == text_class::arguments;
  if (!at_once(n.text, who, r.kind, editable, body_.path(i), sink)) return false;
  replace(i, released_);
  return true;
}

bool event_reader::judge(index from, grower& dialect, channel_sink& sink) {
  unread_.clear();
  for (auto i = from; i < body_[from].next; ++i) {
    if (const auto* r = at(i); r != nullptr) {
      if (!judge_known(i, *r, dialect, sink)) return false;
      continue;
    }
    // What no table knows is text that somebody chose: judged where it stands, and never edited.
    const auto& n = body_[i];
    if (states_[i] == path_table::unknown && !n.key.empty() &&
        !at_once(n.key, role::assistant, part_kind::annotation, false, body_.path(i), sink)) {
      return false;
    }
    if (n.kind == kind::string && !n.text.empty() && !at_once(n.text, role::assistant, part_kind::annotation, false, body_.path(i), sink)) return false;
  }
  return true;
}

void event_reader::replace(index i, std::string_view released) {
  if (released == body_[i].text) return;
  splices_.push_back({body_[i].raw_begin, body_[i].raw_end, json_quoted(released)});
}

void event_reader::append(index i, std::string_view more) {
  if (more.empty()) return;
  auto s = std::find_if(splices_.begin(), splices_.end(), [&](const auto& each) { return each.begin == body_[i].raw_begin; });
  if (s == splices_.end()) s = splices_.insert(splices_.end(), {body_[i].raw_begin, body_[i].raw_end, json_quoted(body_[i].text)});
  s->replacement.pop_back();
  append_json_escaped(s->replacement, more);
  s->replacement += '"';
}

void event_reader::blank(index object, std::string_view key, std::string_view with) {
  if (object == none || body_[object].kind != kind::object) return;
  const auto i = child(object, key);
  if (i == none || body_[i].kind == kind::null || body_.raw(i) == with) return;
  set(i, std::string(with));
}

void event_reader::set(index i, std::string raw) {
  std::erase_if(splices_, [&](const auto& s) { return s.begin >= body_[i].raw_begin && s.end <= body_[i].raw_end; });
  splices_.push_back({body_[i].raw_begin, body_[i].raw_end, std::move(raw)});
}

std::string event_reader::apply() { return text::json::apply(body_.bytes(), std::move(splices_)); }

std::string_view call_arguments::take(std::string_view fragment, channel_sink& sink) {
  if (!begun) held = sink.judges(role::assistant, part_kind::tool_call);
  begun = true;
  too_large = too_large || text.size() + fragment.size() > arguments_bytes_max;
  if (!too_large) text += fragment;
  return held ? std::string_view() : fragment;
}

bool call_arguments::judge(const std::string& name, std::uint32_t depth_max, channel_sink& sink) {
  if (text.empty()) return true;
  const auto one = [&](std::string_view of, bool editable, std::string& out) {
    const auto id = sink.open(role::assistant, part_kind::tool_call, editable, name);
    return sink.feed(id, of, out) == channel_sink::status::released && sink.finish(id, out) == channel_sink::status::released;
  };
  text::json::document body;
  std::string released;
  if (!body.parse(text, depth_max)) {  // not JSON: one text
    if (!one(text, true, released)) return false;
    text = std::move(released);
    return true;
  }
  std::vector<text::json::splice> splices;
  for (const auto& n : body.nodes()) {
    released.clear();
    if (!n.key.empty() && !one(n.key, false, released)) return false;
    if (n.kind != kind::string || n.text.empty()) continue;
    released.clear();
    if (!one(n.text, true, released)) return false;
    if (released != n.text) splices.push_back({n.raw_begin, n.raw_end, json_quoted(released)});
  }
  if (!splices.empty()) {
    auto edited = text::json::apply(text, std::move(splices));
    text = std::move(edited);
  }
  return true;
}

}  // namespace sluice::wire
