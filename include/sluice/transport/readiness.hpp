// Which sockets of one event loop are ready: an epoll set of our own inside Asio's. Each socket is registered once, edge-triggered,
// for its whole life; Asio's reactor would ask the kernel anew for every wait, which is a system call for each message of an exchange.
// (epoll(7), "Edge-triggered"; nginx and Envoy do the same.)
//
// Used on the event loop's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace sluice::transport {

class readiness {
 public:
  class watcher {
   public:
    // `events`: EPOLLIN and its kin since the last call; 0 after again(). An edge is told once: read or write until the kernel says EAGAIN.
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~watcher() = default;
  };
  // Names one registration; what was removed is never called again, also when its slot or descriptor was given away.
  using ticket = std::uint64_t;
  static constexpr ticket none = 0;

  explicit readiness(boost::asio::io_context& io);
  ~readiness();
  readiness(const readiness&) = delete;
  readiness& operator=(const readiness&) = delete;

  // The watcher is kept alive until remove(). `none`: the kernel refused; errno says why.
  [[nodiscard]] ticket add(int descriptor, std::shared_ptr<watcher> who);
  void remove(ticket of, int descriptor);
  // Calls on_ready(0) from a later turn of the loop.
  void again(ticket of);

 private:
  struct slot {
    std::shared_ptr<watcher> who;
    std::uint32_t generation = 1;
  };
  void wait();
  void take_events();
  void take_again();
  void tell(ticket of, std::uint32_t events);

  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> set_;  // the epoll set itself
  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<ticket> again_, again_now_;
  std::size_t registered_ = 0;
  bool waiting_ = false, posted_ = false;
};

}  // namespace sluice::transport
