// Allow-lists for what travels on, and the writers of heads. (RFC 9110 7.6.1; a vendor's own fields by prefix.)
#include "sluice/http/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "head_scan.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::http {
namespace {

using detail::same_ascii;

bool has_prefix(std::string_view name, std::string_view lower_case) {
  return name.size() > lower_case.size() && same_ascii(name.substr(0, lower_case.size()), lower_case);
}

template <std::size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& lower_case) {
  for (const auto candidate : lower_case) {
    if (same_ascii(name, candidate)) return true;
  }
  return false;
}

bool named_by(std::string_view name, std::string_view connection_value) {
  while (!connection_value.empty()) {
    const auto comma = connection_value.find(',');
    if (iequals(detail::trim_ows(connection_value.substr(0, comma)), name)) return true;
    if (comma == std::string_view::npos) return false;
    connection_value.remove_prefix(comma + 1);
  }
  return false;
}

// Several Connection fields count as one list. Most heads have one or none: no copy then.
std::string_view connection_of(const std::vector<field>& fields, std::string& joined) {
  std::string_view only;
  std::size_t seen = 0;
  for (const auto& f : fields) {
    if (!same_ascii(f.name, "connection")) continue;
    if (++seen == 1) {
      only = f.value;
      continue;
    }
    if (seen == 2) joined = only;
    joined.append(",").append(f.value);
  }
  return seen > 1 ? std::string_view(joined) : only;
}

bool named_in(std::string_view name, std::span<const std::string> patterns) {
  return std::ranges::any_of(patterns, [name](const std::string& p) { return p.ends_with('*') ? has_prefix(name, std::string_view(p).substr(0, p.size() - 1)) : same_ascii(name, p); });
}

// IMF-fixdate (RFC 9110 5.6.7), which is what senders must write: "Sun, 06 Nov 1994 08:49:37 GMT". The two obsolete forms are read by no client
// of these APIs.
bool is_date(std::string_view value) {
  constexpr std::string_view form = "aaa, 00 aaa 0000 00:00:00 GMT", days = "Mon Tue Wed Thu Fri Sat Sun", months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
  if (value.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const char c = value[i];
    const bool fits = form[i] == '0' ? c >= '0' && c <= '9' : form[i] == 'a' ? (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') : c == form[i];
    if (!fits) return false;
  }
  const auto one_of_names = [](std::string_view names, std::string_view name) { return names.find(name) % (name.size() + 1) == 0; };
  return one_of_names(days, value.substr(0, 3)) && one_of_names(months, value.substr(8, 3));
}

// Words, numbers and lists of them, as the APIs write them, or a date; not what people write.
bool is_plain(std::string_view value) {
  constexpr std::size_t plain_bytes_max = 1024;
  if (is_date(value)) return true;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool in_list = c == ' ' && i > 0 && (value[i - 1] == ',' || value[i - 1] == ';');
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("_-.:/+=@~,;\"%*()").find(c) != std::string_view::npos;
    if (!word && !in_list) return false;
  }
  return value.size() <= plain_bytes_max;
}

bool overridden(std::string_view name, std::span<const extra_field> extra) {
  for (const auto& f : extra) {
    if (f.name.size() == name.size() && iequals(f.name, name)) return true;
  }
  return false;
}

void append_number(std::string& out, std::uint64_t n) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool is_hop_by_hop(std::string_view name, std::string_view connection_value) {
  static constexpr std::array<std::string_view, 7> fixed = {
      "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"};
  return one_of(name, fixed) || has_prefix(name, "proxy-") || named_by(name, connection_value);
}

bool may_go_upstream(std::string_view name) {
  static constexpr std::array<std::string_view, 13> fixed = {
      "authorization", "x-api-key",       "api-key",     "x-goog-api-key", "x-goog-api-client", "content-type",       "accept",
      "user-agent",    "idempotency-key", "traceparent", "tracestate",     "x-request-id",      "x-client-request-id"};
  return one_of(name, fixed) || has_prefix(name, "openai-") || has_prefix(name, "anthropic-") || has_prefix(name, "x-stainless-");
}

bool may_go_to_client(std::string_view name, std::string_view connection_value, std::span<const std::string> more) {
  static constexpr std::array<std::string_view, 17> fixed = {
      "content-type", "content-encoding", "content-language", "date", "ratelimit", "cache-control", "vary", "retry-after", "retry-after-ms",
      "x-should-retry", "request-id", "x-request-id", "apim-request-id", "azureml-model-session", "cf-ray", "server-timing", "x-accel-buffering"};
  static constexpr std::array<std::string_view, 8> begins = {"openai-", "anthropic-", "x-ratelimit-", "ratelimit-", "x-ms-", "x-goog-", "x-gemini-", "access-control-"};
  // Validators and digests speak of bytes that may have been edited; Alt-Svc and Location would lead clients around the gateway.
  static constexpr std::array<std::string_view, 9> never = {
      "content-length", "etag", "content-md5", "digest", "content-digest", "repr-digest", "alt-svc", "accept-ranges", "location"};
  if (is_hop_by_hop(name, connection_value) || one_of(name, never) || has_prefix(name, "x-sluice-")) return false;
  if (one_of(name, fixed) || std::ranges::any_of(begins, [name](std::string_view p) { return has_prefix(name, p); })) return true;
  return named_in(name, more);
}

void append_upstream_request(std::string& out, const request_head& from, std::string_view host, std::string_view target,
                             std::int64_t body_bytes) {
  std::string joined;
  const auto connection = connection_of(from.fields, joined);
  out.append(from.method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_field(out, "Host", host);
  for (const auto& f : from.fields) {
    if (may_go_upstream(f.name) && !named_by(f.name, connection)) append_field(out, f.name, f.value);
  }
  out += "Accept-Encoding: identity\r\n";
  if (body_bytes >= 0) {
    out += "Content-Length: ";
    append_number(out, static_cast<std::uint64_t>(body_bytes));
    out += "\r\n";
  }
  out += "\r\n";
}

void append_client_response(std::string& out, int status, const response_head* from, std::span<const extra_field> extra,
                            client_framing how, std::uint64_t body_bytes, bool keep_alive, std::uint8_t minor_version, std::span<const std::string> more) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
  if (from != nullptr) {
    std::string joined;
    const auto connection = connection_of(from->fields, joined);
    for (const auto& f : from->fields) {
      const bool goes = may_go_to_client(f.name, connection, more) && (is_plain(f.value) || named_in(f.name, more));
      if (goes && !overridden(f.name, extra)) append_field(out, f.name, f.value);
    }
  }
  for (const auto& f : extra) append_field(out, f.name, f.value);
  if (how == client_framing::length) {
    out += "Content-Length: ";
    append_number(out, body_bytes);
    out += "\r\n";
  } else if (how == client_framing::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  if (!keep_alive || how == client_framing::close) {
    out += "Connection: close\r\n";
  } else if (minor_version == 0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 529: return "Overloaded";
    default: return "Unknown";
  }
}

}  // namespace sluice::http
