// Ollama requests and answers that come in one piece.
#include "additions.hpp"
#include "body_reader.hpp"
#include "ollama.hpp"
#include "ollama_table.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

bool role_of(std::string_view word, role& out) {
  if (word == "user") out = role::user;
  if (word == "assistant") out = role::assistant;
  if (word == "system") out = role::system;
  if (word == "tool") out = role::tool;
  return word == "user" || word == "assistant" || word == "system" || word == "tool";
}

constexpr role_words roles{role_of, "name its role: user, assistant, system or tool,"};

class ollama_request_body final : public table_request {
 public:
  result<void> read_as(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
    chat = to.name == "chat";
    const auto& table = ollama_request(to.name);
    if (auto done = read(bytes, {table, chat ? "messages" : "", false, roles, false}, depth_max); !done) return done;
    const auto& body = listed_.body();
    // A stream is what is sent when nothing is said.
    const auto asked = body.member(0, "stream");
    stream_ = (chat || to.name == "generate") && (asked == none || body[asked].text != "false");
    generates_ = to.name == "generate";
    return {};
  }
  bool chat = false;

  [[nodiscard]] bool json_answer() const override {
    const auto format = listed_.body().member(0, "format");
    return format != none && listed_.body()[format].kind != kind::null && listed_.body().raw(format) != "\"\"";
  }
  // A raw prompt goes to the model as it is, and a chat without messages only loads it.
  [[nodiscard]] bool takes_system_words() const override {
    const auto& body = listed_.body();
    if (chat) {
      const auto messages = body.member(0, "messages");
      return messages != none && body[messages].kind == kind::array && body.first_child(messages) != none;
    }
    if (!generates_) return false;
    // A template of the client's own, and the one that fills a gap before a suffix, need not hold the system's words.
    for (auto m = body.first_child(0); m != none; m = body.sibling(m)) {
      if (iequals(body[m].key, "template") || (body[m].key == "suffix" && !body[m].text.empty())) return false;
    }
    const auto raw = body.member(0, "raw"), system = body.member(0, "system");
    return (raw == none || body[raw].text != "true") && (system == none || body[system].kind == kind::null || body[system].kind == kind::string);
  }

 protected:
  void add_system(const system_words& added, splice_list& splices) const override {
    const auto& body = listed_.body();
    if (chat) return add_system_message(body, body.member(0, "messages"), added, splices);
    const auto at = body.member(0, "system");
    if (at == none || body[at].kind == kind::null) return set_member(body, 0, at, "system", json_quoted(joined(added)), splices);
    add_to_text(body, at, added, splices);
  }

 private:
  bool generates_ = false;
};

class ollama_response_body final : public table_response {
 public:
  explicit ollama_response_body(bool hides_request) : hides_request_(hides_request) {}

 protected:
  // Tokens and their probabilities spell the text.
  void drop_copies(index choice, std::span<const replacement> /*edits*/, std::vector<text::json::splice>& splices) const override {
    blank(listed_.body(), choice, "logprobs", "[]", splices);
    blank(listed_.body(), choice, "context", "[]", splices);
  }
  // The tokens are those of all that it made, and it thinks first.
  [[nodiscard]] std::string said_beside(index /*copy*/) const override {
    const auto& body = listed_.body();
    std::string out;
    const auto message = member(0, "message");
    for (const auto said : {member(message, "thinking"), member(message, "content"), member(0, "thinking"), member(0, "response")}) {
      if (said != none && body[said].kind == kind::string) out += body[said].text;
    }
    return out;
  }
  // `context` spells the request as well.
  void drop_request(std::vector<text::json::splice>& splices) const override {
    if (hides_request_) blank(listed_.body(), 0, "context", "[]", splices);
  }
  [[nodiscard]] bool structured(index choice) const override {
    const auto& body = listed_.body();
    const auto message = member(choice, "message"), response = member(choice, "response");
    if (response != none) return body[response].kind != kind::string;
    if (message == none || body[message].kind != kind::object) return true;
    const auto calls = member(message, "tool_calls"), content = member(message, "content");
    if (calls != none && body[calls].kind == kind::array && body.first_child(calls) != none) return true;
    return content != none && body[content].kind != kind::string && body[content].kind != kind::null;
  }
  void add_text(index choice, std::string_view text, splice_list& splices) const override {
    const auto& body = listed_.body();
    if (const auto response = member(choice, "response"); response != none) return add_behind(body, response, text, splices);
    const auto message = member(choice, "message"), content = member(message, "content");
    if (content != none && body[content].kind == kind::string) return add_behind(body, content, text, splices);
    set_member(body, message, content, "content", json_quoted(text), splices);
  }

 private:
  bool hides_request_;
};

}  // namespace

result<std::unique_ptr<request_body>> ollama_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<ollama_request_body>();
  if (auto done = made->read_as(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> ollama_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<ollama_response_body>(to.words_added);
  if (auto done = made->read(body, ollama_response(), "", depth_max); !done) return std::unexpected(done.error());
  return made;
}

std::string ollama_refusal_body(const request_body& request, std::string_view message) {
  const auto model = json_quoted(request.model());
  return ollama_refusal_line(static_cast<const ollama_request_body&>(request).chat, model, "\"1970-01-01T00:00:00Z\"", message) + (request.stream() ? "\n" : "");
}

}  // namespace sluice::wire
