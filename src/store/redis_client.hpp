// A synchronous Redis client (RESP2): hiredis formats and reads, transport::blocking_stream carries. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"
#include "sluice/transport/blocking.hpp"

struct redisReader;

namespace sluice::store {

struct redis_reply {
  enum class kind : std::uint8_t { nil, text, integer, array, error } kind = kind::nil;
  std::string text;
  long long integer = 0;
  std::vector<redis_reply> items;
  // The value of a field in a flat field-value array (HGETALL), empty when absent.
  [[nodiscard]] std::string field(std::string_view name) const;
};

class redis_client {
 public:
  [[nodiscard]] static result<redis_client> connect(const redis_endpoint& to, milliseconds timeout);
  ~redis_client();
  redis_client(redis_client&&) noexcept;
  redis_client& operator=(redis_client&&) noexcept;

  // Sends one command and waits for its reply. A Redis error is errc::refused with Redis' words.
  [[nodiscard]] result<redis_reply> command(const std::vector<std::string>& words);
  // The next pushed reply of a subscribed connection; errc::timeout when none came, or when `wake_fd` became readable.
  [[nodiscard]] result<redis_reply> next(milliseconds timeout, int wake_fd);

 private:
  struct impl;
  explicit redis_client(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
