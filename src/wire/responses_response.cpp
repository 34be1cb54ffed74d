// Responses answers that come in one piece, and the refusal that takes the place of one.
#include <algorithm>
#include <charconv>

#include "responses.hpp"
#include "responses_events.hpp"
#include "responses_table.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

// An edit in characters, as annotations count.
struct moved {
  std::int64_t begin, end, length;
};

std::int64_t characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

// Where a position is after the edits, which are in order. One within an edit goes to its edge.
std::int64_t shifted(std::int64_t at, std::span<const moved> edits, bool is_end) {
  std::int64_t by = 0;
  for (const auto& e : edits) {
    if (at <= e.begin) break;
    if (at < e.end) return e.begin + by + (is_end ? e.length : 0);
    by += e.length - (e.end - e.begin);
  }
  return at + by;
}

const path_table& table_of(std::string_view endpoint) {
  if (endpoint == "responses.input_items" || endpoint == "conversations.items" || endpoint == "conversations.items.create") return responses_items();
  if (endpoint == "responses.input_tokens") return responses_count();
  if (endpoint == "conversations.item") return conversation_item();
  return endpoint.starts_with("conversations") ? conversation_object() : responses_response();
}

class responses_body final : public table_response {
 public:
  explicit responses_body(responses_request_body::words own) : own_(std::move(own)) {}

  using table_response::edited;
  // No choice of it takes text behind what it says: every one is structured.
  [[nodiscard]] std::string edited(std::span<const replacement> edits, std::span<const text_addition> /*additions*/) const override {
    auto splices = listed_.splices(edits);
    std::vector<text::json::splice> dropped;
    for (std::size_t first = 0; first < edits.size();) {
      auto last = first;
      while (last < edits.size() && edits[last].part == edits[first].part) ++last;
      follow(edits.subspan(first, last - first), splices, dropped);
      first = last;
    }
    for (auto& d : dropped) {
      std::erase_if(splices, [&](const text::json::splice& s) { return s.begin >= d.begin && s.end <= d.end; });
      splices.push_back(std::move(d));
    }
    return text::json::apply(listed_.body().bytes(), std::move(splices));
  }

 protected:
  // In the background, or in a stream that somebody else reads.
  [[nodiscard]] bool unfinished() const override {
    const auto at = listed_.body().member(0, "status");
    const auto word = at == none ? std::string_view() : listed_.body()[at].text;
    return word == "queued" || word == "in_progress";
  }
  // An item of a list of inputs may be anybody's.
  [[nodiscard]] role role_of(index i, const row& r) const override {
    const auto& body = listed_.body();
    if (r.from != role_source::of_message) return table_response::role_of(i, r);
    for (auto at = i; at != 0; at = body[at].parent) {
      if (body[at].kind != kind::object) continue;
      const auto who = body.member(at, "role");
      if (who == none) continue;
      const auto word = body[who].text;
      return word == "assistant" ? role::assistant : word == "system" ? role::system : word == "developer" ? role::developer : role::user;
    }
    return role::user;
  }
  [[nodiscard]] bool echoes(std::string_view text, const row& r) const override { return repeats_request(r.path) && own_.contains(text); }

 private:
  // What stands beside a text and counts its characters or spells it.
  void follow(std::span<const replacement> edits, std::vector<text::json::splice>& splices, std::vector<text::json::splice>& dropped) const {
    const auto& body = listed_.body();
    const auto& part = listed_.parts()[edits[0].part];
    if (part.inner >= 0 || part.node == 0 || body[part.node].key != "text") return;
    const auto around = body[part.node].parent;
    blank(body, around, "logprobs", "[]", dropped);
    const auto annotations = body.member(around, "annotations");
    if (annotations == none || body[annotations].kind != kind::array) return;
    std::vector<moved> moves;
    for (const auto& e : edits) {
      const auto begin = characters(part.text.substr(0, e.begin));
      moves.push_back({begin, begin + characters(part.text.substr(e.begin, e.end - e.begin)), characters(e.text)});
    }
    std::ranges::sort(moves, {}, &moved::begin);
    for (auto a = body.first_child(annotations); a != none; a = body.sibling(a)) {
      if (body[a].kind != kind::object) continue;
      for (const char* key : {"start_index", "end_index"}) {
        const auto n = body.member(a, key);
        if (n == none || body[n].kind != kind::number) continue;
        std::int64_t at = 0;
        std::from_chars(body[n].text.data(), body[n].text.data() + body[n].text.size(), at);
        splices.push_back({body[n].raw_begin, body[n].raw_end, std::to_string(shifted(at, moves, key[0] == 'e'))});
      }
    }
  }

  responses_request_body::words own_;
};

}  // namespace

result<std::unique_ptr<response_body>> responses_read_response(const endpoint& to, std::string_view body, const request_body* asked,
                                                               std::uint32_t depth_max) {
  responses_request_body::words own;
  if (asked != nullptr) own = static_cast<const responses_request_body*>(asked)->own_words();
  auto made = std::make_unique<responses_body>(std::move(own));
  if (auto done = made->read(body, table_of(to.name), "", depth_max); !done) return std::unexpected(done.error());
  return made;
}

std::string responses_refusal_body(const request_body& request, std::string_view message, std::string_view decision_id) {
  const auto id = "resp_" + std::string(decision_id), item = "msg_" + std::string(decision_id);
  const auto part = "{\"type\":\"refusal\",\"refusal\":" + json_quoted(message) + "}";
  const auto items = message.empty() ? std::string() : responses_message_item(json_quoted(item), "incomplete", part);
  const auto whole = responses_object(json_quoted(id), json_quoted(request.model()), "incomplete", items);
  if (!request.stream()) return whole;
  std::int64_t number = -1;
  std::string out;
  const auto event = [&](std::string_view type, const std::string& rest) { responses_event(type, ++number, rest, out); };
  event("response.created", ",\"response\":" + responses_object(json_quoted(id), json_quoted(request.model()), "in_progress", ""));
  if (!message.empty()) {
    const auto at = ",\"item_id\":" + json_quoted(item) + ",\"output_index\":0,\"content_index\":0";
    event("response.output_item.added", ",\"output_index\":0,\"item\":" + responses_message_item(json_quoted(item), "in_progress", ""));
    event("response.content_part.added", at + ",\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}");
    event("response.refusal.delta", at + ",\"delta\":" + json_quoted(message));
    event("response.refusal.done", at + ",\"refusal\":" + json_quoted(message));
    event("response.content_part.done", at + ",\"part\":" + part);
    event("response.output_item.done", ",\"output_index\":0,\"item\":" + items);
  }
  event("response.incomplete", ",\"response\":" + whole);
  return out;
}

}  // namespace sluice::wire
