// redis:// and rediss:// URLs.
#include "sluice/store/redis_url.hpp"

#include <algorithm>
#include <charconv>

#include "sluice/base/percent.hpp"

namespace sluice::store {
namespace {

std::string percent_decoded(std::string_view in) {
  std::string out;
  percent_decode(in, out);  // what is no code stays
  return out;
}

// All of `text`, and in range.
template <class T>
bool number(std::string_view text, T& out) {
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, out);
  return !text.empty() && read.ec == std::errc{} && read.ptr == end && out >= 0;
}

// "host", "host:port" or "[address]:port"; what is wrong with it, or "".
std::string read_address(std::string_view text, std::string& host, std::uint16_t& port) {
  if (text.starts_with('[') && text.find(']') == std::string_view::npos) return "the address has no closing bracket";
  const auto bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const auto colon = bracket == std::string_view::npos ? text.rfind(':') : text.find(':', bracket);
  if (colon != std::string_view::npos) {
    const auto digits = text.substr(colon + 1);
    if (!number(digits, port) || port == 0) return "the port is no number from 1 to 65535";
  }
  host = bracket == std::string_view::npos ? text.substr(0, colon) : text.substr(1, bracket - 1);
  return host.empty() ? "it names no host" : "";
}

}  // namespace

std::string redis_endpoint::display() const {
  if (!sentinels.empty()) return (tls ? "rediss://" : "redis://") + host + " (by Sentinel)";
  return (tls ? "rediss://" : "redis://") + host + ":" + std::to_string(port) + (database != 0 ? "/" + std::to_string(database) : "");
}

result<redis_endpoint> parse_redis_url(std::string_view url) {
  const auto bad = [](const std::string& why) {
    return fail(errc::invalid_argument, "the Redis URL is wrong (" + why + "); write redis://host:6379 or rediss://user:password@host:6379/0");
  };
  redis_endpoint to;
  if (url.starts_with("rediss://")) {
    to.tls = true;
    url.remove_prefix(9);
  } else if (url.starts_with("redis://")) {
    url.remove_prefix(8);
  } else {
    return bad("it begins with neither redis:// nor rediss://");
  }
  if (const auto slash = url.find('/'); slash != std::string_view::npos) {
    const auto path = url.substr(slash + 1);
    url = url.substr(0, slash);
    if (!path.empty() && !number(path, to.database)) return bad("the database is no number");
  }
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    const auto who = url.substr(0, at);
    url = url.substr(at + 1);
    const auto colon = who.find(':');
    to.user = percent_decoded(who.substr(0, colon));
    if (colon != std::string_view::npos) to.password = percent_decoded(who.substr(colon + 1));
  }
  const auto wrong = read_address(url, to.host, to.port);
  if (!wrong.empty()) return bad(wrong);
  return to;
}

result<server_address> parse_sentinel(std::string_view text) {
  constexpr std::uint16_t usual_port = 26379;
  server_address out{.host = {}, .port = usual_port};
  const auto wrong = read_address(text, out.host, out.port);
  if (wrong.empty()) return out;
  return fail(errc::invalid_argument, "the Sentinel '" + std::string(text) + "' is wrong (" + wrong + "); write host:26379");
}

std::string wrong_ring_name(std::string_view name) {
  const auto odd = [](unsigned char c) { return c <= ' ' || c == 0x7f || c == '{' || c == '}'; };
  return name.empty() || std::ranges::any_of(name, odd) ? "a ring's name is one word without braces" : "";
}

}  // namespace sluice::store
