// A server: its workers and their threads.
#include "sluice/net/server.hpp"

#include <algorithm>
#include <future>
#include <thread>

#include "worker.hpp"
#include "session.hpp"

namespace sluice::net {

struct server::impl {
  shared_state shared;
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<std::thread> threads;
  std::uint16_t port = 0;
  bool stopped = false;
};

server::server(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

server::~server() { (void)stop(milliseconds{0}); }

result<std::unique_ptr<server>> server::open(server_config config, std::shared_ptr<const proxy::settings> settings,
                                             std::function<proxy::services&(unsigned worker)> make_services) {
  if (config.upstreams.size() != settings->upstreams.size()) {
    return fail(errc::invalid_argument, "the server has another number of upstreams than its routes");
  }
  auto made = std::make_unique<impl>();
  auto& s = *made;
  s.shared.config = std::move(config);
  s.shared.settings = std::move(settings);
  if (!s.shared.config.tls_certificate.empty()) {
    auto tls = transport::make_server_tls(s.shared.config.tls_certificate, s.shared.config.tls_key, s.shared.config.tls_client_ca);
    if (!tls) return std::unexpected(tls.error());
    s.shared.server_tls = std::move(*tls);
  }
  const unsigned count = s.shared.config.workers != 0 ? s.shared.config.workers : std::max(1u, std::thread::hardware_concurrency());
  s.port = s.shared.config.port;
  for (unsigned i = 0; i < count; ++i) {
    auto w = std::make_unique<worker>(s.shared, make_services(i));
    // The first worker's port is everybody's.
    auto port = w->listen(s.port);
    if (!port) return std::unexpected(port.error());
    s.port = *port;
    if (auto ready = w->open_upstreams(); !ready) return std::unexpected(ready.error());
    s.workers.push_back(std::move(w));
  }
  return std::unique_ptr<server>(new server(std::move(made)));
}

void server::start() {
  for (auto& w : impl_->workers) {
    boost::asio::post(w->context(), [&w = *w] { w.accept(); });
    impl_->threads.emplace_back([&w = *w] { w.run(); });
  }
}

std::size_t server::stop(milliseconds bound) {
  auto& s = *impl_;
  if (std::exchange(s.stopped, true) || s.threads.empty()) return 0;
  std::vector<std::promise<void>> empty(s.workers.size());
  for (std::size_t i = 0; i < s.workers.size(); ++i) {
    boost::asio::post(s.workers[i]->context(), [&w = *s.workers[i], &e = empty[i]] { w.drain(&e); });
  }
  const auto until = mono_now() + bound;
  for (auto& e : empty) e.get_future().wait_until(until);
  std::size_t busy = 0;
  for (auto& w : s.workers) {
    std::promise<std::size_t> cut;
    boost::asio::post(w->context(), [&w = *w, &cut] { cut.set_value(w.cut()); });
    busy += cut.get_future().get();
  }
  for (auto& t : s.threads) t.join();
  s.threads.clear();
  return busy;
}

std::uint16_t server::port() const { return impl_->port; }
unsigned server::workers() const { return static_cast<unsigned>(impl_->workers.size()); }

void server::post_each(std::function<void(unsigned worker)> task) {
  for (unsigned i = 0; i < impl_->workers.size(); ++i) {
    boost::asio::post(impl_->workers[i]->context(), [task, i] { task(i); });
  }
}

}  // namespace sluice::net
