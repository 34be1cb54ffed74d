// What all connections of one worker share: the io_context, the readiness of sockets, the buffer that reads are lent from, and the deadlines.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <boost/asio/io_context.hpp>

#include "sluice/transport/readiness.hpp"
#include "sluice/transport/timer_wheel.hpp"

namespace sluice::transport {

class event_loop {
 public:
  event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  boost::asio::io_context& io() { return io_; }
  timer_wheel& wheel() { return wheel_; }
  readiness& sockets() { return sockets_; }
  // One buffer for the whole worker: bytes are lent to a listener for the length of a call, so an idle connection owns
  // none.
  std::span<char> read_buffer() { return {buffer_.get(), read_buffer_bytes}; }

 private:
  static constexpr std::size_t read_buffer_bytes = std::size_t{64} * 1024;
  boost::asio::io_context io_;
  timer_wheel wheel_;
  readiness sockets_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace sluice::transport
