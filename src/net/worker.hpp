// One worker: a thread's event loop, its acceptor, its client sessions and its upstream pools. Nothing here is shared
// between threads but `shared_state`, which is atomics.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "sluice/net/server.hpp"
#include "sluice/transport/event_loop.hpp"
#include "sluice/transport/tls.hpp"
#include "upstream_pool.hpp"

namespace sluice::net {

class client_session;

// What the workers of one server share.
struct shared_state {
  std::atomic<std::uint32_t> in_flight{0}, connections{0};
};

// Bases of what is buried: destroyed a moment later, when no call is on its stack any more.
class mortal {
 public:
  virtual ~mortal() = default;
};

class worker {
 public:
  worker(const server_config& config, const proxy::settings& settings, proxy::services& services, shared_state& shared);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  // Takes over a listening socket.
  [[nodiscard]] result<void> listen(int descriptor, bool v6);
  [[nodiscard]] result<void> prepare_tls();
  // On the worker's thread: no new connections, idle ones closed, the others close after their exchange;
  // `empty` is kept when none is left.
  void stop_accepting(std::promise<void>* empty);
  // On the worker's thread: everything ends now. Returns how many exchanges were cut off.
  std::size_t cut_all();
  // On the worker's thread: streams that pin this snapshot are cut off.
  void supersede(const policy::snapshot* gone);

  // Who waits for a ticket's answer; one that nobody waits for any more is dropped.
  void await(std::uint64_t ticket, client_session& who) { awaiting_.emplace(ticket, &who); }
  void forget(std::uint64_t ticket) { awaiting_.erase(ticket); }
  void answered(std::uint64_t ticket, const policy::vault_answer& what);
  void answered(std::uint64_t ticket, const proxy::ledger_answer& what);

  void bury(std::unique_ptr<mortal> dead);
  void remove(client_session& gone);
  [[nodiscard]] bool stopping() const { return stopping_; }
  // A string with capacity from the last user, or an empty one.
  [[nodiscard]] std::string take_spare() { return std::exchange(spare_, {}); }
  void give_spare(std::string&& used);

  const server_config& config;
  const proxy::settings& settings;
  proxy::services& services;
  shared_state& shared;
  transport::event_loop loop;
  std::vector<std::unique_ptr<upstream_pool>> pools;
  // Scratch: calls do not nest, so one of each serves every session of the worker.
  proxy::effects effects;
  http::request_head request_head;
  http::response_head response_head;

 private:
  void accept_ready();
  void tell_if_empty();
  void wait_for_clients();
  void admit(int descriptor);
  [[nodiscard]] client_session* take_awaiting(std::uint64_t ticket);

  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type> acceptor_;
  transport::timer_wheel::entry accept_pause_;
  std::shared_ptr<const transport::tls_context> client_side_tls_;
  std::vector<std::unique_ptr<client_session>> sessions_;
  std::unordered_map<std::uint64_t, client_session*> awaiting_;  // by ticket
  std::vector<std::unique_ptr<mortal>> graves_;
  std::string spare_;
  bool stopping_ = false;
  std::promise<void>* empty_ = nullptr;
};

}  // namespace sluice::net
