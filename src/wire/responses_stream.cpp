// See responses_stream.hpp. An event is written as it came unless some text of it left otherwise than it came.
#include "responses_stream.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "responses_events.hpp"
#include "responses_table.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

std::span<const growing_text> growing_texts() {
  using enum part_kind;
  static constexpr auto all = std::to_array<growing_text>({
      {"response.output_text", ".delta>.delta", "content_index", "<message>.content[]<output_text>.text", "<output_text>.text", "text", "content", role::assistant, text},
      {"response.refusal", ".delta>.delta", "content_index", "<message>.content[]<refusal>.refusal", "<refusal>.refusal", "refusal", "content", role::assistant, part_kind::refusal},
      {"response.reasoning_text", ".delta>.delta", "content_index", "<reasoning>.content[]<reasoning_text>.text", "<reasoning_text>.text", "text", "content", role::assistant, reasoning},
      {"response.reasoning_summary_text", ".delta>.delta", "summary_index", "<reasoning>.summary[]<summary_text>.text", "<summary_text>.text", "text", "summary", role::assistant, reasoning},
      {"response.function_call_arguments", ".delta>.delta", "", "<function_call>.arguments", "", "arguments", "arguments", role::assistant, tool_call, true},
      {"response.custom_tool_call_input", ".delta>.delta", "", "<custom_tool_call>.input", "", "input", "input", role::assistant, tool_call},
      {"response.mcp_call_arguments", ".delta>.delta", "", "<mcp_call>.arguments", "", "arguments", "arguments", role::assistant, tool_call, true},
      {"response.code_interpreter_call_code", ".delta>.delta", "", "<code_interpreter_call>.code", "", "code", "code", role::assistant, tool_call},
      {"response.shell_call_command", ".delta>.delta", "command_index", "<shell_call>.action.commands[]", "", "command", "action.commands", role::assistant, tool_call},
      {"response.shell_call_output_content", ".delta>.delta.stdout", "command_index", "", "", "output", "output.stdout", role::tool, tool_result},
      {"response.shell_call_output_content", ".delta>.delta.stderr", "command_index", "", "", "output", "output.stderr", role::tool, tool_result},
      {"response.apply_patch_call_operation_diff", ".delta>.delta", "", "<apply_patch_call>.operation.diff", "", "diff", "operation.diff", role::assistant, tool_call},
      {"response.audio.transcript", ".delta>.delta", "", "", "", "", "audio.transcript", role::assistant, part_kind::transcript},
  });
  return all;
}

namespace {

bool is_of(std::string_view type, const growing_text& g, std::string_view what) {
  return type.size() == g.stem.size() + what.size() && type.ends_with(what) && type.starts_with(g.stem);
}

bool ends_response(std::string_view type) {
  return type == "response.completed" || type == "response.incomplete" || type == "response.failed" || type == "response.cancelled";
}

}  // namespace

responses_stream::responses_stream(const endpoint& to, const request_body& request, std::uint32_t depth_max)
    : event_stream(responses_events(), depth_max),
      own_(static_cast<const responses_request_body&>(request).own_words()),
      model_(json_quoted(request.model())),
      instructions_(to.words_added ? static_cast<const responses_request_body&>(request).instructions() : std::string()) {}

response_stream::status responses_stream::event(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (e.data == "[DONE]") {  // not of this API, and some of its imitators send it
    if (!finish_stream(sink, out)) return stopped();
    over_ = true;
    out += e.raw;
    return status::done;
  }
  if (!read(e)) return stopped();
  if (!begin_event() || !count() || !announce() || !knows_piece(sink) || !finish_before(sink, out) || !event_.judge(0, *this, sink) || !event_.judge_copies(*this, sink)) return stopped();
  // A piece that is held whole needs no event, nor does what points to nowhere.
  auto* const decides = waits_for(sink);
  if (decides != nullptr || piece_gone_ || copy_goes(sink)) {
    keep_alive(out);
    if (decides == nullptr) return status::ok;
    write(e, decides->waiting.emplace_back());
    waiting_bytes_.now += decides->waiting.back().size();
    return waiting_bytes_.fit(sink) ? status::ok : stopped();
  }
  told_response_ = told_response_ || tells_response_;
  follow_edits();
  restore_request();
  number();
  remember(write(e, out));
  return let_copies_go(sink, out) && waiting_bytes_.fit(sink) ? status::ok : stopped();
}

// False: it says which of several things it is about in a way that could be read as another.
bool responses_stream::begin_event() {
  const auto& body = event_.body();
  const auto type = body.member(0, "type");
  type_ = type == none ? std::string_view() : body[type].text;
  edited_.clear();
  piece_gone_ = misplaced_ = false;
  tells_response_ = type_ == "response.created" || type_ == "response.queued" || type_ == "response.in_progress";
  added_.clear();
  delta_of_ = nullptr;
  for (const auto& g : growing_texts()) {
    if (is_of(type_, g, ".delta")) delta_of_ = &g;
    if (delta_of_ != nullptr) break;
  }
  if (type_ == "response.created" || type_ == "response.queued") begin_anew();
  const auto item = type_ == "response.output_item.added" ? event_.child(0, "item") : none;
  calls_ = calls_ || (item != none && body[item].kind == kind::object && calls_client(event_.text("type", item)));
  std::int64_t number = 0;
  for (const char* key : {"content_index", "summary_index", "command_index"}) {
    if (!event_.index_at(key, number, 0, no_part)) return false;
  }
  return event_.index_at("output_index", item_);
}

// A growing text of a kind that is not known is no match in pieces.
bool responses_stream::knows_piece(channel_sink& sink) {
  const auto& body = event_.body();
  const bool known = body.member(0, "type") == none || event_.child(0, "type") != none;
  const auto piece = body.member(0, "delta");
  if (known || piece == none || !type_.ends_with(".delta")) return true;
  return sink.passes({"unknown part", "delta", body[piece].raw_end - body[piece].raw_begin}) ||
         event_.refuse("an event of a type that is not known carries a piece of a text");
}

// Some upstreams send one response behind the other.
void responses_stream::begin_anew() {
  if (!closed_) return;
  closed_ = false;
  created_.clear();
  items_.clear();
  counted_.clear();
  begun_items_ = 0;
  told_response_ = false;
  texts_.clear();
  waiting_bytes_.now = 0;
  announced_.clear();
  kept_.clear();
  seen_bytes_ = 0;
  calls_ = false;
  grown_bytes_ = 0;
  own_number_ = last_number_ = -1;
}

// What the response repeats of the request is the client's own, and what it holds is all that the client was sent.
void responses_stream::restore_request() {
  const auto response = event_.child(0, "response");
  if (response == none || event_.body()[response].kind != kind::object) return;
  const auto instructions = event_.child(response, "instructions"), output = event_.child(response, "output");
  if (!instructions_.empty() && instructions != none && event_.body().raw(instructions) != instructions_) event_.set(instructions, instructions_);
  if (!added_.empty() && output != none && event_.body()[output].kind == kind::array) event_.add_element(output, added_);
}

// What an event ends leaves before it.
bool responses_stream::finish_before(channel_sink& sink, std::string& out) {
  const bool item_done = type_ == "response.output_item.done";
  const bool ends_item = item_done || type_ == "response.output_item.added";
  if (item_done && !has_room_for(item_)) return false;  // of one that is added count() has asked
  if (type_ == "response.completed" || type_ == "response.incomplete") return finish_all(sink, out) && event_.finish(sink) && close(sink, out);
  if (ends_response(type_)) {
    if (!judge_rest(sink)) return false;
    texts_.clear();  // what is held of a failure is dropped
    waiting_bytes_.now = 0;
    return true;
  }
  const bool ends_content = type_ == "response.content_part.done", ends_summary = type_ == "response.reasoning_summary_part.done";
  for (auto t = texts_.lower_bound({item_, family::output_text, no_part}); t != texts_.end() && t->first.item == item_; ++t) {
    const auto& g = growing_texts()[static_cast<std::size_t>(t->first.of)];
    bool ends = ends_item;
    if (ends_content) ends = g.part_index == "content_index" && t->first.part == part_at_hand(t->first.of, false);
    if (ends_summary) ends = g.part_index == "summary_index" && t->first.part == part_at_hand(t->first.of, false);
    if (is_of(type_, g, ".done")) ends = t->first.part == part_at_hand(t->first.of, false);
    if (ends && !finish(t->first, t->second, sink, out)) return false;
  }
  if (!end_unsaid()) return false;
  if (type_ == "response.output_item.added") {
    texts_.erase(texts_.lower_bound({item_, family::output_text, no_part}), texts_.lower_bound({item_ + 1, family::output_text, no_part}));
  }
  return true;
}

// The end of a text that no piece came of: what comes behind it is text behind its end.
bool responses_stream::end_unsaid() {
  if (!type_.ends_with(".done")) return true;
  for (std::size_t f = 0; f < growing_texts().size(); ++f) {
    if (!is_of(type_, growing_texts()[f], ".done")) continue;
    const place at{item_, static_cast<family>(f), part_at_hand(static_cast<family>(f), false)};
    if (texts_.contains(at)) continue;
    if (texts_.size() >= limits::calls) return event_.refuse("more texts of a response than the gateway follows");
    texts_[at].over = texts_[at].only_end = true;
  }
  return true;
}

bool responses_stream::keeps_back() const {
  return std::ranges::any_of(texts_, [](const auto& t) { return t.second.call.waits(); });
}

std::int64_t responses_stream::number_of(std::string_view key) const {
  const auto at = event_.body().member(0, key);
  std::int64_t out = 0;
  if (at == none || event_.body()[at].kind != kind::number) return out;
  const auto t = event_.body()[at].text;
  std::from_chars(t.data(), t.data() + t.size(), out);
  return out;
}

std::int64_t responses_stream::size_of(index object, std::string_view key) const {
  const auto& body = event_.body();
  const auto list = object == none || body[object].kind != kind::object ? none : event_.child(object, key);
  std::int64_t out = 0;
  for (auto i = list == none || body[list].kind != kind::array ? none : body.first_child(list); i != none; i = body.sibling(i)) ++out;
  return out;
}

// A client puts an item and a part behind those that it has, and a piece where its numbers say. False: text would come behind another than
// its own, or there are more than the gateway follows.
bool responses_stream::count() {
  if (tells_response_ && !told_response_) return count_response();
  if (type_ == "response.output_item.added") {
    if (!has_room_for(item_)) return false;
    misplaced_ = begun_items_++ != item_;
    if (misplaced_ && counted_[item_].said) return event_.refuse("an item of a response that begins twice");
    const auto made = event_.child(0, "item");
    counted_[item_] = {size_of(made, "content"), size_of(made, "summary")};
  }
  const bool part = type_ == "response.content_part.added", summary = type_ == "response.reasoning_summary_part.added";
  if (!part && !summary) return true;
  if (!has_room_for(item_)) return false;
  auto& of = counted_[item_];
  misplaced_ = (part ? of.parts++ : of.summaries++) != number_of(part ? "content_index" : "summary_index");
  return true;
}

// The response as it begins: most often without an item.
bool responses_stream::count_response() {
  const auto& body = event_.body();
  const auto response = event_.child(0, "response");
  const auto output = response == none || body[response].kind != kind::object ? none : event_.child(response, "output");
  for (auto i = output == none || body[output].kind != kind::array ? none : body.first_child(output); i != none; i = body.sibling(i)) {
    if (!has_room_for(begun_items_)) return false;
    counted_[begun_items_++] = {size_of(i, "content"), size_of(i, "summary")};
  }
  return true;
}

// False: more parts than the gateway follows.
bool responses_stream::announce() {
  const bool summary = type_ == "response.reasoning_summary_part.added";
  if (type_ == "response.output_item.added") announced_.erase(announced_.lower_bound({item_, family::output_text, no_part}), announced_.lower_bound({item_ + 1, family::output_text, no_part}));
  if (!summary && type_ != "response.content_part.added") return true;
  announced_.insert({item_, summary ? family::summary_text : family::output_text, number_of(summary ? "summary_index" : "content_index")});
  return announced_.size() <= limits::calls || event_.refuse("more parts of a response than the gateway follows");
}

// The part that the event at hand is about, of the texts of a family. Some servers (older vLLM) count a part with each piece of one
// text, so a part that nobody announced is the one whose text goes on. `begins`: where that is over, another begins.
std::int64_t responses_stream::part_at_hand(family of, bool begins) const {
  const auto index = growing_texts()[static_cast<std::size_t>(of)].part_index;
  if (index.empty()) return 0;
  const auto number = number_of(index);
  if (index == "command_index" || announced_.contains({item_, index == "summary_index" ? family::summary_text : family::output_text, number})) return number;
  if (const auto same = texts_.find({item_, of, number}); same != texts_.end() && (!begins || !same->second.over)) return number;
  auto out = number;
  bool open = false;
  for (auto t = texts_.lower_bound({item_, of, no_part}); t != texts_.end() && t->first.item == item_ && t->first.of == of; ++t) {
    if (t->second.over && (begins || open)) continue;
    open = open || !t->second.over;
    out = t->first.part;
  }
  return out;
}

// Numbers go on rising behind the events that the gateway put in; the gaps of those that it left out let them fall in step again.
void responses_stream::number() {
  const auto& body = event_.body();
  const auto at = body.member(0, "sequence_number");
  if (at == none || body[at].kind != kind::number) return;
  numbered_ = true;
  last_number_ = 0;
  std::from_chars(body[at].text.data(), body[at].text.data() + body[at].text.size(), last_number_);
  if (last_number_ > own_number_) return;
  last_number_ = ++own_number_;
  event_.set(at, std::to_string(last_number_));
}

// What a cut needs of what the client has seen.
void responses_stream::remember(std::string_view as_left) {
  const bool room = seen_bytes_ + as_left.size() <= kept_bytes_max;
  const auto keep = [&](std::string& to) {
    if (!room) return;
    seen_bytes_ += as_left.size();
    to = as_left;
  };
  if (tells_response_ && created_.empty()) keep(created_);
  if (type_ == "response.output_item.added") {
    items_[item_] = {};
    keep(items_[item_].added);
  }
  if (type_ == "response.output_item.done") {
    keep(items_[item_].done);
    texts_.erase(texts_.lower_bound({item_, family::output_text, no_part}), texts_.lower_bound({item_ + 1, family::output_text, no_part}));
    counted_[item_].over = true;
  }
  for (auto each = type_.ends_with(".done") ? texts_.lower_bound({item_, family::output_text, no_part}) : texts_.end(); each != texts_.end() && each->first.item == item_; ++each) {
    auto& [at, t] = *each;
    const auto& g = growing_texts()[static_cast<std::size_t>(at.of)];
    if (is_of(type_, g, ".done") && at.part == part_at_hand(at.of, false)) t.done_sent = true;
    if (type_ == "response.content_part.done" && g.part_index == "content_index" && at.part == part_at_hand(at.of, false)) t.part_done_sent = true;
    if (type_ == "response.reasoning_summary_part.done" && g.part_index == "summary_index" && at.part == part_at_hand(at.of, false)) t.part_done_sent = true;
  }
  if (ends_response(type_)) closed_ = true;
}

std::vector<handle> responses_stream::handles() const {
  std::vector<handle> out;
  for (const auto& id : event_.handles()) out.push_back({id, closed_});
  return out;
}

std::unique_ptr<response_stream> responses_open_stream(const endpoint& to, const request_body& request, std::uint32_t depth_max) {
  return std::make_unique<responses_stream>(to, request, depth_max);
}

}  // namespace sluice::wire
