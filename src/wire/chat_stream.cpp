// See chat_stream.hpp.
#include "chat_stream.hpp"

#include <algorithm>
#include <utility>

#include "openai.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

constexpr std::string_view said_row = "choices[].delta.content";
constexpr std::string_view parts_row = "choices[].delta.content[]";

// What a choice says, in one piece or as parts: clients put one behind the other.
bool is_said(const row* r) { return r != nullptr && (r->path == said_row || (r->path.starts_with(parts_row) && r->path.substr(parts_row.size()) == ".text")); }

}  // namespace

response_stream::status chat_stream::event(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (e.data == "[DONE]") {
    if (!finish_stream(sink, out)) return stopped();
    over_ = true;
    out += e.raw;
    return status::done;
  }
  if (!read(e)) return stopped();
  remember();
  if (!begin_choices() || !event_.judge(0, *this, sink) || !event_.judge_copies(*this, sink)) return stopped();
  bool touched = hides_request_;
  for (const auto& at : at_hand_) {
    auto& c = choices_[at.number];
    if (!knows_tokens(at, c, sink)) return stopped();
    const auto why = event_.child(at.node, "finish_reason");
    // Some servers send an empty one with every chunk, and no client takes it for an end.
    if (why != none && event_.body()[why].kind == kind::string && !event_.body()[why].text.empty()) {
      const bool before = c.edited;
      if (!finish_choice(at.number, c, sink, out)) return stopped();
      c.finished = true;
      c.touched = c.touched || c.edited != before;
    }
    let_copies_go(at.number, c, sink, out);
    drop_copies(at, c, sink);
    touched = touched || c.touched;
  }
  for (const auto key : touched ? std::span(openai_prompt_copies) : std::span<const std::string_view>()) event_.blank(0, key, "null");
  drop_verbose(touched);
  if (!waiting_bytes_.fit(sink)) return stopped();
  write(e, out);
  usage_due_ = usage_due_ && !(at_hand_.empty() && openai_tells_usage(event_));  // with choices it tells none
  for (const auto& at : at_hand_) choices_[at.number].role_sent |= choices_[at.number].role_at_hand;
  return status::ok;
}

void chat_stream::remember() {
  const auto keep = [&](const char* key, bool quoted, std::string& to) {
    if (event_.raw(key) == to) return;  // in most events
    const auto raw = event_.word(key);
    if (!raw.empty() && (raw.front() == '"') == quoted) to = raw;
  };
  keep("id", true, id_);
  keep("created", false, created_);
  keep("model", true, model_);
}

bool chat_stream::begin_choices() {
  for (const auto& at : at_hand_) {
    auto& c = choices_[at.number];
    c.touched = c.speaks = false;
    for (auto& each : c.channels) each.last = none;
    for (auto& [number, call] : c.tools) call.last = none;
  }
  at_hand_.clear();
  const auto& body = event_.body();
  const auto list = event_.child(0, "choices");
  if (list == none || body[list].kind != kind::array) return true;
  for (auto node = body.first_child(list); node != none; node = body.sibling(node)) {
    if (body[node].kind != kind::object) continue;
    entry at{node, 0};
    const auto number = event_.child(node, "index");
    if (number != none && !event_.plain_index(number, at.number)) return false;
    if (!choices_.contains(at.number) && choices_.size() >= limits::choices) return event_.refuse("more choices than the gateway follows");
    auto& c = choices_[at.number];
    const auto delta = event_.child(node, "delta");
    c.role_at_hand = delta != none && event_.child(delta, "role") != none;
    for (const auto key : {"tool_calls", "function_call"}) {
      const auto calls = delta != none && body[delta].kind == kind::object ? event_.child(delta, key) : none;
      c.calls = c.calls || (calls != none && (body[calls].kind == kind::object || (body[calls].kind == kind::array && body.first_child(calls) != none)));
    }
    at_hand_.push_back(at);
  }
  return true;
}

const chat_stream::entry* chat_stream::entry_of(index i) const { return entry_around(at_hand_, event_.body(), i); }

std::int64_t chat_stream::choice_of(index i) const {
  const auto* of = entry_of(i);
  return of == nullptr ? channel_sink::no_choice : of->number;
}

// The parts of a content, and what tells of its reasoning, follow those of the event before.
bool chat_stream::goes_on(index array) const {
  const auto key = event_.body()[array].key;
  return (key == "content" || key == "thinking" || key == "reasoning_details") && entry_of(array) != nullptr;
}

event_reader::grower::taken chat_stream::take(index i, const row& r, channel_sink& sink) {
  if (r.what != text_class::text && r.what != text_class::json) return taken::left;
  const auto* of = r.path.starts_with("choices[].delta.") ? entry_of(i) : nullptr;
  if (of == nullptr) return taken::left;
  if (r.what == text_class::json) return fragment(i, r, *of, sink);
  // In a delta a text is a piece, unless its row says otherwise.
  return r.comes == coming::whole ? taken::left : grow(i, &r, *of, sink);
}

// In a delta everything is a piece of something, except what says which thing it is.
event_reader::grower::taken chat_stream::take_unknown(index i, channel_sink& sink) {
  const auto& body = event_.body();
  const auto* of = entry_of(i);
  if (of == nullptr || choices_[of->number].finished || body[i].key == "type" || body[i].key == "id") return taken::left;
  const auto delta = event_.child(of->node, "delta");
  if (delta == none || i <= delta || i >= body[delta].next || body[delta].kind != kind::object) return taken::left;
  return grow(i, nullptr, *of, sink);
}

// The next piece of a growing text; without a row, of one that nobody knows.
event_reader::grower::taken chat_stream::grow(index i, const row* r, const entry& of, channel_sink& sink) {
  auto& c = choices_[of.number];
  const auto piece = event_.body()[i].text;
  // A client puts it behind what it has, and what it has was decided: nobody could say any more what the two are together.
  if (c.finished) return event_.refuse("text of a choice after its finish_reason"), taken::blocked;
  const bool only = r != nullptr && (r->path.starts_with(parts_row) || r->path.find('[', std::string_view("choices[").size()) == std::string_view::npos);
  auto at = only ? std::string() : event_.place(i, this);
  if (at.size() > limits::place_bytes) return event_.refuse("a text of a choice that stands under longer names than the gateway follows"), taken::blocked;
  const bool said = is_said(r);
  auto it = std::find_if(c.channels.begin(), c.channels.end(), [&](const channel& each) { return only ? each.of == r || (said && is_said(each.of)) : each.at == at; });
  if (it == c.channels.end()) {
    if (c.channels.size() >= limits::channels) return event_.refuse("more texts of a choice than the gateway follows"), taken::blocked;
    auto in_delta = event_.around(i, event_.child(of.node, "delta"));
    if (!event_.keep(at.size() + in_delta.before.size() + in_delta.after.size())) return taken::blocked;
    const auto id = sink.open(role::assistant, r != nullptr ? r->kind : part_kind::annotation, r != nullptr, only ? event_.place(i) : at, of.number);
    if (said) c.said = id;
    if (r != nullptr && r->kind == part_kind::transcript) c.spoken = id;
    it = c.channels.insert(it, {only ? r : nullptr, std::move(at), id, std::move(in_delta)});
  }
  if (only && it->of != r) {  // it goes on in the other form
    auto in_delta = event_.around(i, event_.child(of.node, "delta"));
    const auto known = it->in_delta.before.size() + it->in_delta.after.size(), now = in_delta.before.size() + in_delta.after.size();
    if (now > known && !event_.keep(now - known)) return taken::blocked;
    it->of = r;
    it->in_delta = std::move(in_delta);
  }
  it->last = i;
  c.speaks = true;
  released_.clear();
  if (sink.feed(it->id, piece, released_) != channel_sink::status::released) return taken::blocked;
  c.edited = !it->unsent.leaves(piece, released_) || c.edited;
  if (r == nullptr) it->tail += piece;
  keep_end(it->tail, limits::tail_bytes);
  c.touched = c.touched || released_ != piece;
  event_.replace(i, released_);
  return taken::taken;
}

// The next fragment of a call's arguments, of no use before the last one: the event goes on without it when some rule may change or
// stop it.
event_reader::grower::taken chat_stream::fragment(index i, const row& r, const entry& of, channel_sink& sink) {
  auto& c = choices_[of.number];
  if (c.finished) return event_.refuse("a tool call of a choice after its finish_reason"), taken::blocked;
  const auto& body = event_.body();
  std::int64_t number = -1;
  if (r.path != "choices[].delta.function_call.arguments") {
    const auto call = body[body[i].parent].parent;
    number = 0;
    if (const auto n = body.member(call, "index"); n != none) {
      if (!event_.plain_index(n, number)) return taken::blocked;
    } else {
      number = body[call].place;
    }
  }
  if (!c.tools.contains(number) && c.tools.size() >= limits::calls) return event_.refuse("more tool calls than the gateway follows"), taken::blocked;
  c.speaks = true;
  auto& tool = c.tools[number];
  tool.last = i;
  if (!take_arguments(tool.arguments, i, sink)) return taken::blocked;
  c.touched = c.touched || tool.arguments.held;
  return taken::taken;
}

bool chat_stream::finish_call(std::int64_t number, std::int64_t position, tool_call& call, channel_sink& sink) {
  const auto place = position < 0 ? std::string("function_call") : "tool_calls[" + std::to_string(position) + "].function";
  return finish_arguments(call.arguments, "choices[" + std::to_string(number) + "].delta." + place + ".arguments", number, sink, released_);
}

bool chat_stream::judge_calls_of(std::int64_t number, choice& c, channel_sink& sink) {
  return std::ranges::all_of(c.tools, [&](auto& each) { return finish_call(number, each.first, each.second, sink); });
}

bool chat_stream::judge_calls(channel_sink& sink) {
  return std::ranges::all_of(choices_, [&](auto& each) { return judge_calls_of(each.first, each.second, sink); });
}

// Judges the calls of a choice at its end, when all of them are whole, and sends what was held of them.
bool chat_stream::finish_calls(std::int64_t number, choice& c, channel_sink& sink, std::string& out) {
  for (auto& [position, call] : c.tools) {
    released_.clear();
    if (!finish_call(number, position, call, sink)) return false;
    if (released_.empty()) continue;
    if (call.last != none) {
      event_.append(call.last, released_);
      continue;
    }
    const auto arguments = "{\"arguments\":" + json_quoted(released_) + "}";
    synthetic(number, position < 0 ? "\"function_call\":" + arguments : "\"tool_calls\":[{\"index\":" + std::to_string(position) + ",\"function\":" + arguments + "}]", "", out);
  }
  c.tools.clear();
  return true;
}

// Resolves what a choice still holds, before its last event or within it: what a client reads first must leave first.
bool chat_stream::finish_choice(std::int64_t number, choice& c, channel_sink& sink, std::string& out) {
  if (c.finished) return true;
  if (erred_) {  // a choice that ends with an error ends as if the upstream had died
    if (!judge_calls_of(number, c, sink)) return false;
    c.channels.clear();
    c.tools.clear();
    forget_copies(c);
    return true;
  }
  if (!finish_calls(number, c, sink, out)) return false;
  std::vector<std::string> left;
  for (const auto& each : c.channels) {
    if (sink.end(each.id, left.emplace_back()) != channel_sink::status::released) return false;
  }
  if (!event_.finish(sink, number)) return false;
  std::string addition;
  if (sink.closing(number, c.calls, addition) != channel_sink::status::released) return false;
  std::size_t at = 0;
  for (auto& each : c.channels) {
    released_ = std::move(left[at++]);
    sink.rest(each.id, released_);
    c.edited = !each.unsent.leaves("", released_) || !each.unsent.empty() || c.edited;
    if (each.of != nullptr && each.of->path == said_row) released_ += std::exchange(addition, {});
    finish_text(number, each, out);
    if (!each.tail.empty() && !event_.go_on(each.at, std::move(each.tail), number)) return false;
  }
  c.channels.clear();
  let_copies_go(number, c, sink, out);
  if (!addition.empty()) synthetic(number, "\"content\":" + json_quoted(addition), "", out);
  return true;
}

// The end of a text, in released_: into the event at hand where that has some of it, in a chunk of its own before otherwise.
void chat_stream::finish_text(std::int64_t number, const channel& of, std::string& out) {
  if (released_.empty()) return;
  if (of.last != none) return event_.append(of.last, released_);
  synthetic(number, of.in_delta.before + json_quoted(released_) + of.in_delta.after, "", out);
}

bool chat_stream::finish_all(channel_sink& sink, std::string& out) {
  for (auto& [number, c] : choices_) {
    for (auto& each : c.channels) each.last = none;
    for (auto& [position, call] : c.tools) call.last = none;
    if (!finish_choice(number, c, sink, out)) return false;
  }
  return true;
}

bool chat_stream::keeps_back() const {
  return std::ranges::any_of(choices_, [](const auto& c) { return std::ranges::any_of(c.second.tools, [](const auto& t) { return t.second.arguments.waits(); }); });
}

void chat_stream::synthetic(std::int64_t number, std::string_view delta, std::string_view finish_reason, std::string& out) const {
  out += "data: {\"id\":" + id_ + ",\"object\":\"chat.completion.chunk\",\"created\":" + created_ + ",\"model\":" + model_ +
         ",\"choices\":[{\"index\":" + std::to_string(number) + ",\"delta\":{";
  out += delta;
  out += "},\"finish_reason\":";
  out += finish_reason.empty() ? "null" : json_quoted(finish_reason);
  out += "}]" + padding(delta.size()) + "}\n\n";
}

void chat_stream::cut(std::string_view message, std::string& out) {
  if (!end_now()) return;
  each_to_cut(choices_, [&](auto number, auto& c) {
    std::string delta;
    if (!c.role_sent) delta = "\"role\":\"assistant\"";
    if (!message.empty()) delta += (delta.empty() ? "" : ",") + std::string("\"content\":") + json_quoted(std::exchange(message, {}));
    if (!delta.empty() && !c.finished) {
      synthetic(number, delta, "", out);
      delta.clear();
    }
    synthetic(number, delta, "content_filter", out);
    c.finished = true;
  });
  openai_end_stream({.object = "chat.completion.chunk", .id = id_, .created = created_, .model = model_}, usage_due_, out);
}

void chat_stream::fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) {
  if (!end_now()) return;
  out += "data: " + openai_error_body({what, message, "", decision_id}) + "\n\n";
}

bool openai_tells_usage(const event_reader& chunk) {
  const auto& body = chunk.body();
  const auto choices = chunk.child(0, "choices"), usage = chunk.child(0, "usage");
  const bool of_none = choices == none || body[choices].kind != kind::array || body.first_child(choices) == none;
  return of_none && usage != none && body[usage].kind == kind::object;
}

void openai_end_stream(const openai_chunk_head& head, bool include_usage, std::string& out) {
  if (include_usage) {
    out.append("data: {\"id\":").append(head.id).append(",\"object\":\"").append(head.object).append("\",\"created\":").append(head.created).append(",\"model\":").append(head.model);
    out += ",\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}\n\n";
  }
  out += "data: [DONE]\n\n";
}

std::unique_ptr<response_stream> chat_open_stream(const endpoint& to, bool include_usage, std::uint32_t depth_max) {
  return std::make_unique<chat_stream>(include_usage, to.words_added, depth_max);
}

}  // namespace sluice::wire
