// What Redis answers (RESP2), and the reader that makes it from bytes: hiredis' state machine with our own tree and our own bounds,
// because a Redis may be hostile. No sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::store {

struct redis_reply {
  enum class kind : std::uint8_t { nil, text, integer, array, error } kind = kind::nil;
  std::string text;
  long long integer = 0;
  std::vector<redis_reply> items;
  // The value of a field in a flat field-value array (HGETALL), empty when absent.
  [[nodiscard]] std::string field(std::string_view name) const;
};

// Of an answer to TIME: since 1970; nothing when it is none.
[[nodiscard]] std::optional<milliseconds> redis_time(const redis_reply& reply);

class redis_reply_reader {
 public:
  static constexpr std::size_t reply_bytes_max = 256u << 20;   // more than any bundle may hold
  static constexpr std::size_t elements_max = 1'000'000;       // of one reply, nested ones counted

  redis_reply_reader();
  ~redis_reply_reader();
  redis_reply_reader(redis_reply_reader&&) noexcept;
  redis_reply_reader& operator=(redis_reply_reader&&) noexcept;

  // errc::limit when a reply passes its bound; the reader is of no use then.
  [[nodiscard]] result<void> feed(std::string_view bytes);
  // The next whole reply, nothing when more bytes are needed, errc::parse for what is none.
  [[nodiscard]] result<std::optional<redis_reply>> next();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
