// The strict reader of header fields (RFC 9112 5, RFC 9110 5) and the framing rules (RFC 9112 6). Nothing is repaired.
#include "head_scan.hpp"

#include <array>
#include <cstring>

namespace sluice::http::detail {
namespace {

constexpr auto token_table = [] {
  std::array<bool, 256> t{};
  for (int c = '0'; c <= '9'; ++c) t[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) t[static_cast<std::size_t>(c)] = t[static_cast<std::size_t>(c - 'a' + 'A')] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) t[static_cast<std::size_t>(c)] = true;
  return t;
}();

bool token_char(char c) { return token_table[static_cast<unsigned char>(c)]; }

bool text_char(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u == '\t' || (u >= 0x20 && u != 0x7f);
}

// True when one of eight bytes is a control or DEL: the usual carry trick, exact for "any".
bool any_control(std::uint64_t w) {
  constexpr std::uint64_t ones = 0x0101010101010101ull, tops = 0x8080808080808080ull;
  const std::uint64_t del = w ^ (ones * 0x7f);
  return (((w - ones * 0x20) & ~w & tops) | ((del - ones) & ~del & tops)) != 0;
}

void note_connection(std::string_view value, facts& seen) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    const auto option = trim_ows(value.substr(0, comma));
    if (same_ascii(option, "close")) seen.close = true;
    if (same_ascii(option, "keep-alive")) seen.keep_alive = true;
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

void note(const field& f, facts& seen) {
  switch (f.name.size()) {
    case 4:
      if (same_ascii(f.name, "host")) ++seen.hosts, seen.host = f.value;
      return;
    case 6:
      if (same_ascii(f.name, "expect")) ++seen.expects, seen.expect = f.value;
      return;
    case 10:
      if (same_ascii(f.name, "connection")) note_connection(f.value, seen);
      return;
    case 14:
      if (same_ascii(f.name, "content-length")) ++seen.lengths, seen.length = f.value;
      return;
    case 17:
      if (same_ascii(f.name, "transfer-encoding")) ++seen.codings, seen.coding = f.value;
      return;
    default:
      return;
  }
}

// One field line, already without its CR LF.
const char* read_field(std::string_view line, field& out) {
  if (line[0] == ' ' || line[0] == '\t') return "a folded header line (obs-fold)";
  std::size_t colon = 0;
  while (colon < line.size() && token_char(line[colon])) ++colon;
  if (colon == line.size()) return "a header line without a colon";
  if (line[colon] != ':') {
    return line[colon] == ' ' || line[colon] == '\t' ? "white space in or after a header name" : "a forbidden byte in a header name";
  }
  if (colon == 0) return "an empty header name";
  out.name = line.substr(0, colon);
  out.value = trim_ows(line.substr(colon + 1));
  return is_field_text(out.value) ? nullptr : "a control character in a header value";
}

bool read_length(std::string_view digits, std::uint64_t& length) {
  if (digits.empty() || digits.size() > 18) return false;
  length = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

}  // namespace

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!token_char(c)) return false;
  }
  return !text.empty();
}

bool is_field_text(std::string_view text) {
  const char* p = text.data();
  std::size_t n = text.size();
  for (; n >= 8; p += 8, n -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    if (!any_control(word)) continue;
    for (int i = 0; i < 8; ++i) {
      if (!text_char(p[i])) return false;
    }
  }
  for (; n > 0; ++p, --n) {
    if (!text_char(*p)) return false;
  }
  return true;
}

std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_ascii(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != lower_case[i]) return false;
  }
  return true;
}

line_status take_line(std::string_view bytes, std::size_t from, std::string_view& line, std::size_t& next) {
  if (from >= bytes.size()) return line_status::incomplete;
  const auto* lf = static_cast<const char*>(std::memchr(bytes.data() + from, '\n', bytes.size() - from));
  if (lf == nullptr) return line_status::incomplete;
  const auto end = static_cast<std::size_t>(lf - bytes.data());
  if (end == from || bytes[end - 1] != '\r') return line_status::bare;
  line = bytes.substr(from, end - 1 - from);
  next = end + 1;
  return line_status::line;
}

parse_status scan_fields(std::string_view bytes, std::size_t& at, const limits& bounds, std::vector<field>& fields, facts& seen,
                         refusal& why) {
  for (;;) {
    std::string_view line;
    std::size_t next = 0;
    const auto got = take_line(bytes, at, line, next);
    if (got == line_status::bare) return why = {400, "a header line that ends in a bare LF"}, parse_status::refused;
    if ((got == line_status::incomplete ? bytes.size() : next) > bounds.head_bytes_max) {
      why = {431, "the head is larger than " + std::to_string(bounds.head_bytes_max) + " bytes"};
      return parse_status::refused;
    }
    if (got == line_status::incomplete) return parse_status::incomplete;
    at = next;
    if (line.empty()) return parse_status::complete;
    if (fields.size() >= bounds.fields_max) {
      why = {431, "more than " + std::to_string(bounds.fields_max) + " header fields"};
      return parse_status::refused;
    }
    field f;
    if (const char* bad = read_field(line, f)) return why = {400, bad}, parse_status::refused;
    note(f, seen);
    fields.push_back(f);
  }
}

bool decide_framing(const facts& seen, std::uint8_t minor_version, framing fallback, framing& how, std::uint64_t& length,
                    refusal& why) {
  how = fallback;
  length = 0;
  if (seen.codings > 0) {
    if (seen.lengths > 0) return why = {400, "Content-Length beside Transfer-Encoding"}, false;
    if (seen.codings > 1) return why = {400, "more than one Transfer-Encoding field"}, false;
    if (minor_version == 0) return why = {400, "Transfer-Encoding in an HTTP/1.0 message"}, false;
    if (!same_ascii(seen.coding, "chunked")) return why = {501, "a Transfer-Encoding other than chunked"}, false;
    how = framing::chunked;
    return true;
  }
  if (seen.lengths == 0) return true;
  if (seen.lengths > 1) return why = {400, "more than one Content-Length field"}, false;
  if (!read_length(seen.length, length)) return why = {400, "a Content-Length that is not 1 to 18 digits"}, false;
  how = framing::length;
  return true;
}

}  // namespace sluice::http::detail
