// A client stream for control-plane threads that may wait: each call blocks until it is done or its time is up. TCP or TLS
// (verified, SNI). Not for the data plane. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::transport {

struct blocking_target {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;
  std::string ca_file;  // empty: the system's
};

class blocking_stream {
 public:
  [[nodiscard]] static result<blocking_stream> connect(const blocking_target& to, milliseconds timeout);
  ~blocking_stream();
  blocking_stream(blocking_stream&&) noexcept;
  blocking_stream& operator=(blocking_stream&&) noexcept;

  [[nodiscard]] result<void> write(std::string_view bytes, milliseconds timeout);
  // Reads some bytes and appends them. errc::timeout when the time is up, or when `wake_fd` (an eventfd, -1: none) becomes readable.
  [[nodiscard]] result<void> read(std::string& into, milliseconds timeout, int wake_fd = -1);

 private:
  struct impl;
  explicit blocking_stream(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::transport
