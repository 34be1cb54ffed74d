// Chat Completions answers that come in one piece.
#include "body_reader.hpp"
#include "openai.hpp"
#include "openai_table.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class chat_response final : public table_response {
 protected:
  // Tokens spell the text, citations point into it by offset, and a voice says it.
  void drop_copies(index choice, std::vector<text::json::splice>& splices) const override {
    const auto& body = listed_.body();
    if (body[choice].kind != kind::object) return;
    blank(body, choice, "logprobs", "null", splices);
    const auto message = body.member(choice, "message");
    if (message == none || body[message].kind != kind::object) return;
    blank(body, message, "annotations", "[]", splices);
    blank(body, body.member(message, "audio"), "data", "\"\"", splices);
  }
};

}  // namespace

result<std::unique_ptr<response_body>> openai_read_response(std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<chat_response>();
  if (auto done = made->read(body, openai_chat_response(), "choices", depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
