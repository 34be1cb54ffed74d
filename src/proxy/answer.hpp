// Writing answers to clients: heads with the gateway's own fields, errors and refusals in the dialect's words.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "sluice/http/fields.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::proxy {

// A response head that outlives the buffer it was parsed from: one string, views by offset.
class kept_head {
 public:
  void keep(const http::response_head& head);
  void drop(std::string_view name);
  // Views into this object.
  [[nodiscard]] const http::response_head& get() const { return head_; }

 private:
  std::string bytes_;
  http::response_head head_;
};

// How the client's side of an exchange wants its answer framed.
struct client_side {
  bool keep_alive = true;
  std::uint8_t minor_version = 1;
  bool head_request = false;
};

// x-sluice-decision, x-sluice-policy and x-sluice-verdict. Owns the values while a head is written.
struct gateway_fields {
  std::string_view decision;
  std::string policy, verdict;
  bool own_answer = false;  // made by the gateway: x-should-retry, x-request-id and content-type are its own
  std::string_view content_type = "application/json";
  std::string_view allow = {};   // of a 405: the method that the path takes (RFC 9110 15.5.6)
  std::string_view codings = {}; // of a 415: what the gateway reads (RFC 9110 15.5.16)
  struct listed {
    std::array<http::extra_field, 7> fields;
    std::size_t count;
    [[nodiscard]] std::span<const http::extra_field> span() const { return {fields.data(), count}; }
  };
  [[nodiscard]] listed list() const;
};

[[nodiscard]] std::string policy_field(const policy::active_policy& active);

// A whole answer made by the gateway.
void append_own_answer(std::string& out, int status, const gateway_fields& fields, std::string_view body, const client_side& client);

}  // namespace sluice::proxy
