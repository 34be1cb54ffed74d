// Idle upstream connections of one worker, newest first: the newest is the one its server has least reason to close.
#pragma once

#include <memory>
#include <vector>

#include "sluice/base/counters.hpp"
#include "sluice/transport/stream.hpp"
#include "sluice/transport/timer_wheel.hpp"

namespace sluice::net {

class upstream_pool {
 public:
  upstream_pool(boost::asio::io_context& context, transport::wheel_driver& wheel, std::size_t upstreams, std::size_t idle_max,
                gauge& connections);
  ~upstream_pool();
  // An idle connection, or null. The caller listens to it at once.
  [[nodiscard]] std::unique_ptr<transport::stream> take(std::size_t upstream);
  // Keeps a connection whose answer is complete, or closes it when there are enough.
  void give(std::size_t upstream, std::unique_ptr<transport::stream> idle);
  // Every upstream connection of the worker is counted from here.
  void opened() { connections_.add(1); }
  void dropped() { connections_.add(-1); }
  void clear();

 private:
  class entry;
  void remove(entry& gone);
  boost::asio::io_context& context_;
  transport::wheel_driver& wheel_;
  std::size_t idle_max_;
  gauge& connections_;
  std::vector<std::vector<std::unique_ptr<entry>>> idle_;
};

}  // namespace sluice::net
