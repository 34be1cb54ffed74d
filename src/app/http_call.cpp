// See http_call.hpp.
#include "http_call.hpp"

#include <algorithm>

#include "config.hpp"
#include "sluice/http/head.hpp"
#include "sluice/transport/blocking.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t answer_bytes_max = 64u << 20;
constexpr milliseconds connect_max{10'000};  // an answer may be long in coming, a connection not

// errc::timeout is of whoever wanted something else of the thread meanwhile.
std::unexpected<error> in_vain(const error& why) { return fail(why.code == errc::timeout ? errc::unavailable : why.code, why.message); }

// Of the whole call: whoever sends a byte now and then would hold it for ever.
result<std::string> exchange(transport::blocking_stream& stream, const std::string& request, mono_time end, int wake_fd) {
  const auto left = [&] { return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - mono_now())); };
  if (auto sent = stream.write(request, left()); !sent) return in_vain(sent.error());
  std::string bytes;
  while (bytes.size() <= answer_bytes_max) {
    auto got = mono_now() < end ? stream.read(bytes, left(), wake_fd) : fail(errc::timeout, "");
    if (got) continue;
    if (got.error().code == errc::closed) return bytes;
    if (mono_now() >= end) return fail(errc::unavailable, "the whole answer did not come in time (" + std::to_string(bytes.size()) + " bytes did)");
    return std::unexpected(got.error());
  }
  return fail(errc::limit, "the answer is larger than 64 MiB");
}

result<http_answer> parse(const std::string& bytes) {
  http::response_head head;
  http::refusal why;
  std::size_t at = 0;
  if (http::parse_response_head(bytes, {}, false, head, at, why) != http::parse_status::complete) {
    return fail(errc::parse, "the answer is not HTTP" + (why.reason.empty() ? std::string() : ": " + why.reason));
  }
  http_answer out{.status = head.status, .body = {}, .etag = std::string(head.get("etag"))};
  http::body_reader reader(head.framing, head.content_length);
  auto rest = std::string_view(bytes).substr(at);
  for (;;) {
    std::size_t consumed = 0;
    std::string_view payload;
    const auto status = reader.feed(rest, consumed, payload);
    out.body += payload;
    rest.remove_prefix(consumed);
    if (status == http::body_reader::status::done) return out;
    if (status == http::body_reader::status::refused) return fail(errc::parse, "the answer's body is not HTTP: " + reader.reason());
    if (consumed == 0) break;
  }
  if (reader.on_eof() != http::body_reader::status::done) return fail(errc::closed, "the connection ended inside the answer");
  return out;
}

}  // namespace

result<http_answer> http_call(const http_request& what, milliseconds timeout) {
  const auto mark = what.url.find('?');
  const auto url = parse_base_url(what.url.substr(0, mark));
  if (!url) return fail(errc::invalid_argument, what.url + " " + url.error().message);
  const auto end = mono_now() + timeout;
  auto stream = transport::blocking_stream::connect({.host = url->host, .port = url->port, .tls = url->tls, .ca_file = what.ca_file}, std::min(timeout, connect_max));
  if (!stream) return in_vain(stream.error());
  std::string request = what.method + " " + (url->path.empty() ? "/" : url->path) + (mark == std::string::npos ? "" : what.url.substr(mark)) + " HTTP/1.1\r\nHost: " + url->authority + "\r\nConnection: close\r\n";
  for (const auto& [name, value] : what.fields) request += name + ": " + value + "\r\n";
  if (what.method != "GET") request += "Content-Length: " + std::to_string(what.body.size()) + "\r\n";
  auto bytes = exchange(*stream, request + "\r\n" + what.body, end, what.wake_fd);
  if (!bytes) return std::unexpected(bytes.error());
  return parse(*bytes);
}

}  // namespace sluice::app
