// One streamed answer of Completions: each choice is one growing text.
#include <algorithm>
#include <map>
#include <optional>

#include "event_stream.hpp"
#include "openai.hpp"
#include "stream_end.hpp"
#include "sluice/base/strings.hpp"
#include "text_endpoints.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class completions_stream final : public event_stream {
 public:
  completions_stream(bool include_usage, std::string_view model, std::uint32_t depth_max)
      : event_stream(find_text_endpoint("completions")->response, depth_max), usage_due_(include_usage), model_(json_quoted(model)) {}

  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;

 private:
  struct choice {
    std::optional<std::uint32_t> channel;
    unsent_text unsent;
    bool finished = false;
    bool edited = false;  // it left otherwise than it came
  };
  struct entry {  // of `choices` in the event at hand
    index node;
    choice* mine;
    std::int64_t number;
    bool touched = false;  // its text in this event leaves otherwise than it came
  };
  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out) override;
  [[nodiscard]] bool begin_choices();
  [[nodiscard]] bool finish_choices(channel_sink& sink, std::string& out);
  [[nodiscard]] taken take(index i, const row& r, channel_sink& sink) override;
  // Of no choice: a text that the client may put into the middle of its own takes none behind it.
  [[nodiscard]] std::int64_t choice_of(index /*i*/) const override { return channel_sink::no_choice; }
  [[nodiscard]] const entry* entry_of(index copy) const;
  [[nodiscard]] std::string_view said_beside(index copy) const override;
  [[nodiscard]] std::int64_t copy_of(index copy) const override { const auto* of = entry_of(copy); return of == nullptr ? channel_sink::no_choice : of->number; }
  [[nodiscard]] bool drops(index copy) const override { const auto* of = entry_of(copy); return of != nullptr && of->touched; }
  [[nodiscard]] bool edits(index copy) const override { const auto* of = entry_of(copy); return of != nullptr && of->mine->edited; }
  [[nodiscard]] bool finish(std::int64_t number, choice& c, index text, channel_sink& sink, std::string& out);
  // Some servers leave out the [DONE] behind it.
  [[nodiscard]] bool told_all() const override { return all_finished(choices_); }
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out) override;
  void remember();
  void synthetic(std::int64_t number, std::string_view text, std::string_view finish_reason, std::string& out) const;

  bool usage_due_;  // asked for, and not told yet
  std::map<std::int64_t, choice> choices_;
  std::string id_ = "\"cmpl-sluice\"", created_ = "0", model_;  // raw
  std::vector<entry> at_hand_;
};

response_stream::status completions_stream::event(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (e.data == "[DONE]") {
    if (!finish_stream(sink, out)) return stopped();
    over_ = true;
    out += e.raw;
    return status::done;
  }
  if (!read(e)) return stopped();
  remember();
  if (!begin_choices() || !event_.judge(0, *this, sink) || !event_.judge_copies(*this, sink) || !finish_choices(sink, out)) return stopped();
  // The tokens of a text that left otherwise than it came still spell it.
  for (const auto& c : at_hand_) {
    for (const auto key : c.touched ? std::span(completions_copies) : std::span<const std::string_view>()) event_.blank(c.node, key, "null");
  }
  write(e, out);
  usage_due_ = usage_due_ && !(at_hand_.empty() && openai_tells_usage(event_));  // with choices it tells none
  return status::ok;
}

void completions_stream::remember() {
  const auto keep = [&](const char* key, std::string& to) {
    const auto raw = event_.word(key);
    if (!raw.empty()) to = raw;
  };
  keep("id", id_);
  keep("created", created_);
  keep("model", model_);
}

// Every choice of the event is one that the gateway follows.
bool completions_stream::begin_choices() {
  const auto& body = event_.body();
  at_hand_.clear();
  const auto list = event_.child(0, "choices");
  if (list == none || body[list].kind != kind::array) return true;
  for (auto c = body.first_child(list); c != none; c = body.sibling(c)) {
    if (body[c].kind != kind::object) continue;
    std::int64_t number = 0;
    if (const auto at = event_.child(c, "index"); at != none && !event_.plain_index(at, number)) return false;
    if (!choices_.contains(number) && choices_.size() >= limits::choices) return event_.refuse("more choices than the gateway follows");
    at_hand_.push_back({c, &choices_[number], number});
  }
  return true;
}

const completions_stream::entry* completions_stream::entry_of(index copy) const { return entry_around(at_hand_, event_.body(), copy); }

std::string_view completions_stream::said_beside(index copy) const {
  const auto* of = entry_of(copy);
  const auto said = of == nullptr || event_.body()[copy].key != "tokens" ? none : event_.child(of->node, "text");
  return said == none || event_.body()[said].kind != kind::string ? std::string_view() : event_.body()[said].text;
}

event_reader::grower::taken completions_stream::take(index i, const row& r, channel_sink& sink) {
  if (r.comes != coming::grows) return taken::left;
  const auto of = std::ranges::lower_bound(at_hand_, event_.body()[i].parent, {}, &entry::node);  // they stand in the event's order
  if (of == at_hand_.end() || of->node != event_.body()[i].parent) return taken::left;
  auto& c = *of->mine;
  // A client puts it behind what it has, and what it has was decided: nobody could say any more what the two are together.
  if (c.finished) return event_.refuse("text of a choice after its finish_reason"), taken::blocked;
  if (!c.channel) c.channel = sink.open(role::assistant, r.kind, true, "choices[" + std::to_string(of->number) + "].text", choice_of(i));
  released_.clear();
  if (sink.feed(*c.channel, event_.body()[i].text, released_) != channel_sink::status::released) return taken::blocked;
  if (released_ != event_.body()[i].text) of->touched = true;
  c.edited = !c.unsent.leaves(event_.body()[i].text, released_) || c.edited;
  event_.replace(i, released_);
  return taken::taken;
}

// What a choice holds leaves with the event that ends it.
bool completions_stream::finish_choices(channel_sink& sink, std::string& out) {
  for (auto& [node, mine, number, touched] : at_hand_) {
    const auto why = event_.child(node, "finish_reason");
    if (why == none || event_.body()[why].kind != kind::string || event_.body()[why].text.empty()) continue;
    if (!finish(number, *mine, event_.child(node, "text"), sink, out)) return false;
    mine->finished = true;
    touched = touched || mine->edited;
  }
  return true;
}

// `text`: of the event at hand, or none.
bool completions_stream::finish(std::int64_t number, choice& c, index text, channel_sink& sink, std::string& out) {
  if (!c.channel) return true;
  released_.clear();
  const auto channel = *c.channel;
  c.channel.reset();
  if (erred_) return true;  // what ends with an error ends as if the upstream had died
  if (sink.finish(channel, released_) != channel_sink::status::released) return false;
  c.edited = !c.unsent.leaves("", released_) || !c.unsent.empty() || c.edited;
  if (released_.empty()) return true;
  if (text == none || event_.body()[text].kind != kind::string) {
    synthetic(number, released_, "", out);
  } else {
    event_.append(text, released_);
  }
  return true;
}

bool completions_stream::finish_all(channel_sink& sink, std::string& out) {
  for (auto& [number, c] : choices_) {
    if (!finish(number, c, none, sink, out)) return false;
  }
  return true;
}

void completions_stream::synthetic(std::int64_t number, std::string_view text, std::string_view finish_reason, std::string& out) const {
  out += "data: {\"id\":" + id_ + ",\"object\":\"text_completion\",\"created\":" + created_ + ",\"model\":" + model_ +
         ",\"choices\":[{\"text\":" + json_quoted(text) + ",\"index\":" + std::to_string(number) +
         ",\"logprobs\":null,\"finish_reason\":" + (finish_reason.empty() ? std::string("null") : json_quoted(finish_reason)) + "}]" + padding(text.size()) + "}\n\n";
}

void completions_stream::cut(std::string_view message, std::string& out) {
  if (!end_now()) return;
  each_to_cut(choices_, [&](auto number, const auto&) { synthetic(number, std::exchange(message, {}), "content_filter", out); });
  openai_end_stream({.object = "text_completion", .id = id_, .created = created_, .model = model_}, usage_due_, out);
}

void completions_stream::fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) {
  if (!end_now()) return;
  out += "data: " + openai_error_body({what, message, "", decision_id}) + "\n\n";
}

}  // namespace

std::unique_ptr<response_stream> completions_open_stream(const request_body& request, std::uint32_t depth_max) {
  return std::make_unique<completions_stream>(static_cast<const text_request_body&>(request).include_usage(), request.model(), depth_max);
}

}  // namespace sluice::wire
