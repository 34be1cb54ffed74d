// redis://[user[:password]@]host[:port][/db] and rediss:// (TLS).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::store {

struct redis_endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  bool tls = false;
  std::string user, password;  // password never printed
  std::string ca_file;         // for rediss; empty: the system's
  int database = 0;
  [[nodiscard]] std::string display() const;  // without credentials
};

[[nodiscard]] result<redis_endpoint> parse_redis_url(std::string_view url);

}  // namespace sluice::store
