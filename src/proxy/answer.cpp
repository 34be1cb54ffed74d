// See answer.hpp.
#include "answer.hpp"

#include "sluice/base/strings.hpp"

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

void kept_head::drop(std::string_view name) {
  std::erase_if(head_.fields, [name](const http::field& f) { return iequals(f.name, name); });
}

gateway_fields::listed gateway_fields::list() const {
  const bool method = !allow.empty();
  return {{{{"x-sluice-decision", decision},
            {"x-sluice-policy", policy},
            {"x-sluice-verdict", verdict},
            {"content-type", content_type},
            {"x-should-retry", "false"},
            {"x-request-id", decision},
            {method ? "allow" : "accept-encoding", method ? allow : codings}}},
          !own_answer ? 3u : !method && codings.empty() ? 6u : 7u};
}

std::string policy_field(const policy::active_policy& active) {
  auto out = policy::to_string(active.activation);
  out += ':';
  out += std::string_view(active.snapshot->version()).substr(0, 12);
  return out;
}

void append_own_answer(std::string& out, int status, const gateway_fields& fields, std::string_view body, const client_side& client) {
  const auto extra = fields.list();
  http::append_client_response(out, status, nullptr, extra.span(), http::client_framing::length, body.size(), client.keep_alive,
                               client.minor_version);
  if (!client.head_request) out += body;
}

}  // namespace sluice::proxy
