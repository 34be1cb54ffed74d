// Responses answers that come in one piece, and the refusal that takes the place of one.
#include <algorithm>
#include <iterator>

#include "additions.hpp"
#include "responses.hpp"
#include "responses_events.hpp"
#include "responses_table.hpp"
#include "sluice/base/strings.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

const answer_table& table_of(std::string_view endpoint) {
  if (endpoint == "responses.input_items" || endpoint == "conversations.items" || endpoint == "conversations.items.create") return responses_items();
  if (endpoint == "responses.input_tokens") return responses_count();
  if (endpoint == "conversations.item") return conversation_item();
  return endpoint.starts_with("conversations") ? conversation_object() : responses_response();
}

class responses_body final : public table_response {
 public:
  // `instructions`: what the client said there, as JSON, where words were added to them; "" otherwise.
  responses_body(responses_request_body::words own, std::string instructions, bool from_beginning)
      : own_(std::move(own)), instructions_(std::move(instructions)), from_beginning_(from_beginning) {}

  [[nodiscard]] bool lists_all() const override {
    const auto& body = listed_.body();
    const auto data = body.member(0, "data"), more = body.member(0, "has_more");
    return from_beginning_ && data != none && body[data].kind == kind::array && more != none && body[more].text == "false";
  }

 protected:
  // In the background, or in a stream that somebody else reads.
  [[nodiscard]] bool unfinished() const override {
    const auto at = listed_.body().member(0, "status");
    const auto word = at == none ? std::string_view() : listed_.body()[at].text;
    return word == "queued" || word == "in_progress";
  }
  [[nodiscard]] std::string said_beside(index copy) const override {
    const auto& body = listed_.body();
    const auto said = body.member(body[copy].parent, "text");
    return said == none || body[said].kind != kind::string ? std::string() : std::string(body[said].text);
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
  [[nodiscard]] bool echoes(std::string_view text, const row& r) const override {
    return repeats_request(r.path) && (own_.contains(text) || (!instructions_.empty() && r.path == "instructions"));
  }
  [[nodiscard]] bool of_choice(index i) const override {
    const auto output = listed_.body().member(0, "output");
    return output != none && i > output && i < listed_.body()[output].next;
  }
  // What is no finished response, or asks the client to do something.
  [[nodiscard]] bool structured(index /*choice*/) const override {
    const auto& body = listed_.body();
    const auto output = body.member(0, "output"), how = body.member(0, "status");
    if (output == none || body[output].kind != kind::array || how == none || (body[how].text != "completed" && body[how].text != "incomplete")) return true;
    for (auto i = body.first_child(output); i != none; i = body.sibling(i)) {
      const auto type = body[i].kind == kind::object ? body.member(i, "type") : none;
      if (type != none && calls_client(body[type].text)) return true;
    }
    return false;
  }
  // Behind the last text when that is the last thing said, as a message of its own otherwise.
  void add_text(index /*choice*/, std::string_view text, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto output = body.member(0, "output");
    const auto last_of = [&](index list) {
      auto last = none;
      for (auto i = list == none || body[list].kind != kind::array ? none : body.first_child(list); i != none; i = body.sibling(i)) last = i;
      return last == none || body[last].kind != kind::object ? none : last;
    };
    const auto item = last_of(output), part = item == none ? none : last_of(body.member(item, "content"));
    const auto literal = part == none ? none : body.member(part, "text"), type = part == none ? none : body.member(part, "type");
    if (literal != none && body[literal].kind == kind::string && type != none && body[type].text == "output_text") return add_behind(body, literal, text, splices);
    const auto message = [](std::string_view words) { return responses_message_item("\"msg_sluice\"", "completed", responses_text_part(json_quoted(words))); };
    add_to_list(body, output, {{}, text}, message, splices);
  }
  [[nodiscard]] bool withholds() const override { return !growing().empty(); }
  void drop_request(splice_list& splices) const override {
    std::ranges::move(growing(), std::back_inserter(splices));
    const auto at = instructions_.empty() ? none : listed_.body().member(0, "instructions");
    if (at != none) splices.push_back({listed_.body()[at].raw_begin, listed_.body()[at].raw_end, instructions_});
  }

  void follow(const part& part, std::span<const replacement> edits, std::vector<text::json::splice>& splices,
              std::vector<text::json::splice>& dropped) const override {
    const auto& body = listed_.body();
    if (part.inner >= 0 || part.node == 0 || body[part.node].key != "text") return;
    const auto around = body[part.node].parent;
    blank(body, around, "logprobs", "[]", dropped);
    const auto annotations = body.member(around, "annotations");
    if (annotations == none || body[annotations].kind != kind::array) return;
    const text_moves moves(edits_of(part.text, edits));
    for (auto a = body.first_child(annotations); a != none; a = body.sibling(a)) shift_annotation(body, a, moves, splices);
  }

 private:
  [[nodiscard]] std::string_view status_of(index object) const {
    const auto at = listed_.body()[object].kind == kind::object ? listed_.body().member(object, "status") : none;
    return at == none ? std::string_view() : listed_.body()[at].text;
  }
  // What is still being made, as splices that take it out: a client that asks again and again would have a secret in halves, of which no rule
  // sees more than one. Items that say that they are whole stay.
  [[nodiscard]] splice_list growing() const {
    splice_list out;
    const auto& body = listed_.body();
    if (unfinished()) {
      take_out(body.member(0, "output"), [&](index item) { return status_of(item) != "completed"; }, out);
      for (const char* text : {"content", "summary"}) blank(body, 0, text, "[]", out);  // of one item
    }
    take_out(body.member(0, "data"), [&](index item) { return status_of(item) == "in_progress"; }, out);
    return out;
  }
  // Elements of a list, with their commas.
  template <class Which>
  void take_out(index list, Which&& which, splice_list& out) const {
    const auto& body = listed_.body();
    if (list == none || body[list].kind != kind::array) return;
    auto kept = none;
    for (auto i = body.first_child(list); i != none;) {
      if (!which(i)) {
        kept = i;
        i = body.sibling(i);
        continue;
      }
      const auto first = i;
      auto last = i;
      for (; i != none && which(i); i = body.sibling(i)) last = i;
      const bool at_end = i == none && kept != none;
      out.push_back({at_end ? body[kept].raw_end : body[first].raw_begin, i != none ? body[i].raw_begin : body[last].raw_end, ""});
    }
  }

  responses_request_body::words own_;
  std::string instructions_;
  bool from_beginning_;  // where it is a list
};

// Of the items of a conversation all those from an end on, and not behind one that the client names.
bool asks_from_beginning(const endpoint& to) {
  if (to.name != "conversations.items") return false;
  for (auto rest = to.query; !rest.empty();) {
    const auto one = rest.substr(0, rest.find('&')), key = one.substr(0, one.find('='));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (key != "limit" && key != "order" && key != "include" && key != "include[]") return false;
  }
  return true;
}

}  // namespace

result<std::unique_ptr<response_body>> responses_read_response(const endpoint& to, std::string_view body, const request_body* asked,
                                                               std::uint32_t depth_max) {
  responses_request_body::words own;
  std::string instructions;
  if (const auto* request = static_cast<const responses_request_body*>(asked); request != nullptr) {
    own = request->own_words();
    if (to.words_added) instructions = request->instructions();
  }
  auto made = std::make_unique<responses_body>(std::move(own), std::move(instructions), asks_from_beginning(to));
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
