// Messages requests and answers that come in one piece; the counting of a request's tokens takes the same request.
#include "anthropic.hpp"
#include "anthropic_table.hpp"
#include "body_reader.hpp"
#include "sluice/base/strings.hpp"
#include "system_place.hpp"

namespace sluice::wire {

using text::json::kind;
using text::json::none;

namespace {

bool role_of(std::string_view word, role& out) {
  if (word == "user") out = role::user;
  if (word == "assistant") out = role::assistant;
  if (word == "system") out = role::system;
  return word == "user" || word == "assistant" || word == "system";
}

std::string text_block(std::string_view text) { return "{\"type\":\"text\",\"text\":" + json_quoted(text) + "}"; }

class messages_request final : public table_request {
 public:
  // `system` is a text or a list of blocks; in another form the API would refuse it.
  [[nodiscard]] bool takes_system_words() const override {
    const auto& body = listed_.body();
    const auto at = body.member(0, "system");
    return at == none || body[at].kind == kind::null || body[at].kind == kind::string || body[at].kind == kind::array;
  }

 protected:
  void add_system(const system_words& added, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto at = body.member(0, "system");
    if (at == none || body[at].kind == kind::null) return set_member(body, 0, at, "system", json_quoted(joined(added)), splices);
    if (body[at].kind == kind::string) return add_to_text(body, at, added, splices);
    add_to_list(body, at, added, text_block, splices);
  }
};

}  // namespace

result<std::unique_ptr<request_body>> anthropic_read_request(std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<messages_request>();
  const request_shape shape{anthropic_request(), "messages", true, role_of, false};
  if (auto done = made->read(body, shape, depth_max); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> anthropic_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<table_response>();
  const auto& table = to.name == "messages" ? anthropic_response() : anthropic_count();
  if (auto done = made->read(body, table, "", depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
