// redis://[user[:password]@]host[:port][/db] and rediss:// (TLS).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::store {

struct server_address {
  std::string host;
  std::uint16_t port = 0;
};

struct redis_endpoint {
  std::string host = "127.0.0.1";  // with sentinels: the name under which they know the master, and the port says nothing
  std::uint16_t port = 6379;
  bool tls = false;
  std::string user, password;  // password never printed
  std::string ca_file;         // for rediss; empty: the system's
  int database = 0;
  std::vector<server_address> sentinels;  // whom to ask, in this order, which server is the master now
  [[nodiscard]] std::string display() const;  // without credentials
};

[[nodiscard]] result<redis_endpoint> parse_redis_url(std::string_view url);
// host[:port] of a Sentinel; its own port is 26379.
[[nodiscard]] result<server_address> parse_sentinel(std::string_view text);

// What is wrong with a ring's name; "" when nothing is. Braces would break the hash tag that keeps a ring's keys in one slot of a cluster.
[[nodiscard]] std::string wrong_ring_name(std::string_view name);

}  // namespace sluice::store
