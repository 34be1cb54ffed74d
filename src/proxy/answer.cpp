// See answer.hpp.
#include "answer.hpp"

namespace sluice::proxy {

void kept_head::keep(const http::response_head& head) {
  head_ = head;
  std::size_t size = 0;
  for (const auto& f : head.fields) size += f.name.size() + f.value.size();
  bytes_.clear();
  bytes_.reserve(size);  // so that no view moves
  const auto own = [&](std::string_view v) {
    const auto at = bytes_.size();
    bytes_ += v;
    return std::string_view(bytes_).substr(at, v.size());
  };
  for (auto& f : head_.fields) f = {own(f.name), own(f.value)};
}

std::vector<http::extra_field> gateway_fields::list() const {
  std::vector<http::extra_field> all = {{"x-sluice-decision", decision}, {"x-sluice-policy", policy}, {"x-sluice-verdict", verdict}};
  if (own_answer) {
    all.push_back({"content-type", content_type});
    all.push_back({"x-should-retry", "false"});
    all.push_back({"x-request-id", decision});
  }
  return all;
}

std::string policy_field(const policy::active_policy& active) {
  return policy::to_string(active.activation) + ":" + active.snapshot->version().substr(0, 12);
}

void append_own_answer(std::string& out, int status, const gateway_fields& fields, std::string_view body, const client_side& client) {
  const auto extra = fields.list();
  http::append_client_response(out, status, nullptr, extra, http::client_framing::length, body.size(), client.keep_alive,
                               client.minor_version);
  if (!client.head_request) out += body;
}

}  // namespace sluice::proxy
