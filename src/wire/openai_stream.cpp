// See openai_stream.hpp. An event is written as it came unless some text of it left otherwise than it came.
#include "openai_stream.hpp"

#include <algorithm>
#include <charconv>

#include "openai.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// The JSON that a path leads through, with a text at its end.
std::string led_to(std::string_view path, const std::string& quoted) {
  if (path.empty()) return quoted;
  if (path.starts_with("[]")) return "[" + led_to(path.substr(2), quoted) + "]";
  std::string type;
  if (path.starts_with('<')) {
    const auto end = path.find('>');
    type = "\"type\":" + json_quoted(path.substr(1, end - 1)) + ",";
    path.remove_prefix(end + 1);
  }
  if (path.starts_with('.')) path.remove_prefix(1);
  const auto end = std::min(path.find_first_of(".[<", 1), path.size());
  return "{" + type + json_quoted(path.substr(0, end)) + ":" + led_to(path.substr(end), quoted) + "}";
}

// A delta that holds nothing but a text in the place of this row.
std::string delta_of(const row& r, std::string_view text) {
  constexpr std::string_view above = "choices[].delta.";
  const auto quoted = json_quoted(text);
  if (r.path.ends_with("reasoning_details[].text")) return "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":" + quoted + "}]";
  if (r.path.ends_with("reasoning_details[].summary")) return "\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":" + quoted + "}]";
  const auto all = led_to(r.path.substr(above.size()), quoted);
  return all.substr(1, all.size() - 2);
}

}  // namespace

response_stream::status chat_stream::feed(std::string_view bytes, channel_sink& sink, std::string& out) {
  splitter_.feed(bytes);
  http::sse_event e;
  while (!over_) {
    switch (splitter_.next(e)) {
      case http::sse_splitter::status::more: return status::ok;
      case http::sse_splitter::status::too_large: reason_ = "an event is too large"; return status::unreadable;
      case http::sse_splitter::status::event: break;
    }
    if (const auto s = event(e, sink, out); s != status::ok) return s;
  }
  return status::done;
}

response_stream::status chat_stream::event(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (!e.has_data) {
    out += e.raw;
    return status::ok;
  }
  if (e.data != "[DONE]") return chunk(e, sink, out);
  if (!finish_all(sink, out)) return status::blocked;
  over_ = true;
  out += e.raw;
  return status::done;
}

response_stream::status chat_stream::end(bool clean, channel_sink& sink, std::string& out) {
  if (over_) return status::done;
  if (!clean) return status::ok;  // what is held goes with the upstream
  // Some clients read a last event that no empty line ends, so it is judged like any other; what is added to end it is taken
  // off again.
  if (splitter_.buffered_bytes() > 0) {
    const std::string_view ending = splitter_.rest().ends_with('\n') ? "\n" : "\n\n";
    const auto s = feed(ending, sink, out);
    if (s != status::ok && s != status::done) return s;
    if (out.ends_with(ending)) out.resize(out.size() - ending.size());
    if (s == status::done) return s;
  }
  if (!finish_all(sink, out)) return status::blocked;
  over_ = true;
  return status::ok;
}

response_stream::status chat_stream::chunk(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (auto parsed = body_.parse(e.data, depth_max_); !parsed) {
    reason_ = parsed.error().message;
    return status::unreadable;
  }
  openai_chat_chunk().walk(body_, states_);
  remember(body_);
  splices_.clear();
  const auto choices = body_.member(0, "choices");
  if (choices != none && body_[choices].kind == kind::array) {
    for (auto c = body_.first_child(choices); c != none; c = body_.sibling(c)) {
      if (!choice_fields(c, sink, out)) return status::blocked;
    }
  }
  // Strings outside of choices: known ones are parameters, the others a vendor's own; an error's message is one of them.
  const auto from = choices == none ? index{0} : choices, to = choices == none ? index{0} : body_[choices].next;
  for (index i = 1; i < states_.size(); ++i) {
    if (i >= from && i < to && choices != none) continue;
    if (states_[i] == path_table::unknown && !unknown_key(i, sink)) return status::blocked;
    if (body_[i].kind != kind::string || openai_chat_chunk().at(states_[i]) != nullptr) continue;
    if (!at_once(i, role::assistant, body_.member(0, "error") != none ? part_kind::error : part_kind::annotation, true, sink)) return status::blocked;
  }
  if (splices_.empty()) {
    out += e.raw;
    return status::ok;
  }
  const auto edited = text::json::apply(e.data, std::move(splices_));
  if (e.data_offset == 0) {  // data over several lines: written as one
    out += "data: " + edited + "\n\n";
  } else {
    out.append(e.raw.substr(0, e.data_offset));
    out += edited;
    out.append(e.raw.substr(e.data_offset + e.data.size()));
  }
  return status::ok;
}

void chat_stream::remember(const text::json::document& body) {
  const auto keep = [&](const char* key, std::string& to) {
    const auto i = body.member(0, key);
    if (i != none && to != body.raw(i) && body.raw(i) != "\"\"") to = body.raw(i);
  };
  keep("id", id_);
  keep("created", created_);
  keep("model", model_);
}

bool chat_stream::choice_fields(index node, channel_sink& sink, std::string& out) {
  std::int64_t number = 0;
  if (const auto n = body_.member(node, "index"); n != none) {
    const auto t = body_[n].text;
    std::from_chars(t.data(), t.data() + t.size(), number);
  }
  auto& c = choices_[number];
  const auto delta = body_.member(node, "delta");
  if (delta != none && body_.member(delta, "role") != none) c.role_sent = true;
  const auto before = splices_.size();
  for (auto i = node + 1; i < body_[node].next; ++i) {
    if (states_[i] == path_table::unknown && !unknown_key(i, sink)) return false;
    if (body_[i].kind != kind::string || body_[i].text.empty()) continue;
    const auto* r = openai_chat_chunk().at(states_[i]);
    if (r == nullptr) {
      if (!at_once(i, role::assistant, part_kind::annotation, false, sink)) return false;
    } else if (r->what == text_class::json) {
      fragment(i, *r, c, sink);
    } else if (r->what != text_class::opaque && !string_field(i, *r, number, sink)) {
      return false;
    }
  }
  const auto finish = body_.member(node, "finish_reason");
  if (finish != none && body_[finish].kind == kind::string) {
    if (!finish_choice(number, node, sink, out)) return false;
    c.finished = true;
  }
  // The tokens of a text that left otherwise than it came still spell it.
  for (const char* spelled : {"logprobs", "token_ids"}) {
    const auto at = body_.member(node, spelled);
    if (splices_.size() > before && at != none && body_[at].kind != kind::null) splices_.push_back({body_[at].raw_begin, body_[at].raw_end, "null"});
  }
  return true;
}

bool chat_stream::string_field(index i, const row& r, std::int64_t number, channel_sink& sink) {
  if (r.what == text_class::text) return streamed(i, r, number, sink);
  return at_once(i, role::assistant, r.kind, false, sink);
}

void chat_stream::replace(index i, std::string_view released) {
  if (released == body_[i].text) return;
  splices_.push_back({body_[i].raw_begin, body_[i].raw_end, json_quoted(released)});
}

// A channel is named by its choice, which may stand anywhere in the event.
std::string chat_stream::name_of(index i, std::int64_t number) const {
  auto path = body_.path(i);
  const auto open = path.find('['), close = path.find(']');
  if (open != std::string::npos && close != std::string::npos) path.replace(open + 1, close - open - 1, std::to_string(number));
  return path;
}

// The next piece of a growing text.
bool chat_stream::streamed(index i, const row& r, std::int64_t number, channel_sink& sink) {
  auto& channels = choices_[number].channels;
  auto it = channels.find(&r);
  if (it == channels.end()) {
    it = channels.emplace(&r, channel{sink.open(role::assistant, r.kind, true, name_of(i, number))}).first;
  }
  released_.clear();
  if (sink.feed(it->second.id, body_[i].text, released_) != channel_sink::status::released) return false;
  replace(i, released_);
  return true;
}

// A key that no table knows is text that somebody chose; it cannot be edited, only judged.
bool chat_stream::unknown_key(index i, channel_sink& sink) {
  if (body_[i].key.empty()) return true;
  const auto id = sink.open(role::assistant, part_kind::annotation, false, body_.path(i));
  released_.clear();
  return sink.feed(id, body_[i].key, released_) == channel_sink::status::released &&
         sink.finish(id, released_) == channel_sink::status::released;
}

// A text that is whole where it stands.
bool chat_stream::at_once(index i, role who, part_kind what, bool editable, channel_sink& sink) {
  if (body_[i].text.empty()) return true;
  const auto id = sink.open(who, what, editable, body_.path(i));
  released_.clear();
  if (sink.feed(id, body_[i].text, released_) != channel_sink::status::released) return false;
  if (sink.finish(id, released_) != channel_sink::status::released) return false;
  replace(i, released_);
  return true;
}

void chat_stream::synthetic(std::int64_t number, std::string_view delta, std::string_view finish_reason, std::string& out) const {
  out += "data: {\"id\":" + id_ + ",\"object\":\"chat.completion.chunk\",\"created\":" + created_ + ",\"model\":" + model_ +
         ",\"choices\":[{\"index\":" + std::to_string(number) + ",\"delta\":{";
  out += delta;
  out += "},\"finish_reason\":";
  out += finish_reason.empty() ? "null" : json_quoted(finish_reason);
  out += "}]}\n\n";
}

// Resolves what a choice still holds, before its last event.
// Adds `released_` to the text of this row in the choice at `node` of the event at hand, when it has one: what a client reads
// first must leave first.
void chat_stream::append_to_event(const row& r, index node) {
  if (node == none) return;
  for (auto i = node + 1; i < body_[node].next; ++i) {
    if (body_[i].kind != kind::string || openai_chat_chunk().at(states_[i]) != &r) continue;
    auto s = std::find_if(splices_.begin(), splices_.end(), [&](const auto& each) { return each.begin == body_[i].raw_begin; });
    if (s == splices_.end()) s = splices_.insert(splices_.end(), {body_[i].raw_begin, body_[i].raw_end, json_quoted(body_[i].text)});
    s->replacement.pop_back();
    append_json_escaped(s->replacement, released_);
    s->replacement += '"';
    released_.clear();
    return;
  }
}

// `node`: the choice in the event at hand, or none.
bool chat_stream::finish_choice(std::int64_t number, index node, channel_sink& sink, std::string& out) {
  auto& c = choices_[number];
  if (c.finished) return true;
  if (!finish_tools(number, sink, out)) return false;
  for (auto& [r, ch] : c.channels) {
    released_.clear();
    if (sink.finish(ch.id, released_) != channel_sink::status::released) return false;
    if (released_.empty()) continue;
    append_to_event(*r, node);
    if (released_.empty()) continue;
    synthetic(number, delta_of(*r, released_), "", out);
  }
  return true;
}

bool chat_stream::finish_all(channel_sink& sink, std::string& out) {
  splices_.clear();
  states_.clear();
  for (auto& [number, c] : choices_) {
    if (!finish_choice(number, none, sink, out)) return false;
  }
  return true;
}

void chat_stream::cut(std::string_view message, std::string& out) {
  if (over_) return;
  over_ = true;
  if (choices_.empty()) choices_[0];
  bool first = true;
  for (auto& [number, c] : choices_) {
    if (c.finished) continue;
    std::string delta;
    if (!c.role_sent) delta = "\"role\":\"assistant\"";
    if (first && !message.empty()) delta += (delta.empty() ? "" : ",") + std::string("\"content\":") + json_quoted(message);
    first = false;
    if (!delta.empty()) synthetic(number, delta, "", out);
    synthetic(number, "", "content_filter", out);
    c.finished = true;
  }
  if (include_usage_) {
    out += "data: {\"id\":" + id_ + ",\"object\":\"chat.completion.chunk\",\"created\":" + created_ + ",\"model\":" + model_ +
           ",\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}\n\n";
  }
  out += "data: [DONE]\n\n";
}

void chat_stream::fail(std::string_view message, std::string_view decision_id, std::string& out) {
  if (over_) return;
  over_ = true;
  out += "data: " + openai_error_body({gateway_error::upstream, message, "", decision_id}) + "\n\n";
}

std::unique_ptr<response_stream> openai_open_stream(bool include_usage, std::uint32_t depth_max) {
  return std::make_unique<chat_stream>(include_usage, depth_max);
}

}  // namespace sluice::wire
