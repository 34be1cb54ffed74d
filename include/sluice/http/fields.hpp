// Which fields travel on. Requests to an upstream are written anew from an allow-list; answers drop what is hop-by-hop.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sluice/http/head.hpp"

namespace sluice::http {

// True for fields that end at this hop: Connection and what it names, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade,
// Proxy-*. (RFC 9110 7.6.1)
[[nodiscard]] bool is_hop_by_hop(std::string_view name, std::string_view connection_value);
// True for request fields that may reach an upstream: Authorization and the vendors' key fields, content-type, accept,
// user-agent, OpenAI-*, anthropic-*, x-stainless-*, Idempotency-Key, traceparent, tracestate, x-request-id, x-client-request-id.
[[nodiscard]] bool may_go_upstream(std::string_view name);
// True for response fields that may reach a client: what SDKs and browsers read of the APIs (docs/coverage.md lists them), and those of
// `more`, lower case, '*' at an end for any. Never hop-by-hop, framing, validators and digests of the body, Alt-Svc and Location (they would
// lead clients around the gateway) and x-sluice-*.
[[nodiscard]] bool may_go_to_client(std::string_view name, std::string_view connection_value, std::span<const std::string> more = {});

// Appends a request to an upstream: request line, Host, allowed fields of `from`, Accept-Encoding: identity,
// Content-Length. `body_bytes` < 0: no body and no Content-Length. `target` is path and query as they will be sent.
void append_upstream_request(std::string& out, const request_head& from, std::string_view host, std::string_view target,
                             std::int64_t body_bytes);

struct extra_field {
  std::string_view name, value;
};
// How the body of an answer to a client is framed.
enum class client_framing : std::uint8_t { length, chunked, close, none };
// Appends a status line and fields: those of `from` that may go (null: none; `more` as above), with a value of words and numbers where `more` does not name them, and that `extra` does not set anew, then
// `extra`, then the framing fields.
void append_client_response(std::string& out, int status, const response_head* from, std::span<const extra_field> extra,
                            client_framing how, std::uint64_t body_bytes, bool keep_alive, std::uint8_t minor_version,
                            std::span<const std::string> more = {});
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace sluice::http
