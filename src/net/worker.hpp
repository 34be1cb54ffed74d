// One worker: a thread's io_context and everything that lives on it. Nothing in here is touched by another thread, except
// through post() and the counters of `shared_state`.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include <boost/asio.hpp>

#include "sluice/net/server.hpp"
#include "sluice/transport/resolver.hpp"
#include "sluice/transport/stream.hpp"
#include "sluice/transport/timer_wheel.hpp"
#include "upstream_pool.hpp"

namespace sluice::net {

class session;

// What the workers of one server share: the configuration, and two sums that limits of the whole process need.
struct shared_state {
  server_config config;
  std::shared_ptr<const proxy::settings> settings;
  std::unique_ptr<transport::tls_context> server_tls;  // null: plain listeners
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::uint32_t> client_connections{0};
};

class worker {
 public:
  static constexpr std::size_t read_buffer_size = 64 * 1024;

  worker(shared_state& shared, proxy::services& services);
  ~worker();
  // Listens; port 0 takes a free one. The port that was taken.
  [[nodiscard]] result<std::uint16_t> listen(std::uint16_t port);
  [[nodiscard]] result<void> open_upstreams();
  // On the worker's own thread.
  void accept();
  void run();
  // Stops accepting and closes what is idle; `empty` is kept once no session is left.
  void drain(std::promise<void>* empty);
  // Ends every session now; how many of them were in an exchange.
  [[nodiscard]] std::size_t cut();
  void retire(session& gone);

  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  [[nodiscard]] shared_state& shared() { return shared_; }
  [[nodiscard]] const server_config& config() const { return shared_.config; }
  [[nodiscard]] proxy::services& services() { return services_; }
  [[nodiscard]] std::span<char> read_buffer() { return read_buffer_; }
  [[nodiscard]] transport::wheel_driver& wheel() { return wheel_; }
  [[nodiscard]] transport::resolver& resolver() { return resolver_; }
  [[nodiscard]] upstream_pool& pool() { return pool_; }
  [[nodiscard]] transport::tls_context* upstream_tls(std::size_t upstream) { return upstream_tls_[upstream].get(); }
  [[nodiscard]] bool draining() const { return draining_; }

 private:
  void admit(boost::asio::ip::tcp::socket socket);
  shared_state& shared_;
  proxy::services& services_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
  std::vector<char> read_buffer_;
  transport::wheel_driver wheel_;
  transport::resolver resolver_;
  std::vector<std::unique_ptr<transport::tls_context>> upstream_tls_;
  upstream_pool pool_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  std::vector<std::unique_ptr<session>> sessions_;
  std::vector<std::unique_ptr<session>> graveyard_;  // ended inside their own callbacks; freed on the next turn
  bool draining_ = false;
  std::promise<void>* empty_ = nullptr;
};

}  // namespace sluice::net
