// Ollama requests and answers that come in one piece.
#include "body_reader.hpp"
#include "ollama.hpp"
#include "ollama_table.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::none;

bool role_of(std::string_view word, role& out) {
  if (word == "user") out = role::user;
  if (word == "assistant") out = role::assistant;
  if (word == "system") out = role::system;
  if (word == "tool") out = role::tool;
  return word == "user" || word == "assistant" || word == "system" || word == "tool";
}

class ollama_request_body final : public table_request {
 public:
  result<void> read_as(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
    chat = to.name == "chat";
    const auto& table = ollama_request(to.name);
    if (auto done = read(bytes, {table, chat ? "messages" : "", false, role_of, false}, depth_max); !done) return done;
    const auto& body = listed_.body();
    // A stream is what is sent when nothing is said.
    const auto asked = body.member(0, "stream");
    stream_ = (chat || to.name == "generate") && (asked == none || body[asked].text != "false");
    return {};
  }
  bool chat = false;
};

class ollama_response_body final : public table_response {
 protected:
  // Tokens and their probabilities spell the text.
  void drop_copies(index choice, std::vector<text::json::splice>& splices) const override {
    blank(listed_.body(), choice, "logprobs", "[]", splices);
    blank(listed_.body(), choice, "context", "[]", splices);
  }
};

}  // namespace

result<std::unique_ptr<request_body>> ollama_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<ollama_request_body>();
  if (auto done = made->read_as(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> ollama_read_response(std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<ollama_response_body>();
  if (auto done = made->read(body, ollama_response(), "", depth_max); !done) return std::unexpected(done.error());
  return made;
}

std::string ollama_refusal_body(const request_body& request, std::string_view message) {
  const auto model = json_quoted(request.model());
  return ollama_refusal_line(static_cast<const ollama_request_body&>(request).chat, model, "\"1970-01-01T00:00:00Z\"", message) + (request.stream() ? "\n" : "");
}

}  // namespace sluice::wire
