// What a client says to the gateway itself: paths below /sluice/. Nothing of it is judged, recorded or passed on; what it means is the
// worker's services' to say.
#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::proxy {
namespace {

constexpr std::size_t own_body_max = 16 * 1024;

std::string problem(std::string_view what) { return R"({"error":{"message":")" + std::string(what) + R"("}})"; }

}  // namespace

void exchange::impl::begin_own(const http::request_head& head, const peer_info& peer, effects& out) {
  method = head.method;
  path = head.path;
  client = {head.keep_alive, head.minor_version, head.method == "HEAD"};
  now = state::own;
  auto who = worker.identify(head, peer);
  if (!who) {
    if (head.framing != http::framing::none) out.close_client = true;
    return answer_own({.status = 401, .body = problem("the gateway does not know this caller")}, out);
  }
  caller = std::move(*who);
  const auto coding = head.get("content-encoding");
  if (!coding.empty() && !iequals(coding, "identity")) {
    out.close_client = head.framing != http::framing::none;
    return answer_own({.status = 415, .body = problem("the gateway's own paths read bodies without a Content-Encoding")}, out);
  }
  out.send_continue = head.expect_continue;
}

void exchange::impl::take_own(std::string_view bytes, effects& out) {
  if (body.size() + bytes.size() <= own_body_max) {
    body += bytes;
    return;
  }
  out.close_client = true;
  answer_own({.status = 413, .body = problem("the body is larger than 16 KiB")}, out);
}

void exchange::impl::end_own(effects& out) {
  answer_own(worker.answer_own({.method = method, .path = path, .body = body, .who = caller}), out);
}

void exchange::impl::break_own(int status, std::string_view why, effects& out) {
  out.close_client = true;
  answer_own({.status = status, .body = problem(why)}, out);
}

void exchange::impl::answer_own(const services::own_answer& what, effects& out) {
  client.keep_alive = client.keep_alive && !out.close_client;
  const http::extra_field fields[] = {{"content-type", "application/json"}, {"x-should-retry", "false"}, {"allow", what.allow}};
  http::append_client_response(out.client, what.status, nullptr, std::span(fields).first(what.allow.empty() ? 2 : 3), http::client_framing::length, what.body.size(),
                               client.keep_alive, client.minor_version);
  if (!client.head_request) out.client += what.body;
  out.close_client = out.close_client || !client.keep_alive;
  out.done = true;
  now = state::idle;
}

}  // namespace sluice::proxy
