// Messages requests and answers that come in one piece; the counting of a request's tokens takes the same request.
#include "anthropic.hpp"
#include "anthropic_table.hpp"
#include "body_reader.hpp"

namespace sluice::wire {
namespace {

bool role_of(std::string_view word, role& out) {
  if (word == "user") out = role::user;
  if (word == "assistant") out = role::assistant;
  if (word == "system") out = role::system;
  return word == "user" || word == "assistant" || word == "system";
}

}  // namespace

result<std::unique_ptr<request_body>> anthropic_read_request(std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<table_request>();
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
