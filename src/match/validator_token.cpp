// JSON web tokens, by their structure. The signature is nobody's business here: an expired token is still a secret.
#include <algorithm>
#include <string>

#include "compact.hpp"
#include "sluice/base/base64.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

constexpr std::size_t header_bytes_max = 2048;

bool is_base64url(std::string_view text) {
  return text.size() % 4 != 1 && std::ranges::all_of(text, [](char c) { return base64_value(c, true) >= 0; });
}

std::string decoded(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int have = 0;
  for (const char c : text) {
    bits = bits << 6 | static_cast<unsigned>(base64_value(c, true));
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xff);
  }
  return out;
}

// The member `alg` with a string behind it. A whole parser would not tell more about what is a token.
bool names_algorithm(std::string_view header) {
  static constexpr std::string_view space = " \t\r\n";
  const auto skip = [&](std::size_t at) { return std::min(header.find_first_not_of(space, at), header.size()); };
  const auto open = skip(0);
  const auto close = header.find_last_not_of(space);
  if (open == header.size() || header[open] != '{' || header[close] != '}') return false;
  auto at = header.find("\"alg\"");
  if (at == std::string_view::npos) return false;
  at = skip(at + 5);
  if (at == header.size() || header[at] != ':') return false;
  at = skip(at + 1);
  return at != header.size() && header[at] == '"';
}

}  // namespace

bool jwt_valid(std::string_view text) {
  const auto first = text.find('.');
  if (first == std::string_view::npos || first == 0 || first > header_bytes_max) return false;
  const auto second = text.find('.', first + 1);
  if (second == std::string_view::npos || second == first + 1) return false;
  const auto header = text.substr(0, first);
  return is_base64url(header) && is_base64url(text.substr(first + 1, second - first - 1)) && is_base64url(text.substr(second + 1)) &&
         names_algorithm(decoded(header));
}

}  // namespace sluice::match
