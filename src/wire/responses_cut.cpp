// How the gateway ends a streamed response: see responses_stream.hpp. Clients read the final text from the last event, so each text is
// closed with what was sent of it, in every place that repeats it.
#include "openai.hpp"
#include "responses_events.hpp"
#include "responses_stream.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

namespace {

void join(std::string& list, std::string_view element) {
  if (!list.empty()) list += ',';
  list += element;
}

}  // namespace

void responses_stream::write_event(std::string_view type, std::string_view rest, std::string& out) {
  own_number_ = last_number_ = std::max(last_number_, own_number_) + 1;
  responses_event(type, numbered_ ? last_number_ : -1, rest, out);
}

// Ends the texts of an item that still grow, and gathers the parts that a client has of it.
void responses_stream::close_texts(std::int64_t number, const std::string& id_raw, std::string& parts, std::string& summary, std::string& out) {
  for (auto& [at, t] : texts_) {
    const auto& g = growing_texts()[static_cast<std::size_t>(at.of)];
    if (at.item != number || g.in_part.empty() || t.only_end) continue;
    const bool of_summary = g.part_index == "summary_index";
    const auto where = ",\"item_id\":" + id_raw + ",\"output_index\":" + std::to_string(number) + "," + json_quoted(g.part_index) + ":" + std::to_string(at.part);
    const auto type = g.in_part.substr(1, g.in_part.find('>') - 1), key = g.in_part.substr(g.in_part.find('>') + 2);
    const auto text = json_quoted(t.sent());
    const bool spelled = at.of == family::output_text;
    const auto part = "{\"type\":" + json_quoted(type) + "," + json_quoted(key) + ":" + text + (spelled ? ",\"annotations\":[],\"logprobs\":[]}" : "}");
    join(of_summary ? summary : parts, part);
    if (!t.done_sent) write_event(std::string(g.stem) + ".done", where + "," + json_quoted(g.done_key) + ":" + text + (spelled ? ",\"logprobs\":[]" : ""), out);
    if (!t.part_done_sent) write_event(of_summary ? "response.reasoning_summary_part.done" : "response.content_part.done", where + ",\"part\":" + part, out);
  }
}

// The item as its end repeats it: incomplete, with what was sent.
std::string responses_stream::close_item(std::int64_t number, const item& of, std::string& out) {
  const auto begun = raw_member(of.added, "item");
  if (begun.empty()) return {};
  std::string parts, summary;
  close_texts(number, raw_member(begun, "id"), parts, summary, out);
  auto whole = with_members(begun, {{"status", "\"incomplete\"", true}});
  if (!parts.empty()) whole = with_members(whole, {{"content", "[" + parts + "]"}});
  if (!summary.empty()) whole = with_members(whole, {{"summary", "[" + summary + "]"}});
  for (const auto& [at, t] : texts_) {
    const auto& g = growing_texts()[static_cast<std::size_t>(at.of)];
    if (at.item == number && g.in_part.empty() && g.label == g.done_key && !t.only_end) whole = with_members(whole, {{g.done_key, json_quoted(t.sent())}});
  }
  write_event("response.output_item.done", ",\"output_index\":" + std::to_string(number) + ",\"item\":" + whole, out);
  return whole;
}

// A message of the gateway's own.
std::string responses_stream::say(std::int64_t number, std::string_view message, std::string_view how, std::string& out) {
  const std::string id = "\"msg_sluice\"", text = json_quoted(message);
  const auto index = ",\"output_index\":" + std::to_string(number), at = ",\"item_id\":" + id + index + ",\"content_index\":0";
  const auto part = responses_text_part;
  const auto whole = responses_message_item(id, how, part(text));
  write_event("response.output_item.added", index + ",\"item\":" + responses_message_item(id, "in_progress", ""), out);
  write_event("response.content_part.added", at + ",\"part\":" + part("\"\""), out);
  write_event("response.output_text.delta", at + ",\"delta\":" + text + ",\"logprobs\":[]" + padding(text.size()), out);
  write_event("response.output_text.done", at + ",\"text\":" + text + ",\"logprobs\":[]", out);
  write_event("response.content_part.done", at + ",\"part\":" + part(text), out);
  write_event("response.output_item.done", index + ",\"item\":" + whole, out);
  return whole;
}

// The end of the response: what rules kept of it until now, and what they add behind it, is a message of its own.
bool responses_stream::close(channel_sink& sink, std::string& out) {
  std::string words, addition;
  if (sink.closing(0, calls_, addition) != channel_sink::status::released) return false;
  for (const auto channel : kept_) sink.rest(channel, words);
  kept_.clear();
  words += addition;
  if (words.empty()) return true;
  const auto number = items_.empty() ? 0 : items_.rbegin()->first + 1;
  added_ = say(number, words, "completed", out);
  items_[number].added = items_[number].done = "{\"item\":" + added_ + "}";
  return true;
}

void responses_stream::cut(std::string_view message, std::string& out) {
  if (!end_now() || closed_) return;
  auto response = raw_member(created_, "response");
  if (response.empty()) {
    response = responses_object("\"resp_sluice\"", model_, "in_progress", "");
    const bool begun = !items_.empty() || last_number_ >= 0;  // and its first event was too long to remember, or there was none
    numbered_ = numbered_ || !begun;
    if (!begun) write_event("response.created", ",\"response\":" + response, out);
  }
  std::string items;
  std::int64_t next = 0;
  for (const auto& [number, of] : items_) {
    next = std::max(next, number + 1);
    const auto whole = of.done.empty() ? close_item(number, of, out) : raw_member(of.done, "item");
    if (!whole.empty()) join(items, whole);
  }
  if (!message.empty()) join(items, say(next, message, "incomplete", out));
  write_event("response.incomplete",
              ",\"response\":" + with_members(response, {{"status", "\"incomplete\""}, {"incomplete_details", "{\"reason\":\"content_filter\"}"}, {"output", "[" + items + "]"}}),
              out);
}

// Flat, as the API writes an error, and within it as its SDKs raise one.
void responses_stream::fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) {
  if (!end_now() || closed_) return;
  const auto error = raw_member(openai_error_body({what, message, "", decision_id}), "error");
  write_event("error", ",\"code\":" + raw_member(error, "code") + ",\"message\":" + raw_member(error, "message") + ",\"param\":null,\"error\":" + error, out);
}

}  // namespace sluice::wire
