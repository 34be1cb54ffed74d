// A synchronous Redis client (RESP2): hiredis formats and reads, transport::blocking_stream carries. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "redis_reply.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"

namespace sluice::store {

using redis_command = std::vector<std::string>;

class redis_client {
 public:
  // By Sentinel where `to` names any: then a server that is no master is refused (errc::unavailable).
  [[nodiscard]] static result<redis_client> connect(const redis_endpoint& to, milliseconds timeout);
  ~redis_client();
  redis_client(redis_client&&) noexcept;
  redis_client& operator=(redis_client&&) noexcept;

  // Sends one command and waits for its reply. A Redis error is errc::refused with Redis' words. After any other error the connection is of
  // no use, for a reply that comes late would be taken for that of the next command: whatever is asked of it then is errc::closed.
  [[nodiscard]] result<redis_reply> command(const redis_command& words);
  // Sends all, then reads all: one round trip. A Redis error stays a reply of kind error. `until`: for all of them together; without it
  // each has the client's timeout.
  [[nodiscard]] result<std::vector<redis_reply>> pipeline(const std::vector<redis_command>& commands, mono_time until = mono_time::max());
  // Sends without waiting; for a subscribed connection, whose replies come through next().
  [[nodiscard]] result<void> send(const redis_command& words);
  // The next pushed reply of a subscribed connection; errc::timeout when none came, or when `wake_fd` became readable.
  [[nodiscard]] result<redis_reply> next(milliseconds timeout, int wake_fd);
  // False after such an error.
  [[nodiscard]] bool usable() const;
  // host:port that this is connected to.
  [[nodiscard]] const std::string& peer() const;
  // errc::unavailable: the server is a replica, or will not say.
  [[nodiscard]] result<void> need_master();

 private:
  struct impl;
  explicit redis_client(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
