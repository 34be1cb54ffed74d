// Names to addresses, remembered for a short while. One per worker; callbacks run on the worker's thread, never inside
// resolve() unless the answer is already known.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::transport {

using endpoints = std::vector<boost::asio::ip::tcp::endpoint>;

class resolver {
 public:
  explicit resolver(boost::asio::io_context& context, milliseconds keep = milliseconds{30'000});
  // When a name server fails, an address that was once good is used on (errors are worse than an old address).
  void resolve(const std::string& host, std::uint16_t port, std::function<void(result<endpoints>)> done);
  void cancel() { resolver_.cancel(); }

 private:
  struct entry {
    endpoints found;
    mono_time until;
  };
  milliseconds keep_;
  boost::asio::ip::tcp::resolver resolver_;
  std::unordered_map<std::string, entry> known_;
};

}  // namespace sluice::transport
