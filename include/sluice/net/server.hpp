// Listeners, client sessions and upstream pools: each worker is one thread with its own io_context, acceptor (SO_REUSEPORT),
// upstream pool and buffers; a connection never leaves its worker. All decisions are proxy::exchange's; this performs them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/http/head.hpp"
#include "sluice/net/deadlines.hpp"
#include "sluice/proxy/exchange.hpp"

namespace sluice::net {

struct upstream_endpoint {
  std::string host;
  std::uint16_t port = 443;
  bool tls = true;
  std::string ca_file;  // empty: the system's
};

struct server_config {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;           // 0: any; see server::port()
  std::string tls_certificate, tls_key, tls_client_ca;
  unsigned workers = 0;                // 0: one for each processor
  http::limits head_limits;
  std::uint32_t in_flight_max = 10'000;        // of the whole process
  std::uint32_t client_connections_max = 20'000;
  std::uint32_t write_buffer_max = 256 * 1024; // bytes a slow client may be behind before the upstream is not read
  std::uint32_t pool_idle_max = 64;            // idle upstream connections for each worker and upstream
  std::vector<upstream_endpoint> upstreams;    // same order as proxy::settings::upstreams
  net::deadlines deadlines;
};

class server {
 public:
  // `make_services` is called once per worker, on the caller's thread, before the worker runs; it must outlive the server.
  [[nodiscard]] static result<std::unique_ptr<server>> open(server_config config, std::shared_ptr<const proxy::settings> settings,
                                                            std::function<proxy::services&(unsigned worker)> make_services);
  ~server();
  void start();
  // Stops accepting, lets exchanges end until `bound`, then closes what is left. Blocks. Returns how many were cut off.
  std::size_t stop(milliseconds bound);
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] unsigned workers() const;
  // Runs `task` on each worker's thread, soon; does not wait. How a new policy reaches the workers.
  void post_each(std::function<void(unsigned worker)> task);
  // On each worker, soon: streams that pin this snapshot are cut off. Does not wait.
  void supersede(std::shared_ptr<const policy::snapshot> gone);
  // On that worker, soon: the exchange that waits for this ticket (proxy::services::ask_vault, ask_ledger) goes on. Does not wait. From any
  // thread, also when the workers have ended.
  void vault_answered(unsigned worker, std::uint64_t ticket, policy::vault_answer what);
  void ledger_answered(unsigned worker, std::uint64_t ticket, proxy::ledger_answer what);

 private:
  struct impl;
  explicit server(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::net
