// Request and status lines (RFC 9112 3 and 4) on top of the field reader of head_scan.
#include "sluice/http/head.hpp"

#include <algorithm>

#include "head_scan.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::http {
namespace {

using detail::line_status;

std::string_view first_value(const std::vector<field>& fields, std::string_view name) {
  for (const auto& f : fields) {
    if (f.name.size() == name.size() && iequals(f.name, name)) return f.value;
  }
  return {};
}

bool refuse(refusal& why, int status, std::string reason) {
  why = {status, std::move(reason)};
  return false;
}

bool target_char(char c) { return c > 0x20 && c < 0x7f && c != '#'; }

bool alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// host [":" port] without user info; a bracketed literal may hold colons. (RFC 3986 3.2.2)
bool is_authority(std::string_view text) {
  std::size_t i = 0;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    if (text.substr(1, close - 1).find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    i = close + 1;
  } else {
    static constexpr std::string_view marks = "-._~%!$&'()*+;=";
    while (i < text.size() && (alphanumeric(text[i]) || marks.find(text[i]) != std::string_view::npos)) ++i;
    if (i == 0) return false;
  }
  if (i == text.size()) return true;
  if (text[i] != ':' || text.size() - i > 6) return false;
  return text.find_first_not_of("0123456789", i + 1) == std::string_view::npos;
}

void split_target(std::string_view origin, request_head& out) {
  const auto mark = origin.find('?');
  out.path = origin.substr(0, mark);
  out.query = mark == std::string_view::npos ? std::string_view() : origin.substr(mark + 1);
}

// Sets path and query; `authority` is filled for the absolute form. (RFC 9112 3.2)
bool read_target(request_head& out, std::string_view& authority, refusal& why) {
  const auto target = out.target;
  if (!std::ranges::all_of(target, target_char)) {
    return refuse(why, 400, "a control, space, '#' or non-ASCII byte in the request target");
  }
  if (target.starts_with('/')) return split_target(target, out), true;
  if (target == "*" && out.method == "OPTIONS") return out.path = target, out.query = {}, true;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !iequals(target.substr(0, scheme.size()), scheme)) continue;
    const auto rest = target.substr(scheme.size());
    const auto end = std::min(rest.find_first_of("/?"), rest.size());
    authority = rest.substr(0, end);
    if (!is_authority(authority)) return refuse(why, 400, "a request target whose authority is malformed");
    split_target(rest.substr(end), out);
    if (out.path.empty()) out.path = "/";
    return true;
  }
  return refuse(why, 400, "a request target that is neither a path nor an absolute URI");
}

bool read_request_line(std::string_view line, request_head& out, std::string_view& authority, refusal& why) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return refuse(why, 400, "a request line that is not METHOD TARGET VERSION");
  out.method = line.substr(0, first);
  out.target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!detail::is_token(out.method)) return refuse(why, 400, "a method that is not a token");
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.') return refuse(why, 400, "a malformed HTTP version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(why, 505, "an HTTP version other than 1.0 and 1.1");
  out.minor_version = version[7] == '1' ? 1 : 0;
  if (out.method == "CONNECT") return refuse(why, 501, "the method CONNECT");
  if (out.target.empty()) return refuse(why, 400, "an empty request target");
  return read_target(out, authority, why);
}

bool check_request(const detail::facts& seen, std::string_view authority, request_head& out, refusal& why) {
  if (seen.hosts > 1) return refuse(why, 400, "more than one Host field");
  if (seen.hosts == 0 && out.minor_version == 1) return refuse(why, 400, "no Host field");
  if (seen.hosts == 1 && !is_authority(seen.host)) return refuse(why, 400, "a malformed Host field");
  if (!authority.empty() && !iequals(authority, seen.host)) {
    return refuse(why, 400, "a request target whose authority is not the Host field");
  }
  if (!detail::decide_framing(seen, out.minor_version, framing::none, out.framing, out.content_length, why)) return false;
  if (seen.expects > 0 && out.minor_version == 1) {
    if (seen.expects > 1 || !iequals(seen.expect, "100-continue")) return refuse(why, 417, "an Expect other than 100-continue");
    out.expect_continue = out.framing != framing::none;
  }
  out.keep_alive = !seen.close && (out.minor_version == 1 || seen.keep_alive);
  return true;
}

// A first byte that no method begins with (a TLS hello, a stray LF) need not wait for the end of its line.
parse_status first_line(std::string_view bytes, const limits& bounds, std::string_view& line, std::size_t& at, refusal& why) {
  const std::size_t begin = bytes.starts_with("\r\n") ? 2 : 0;
  if (bytes.empty() || bytes == "\r" || begin == bytes.size()) return parse_status::incomplete;
  if (begin == 2 && bytes == "\r\n\r") return parse_status::incomplete;
  if (!detail::is_token(bytes.substr(begin, 1))) {
    return why = {400, "a request line that does not begin with a method"}, parse_status::refused;
  }
  const auto got = detail::take_line(bytes, begin, line, at);
  if (got == line_status::bare) return why = {400, "a request line that ends in a bare LF"}, parse_status::refused;
  if ((got == line_status::incomplete ? bytes.size() : at) > bounds.head_bytes_max) {
    why = {414, "the request line is larger than " + std::to_string(bounds.head_bytes_max) + " bytes"};
    return parse_status::refused;
  }
  return got == line_status::line ? parse_status::complete : parse_status::incomplete;
}

bool read_status_line(std::string_view line, response_head& out, refusal& why) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
      line[9] < '1' || line[9] > '5' || !digit(line[10]) || !digit(line[11]) || (line.size() > 12 && line[12] != ' ')) {
    return refuse(why, 502, "a malformed status line");
  }
  if (line.size() > 12 && !detail::is_field_text(line.substr(13))) {
    return refuse(why, 502, "a control character in the status line");
  }
  out.minor_version = line[7] == '1' ? 1 : 0;
  out.status = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
  return true;
}

parse_status status_line(std::string_view bytes, const limits& bounds, response_head& out, std::size_t& at, refusal& why) {
  static constexpr std::string_view begin = "HTTP/1.";
  const auto known = std::min(bytes.size(), begin.size());
  if (bytes.substr(0, known) != begin.substr(0, known)) return why = {502, "an answer that is not HTTP/1"}, parse_status::refused;
  std::string_view line;
  const auto got = detail::take_line(bytes, 0, line, at);
  if (got == line_status::bare) return why = {502, "a status line that ends in a bare LF"}, parse_status::refused;
  if ((got == line_status::incomplete ? bytes.size() : at) > bounds.head_bytes_max) {
    return why = {502, "the head of the answer is too large"}, parse_status::refused;
  }
  if (got == line_status::incomplete) return parse_status::incomplete;
  return read_status_line(line, out, why) ? parse_status::complete : parse_status::refused;
}

}  // namespace

std::string_view request_head::get(std::string_view name) const { return first_value(fields, name); }

std::size_t request_head::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count_if(fields, [&](const field& f) { return iequals(f.name, name); }));
}

std::string_view response_head::get(std::string_view name) const { return first_value(fields, name); }

parse_status parse_request_head(std::string_view bytes, const limits& bounds, request_head& out, std::size_t& consumed,
                                refusal& why) {
  std::string_view line, authority;
  std::size_t at = 0;
  if (const auto got = first_line(bytes, bounds, line, at, why); got != parse_status::complete) return got;
  out.fields.clear();
  out.path = out.query = {};
  out.expect_continue = false;
  if (!read_request_line(line, out, authority, why)) return parse_status::refused;
  detail::facts seen;
  if (const auto got = detail::scan_fields(bytes, at, bounds, out.fields, seen, why); got != parse_status::complete) return got;
  if (!check_request(seen, authority, out, why)) return parse_status::refused;
  consumed = at;
  return parse_status::complete;
}

parse_status parse_response_head(std::string_view bytes, const limits& bounds, bool to_head_request, response_head& out,
                                 std::size_t& consumed, refusal& why) {
  std::size_t at = 0;
  out.fields.clear();
  if (const auto got = status_line(bytes, bounds, out, at, why); got != parse_status::complete) return got;
  detail::facts seen;
  if (const auto got = detail::scan_fields(bytes, at, bounds, out.fields, seen, why); got != parse_status::complete) {
    why.status = 502;
    return got;
  }
  if (!detail::decide_framing(seen, out.minor_version, framing::until_close, out.framing, out.content_length, why)) {
    why.status = 502;
    return parse_status::refused;
  }
  if (to_head_request || out.status < 200 || out.status == 204 || out.status == 304) out.framing = framing::none;
  out.keep_alive = out.framing != framing::until_close && !seen.close && (out.minor_version == 1 || seen.keep_alive);
  consumed = at;
  return parse_status::complete;
}

}  // namespace sluice::http
