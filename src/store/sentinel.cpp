// See sentinel.hpp.
#include "sentinel.hpp"

#include <algorithm>
#include <charconv>

#include "redis_client.hpp"

namespace sluice::store {
namespace {

constexpr milliseconds sentinel_timeout{1000};  // one that is gone must not cost the others their turn

}  // namespace

result<redis_endpoint> find_master(const redis_endpoint& to, milliseconds timeout) {
  std::string why;
  for (const auto& each : to.sentinels) {
    redis_endpoint at;
    at.host = each.host;
    at.port = each.port;
    at.tls = to.tls;
    at.ca_file = to.ca_file;
    const auto tell = [&](const std::string& what) { why += (why.empty() ? "" : "; ") + each.host + ":" + std::to_string(each.port) + ": " + what; };
    auto sentinel = redis_client::connect(at, std::min(timeout, sentinel_timeout));
    if (!sentinel) {
      tell(sentinel.error().message);
      continue;
    }
    const auto reply = sentinel->command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", to.host});
    if (!reply || reply->items.size() != 2) {
      tell(reply ? "knows no master '" + to.host + "'" : reply.error().message);
      continue;
    }
    redis_endpoint master = to;
    master.sentinels.clear();
    master.host = reply->items[0].text;
    const auto& digits = reply->items[1].text;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), master.port).ec == std::errc{} && master.port != 0 && !master.host.empty()) return master;
    tell("gave an address that is none");
  }
  return fail(errc::unavailable, "no Sentinel says where the master of '" + to.host + "' is: " + why);
}

}  // namespace sluice::store
