// The addresses of one host, remembered. Looked up once, again after 30 s in the background, and at once after a
// connection failed; while a lookup fails the last good answer stands. One per worker and upstream; only its thread may
// use it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/transport/event_loop.hpp"
#include "sluice/transport/stream.hpp"

namespace sluice::transport {

class address_cache {
 public:
  using answer = result<std::vector<endpoint>>;
  static constexpr seconds fresh_for{30};

  // An address literal as host is never looked up.
  address_cache(event_loop& loop, std::string host, std::uint16_t port);
  ~address_cache();
  address_cache(const address_cache&) = delete;
  address_cache& operator=(const address_cache&) = delete;
  // Calls `then` now when something is known, else when the lookup ends. Not called after the cache is destroyed.
  void get(std::function<void(const answer&)> then);
  // A connection to these addresses failed: look again before the next answer.
  void distrust() { trusted_ = false; }

 private:
  struct lookup;
  void look_up();
  event_loop& loop_;
  std::string host_;
  std::uint16_t port_;
  std::vector<endpoint> known_;
  mono_time known_at_;
  bool literal_ = false, trusted_ = true;
  std::vector<std::function<void(const answer&)>> waiting_;
  std::shared_ptr<lookup> running_;
};

}  // namespace sluice::transport
