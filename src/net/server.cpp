// Opening and closing: listening sockets for all workers, their threads, and the bounded stop.
#include "sluice/net/server.hpp"

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <thread>

#include <pthread.h>
#include <sys/socket.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include "sluice/base/threads.hpp"

#include "client_session.hpp"
#include "worker.hpp"

namespace sluice::net {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

struct server::impl {
  server_config config;
  std::shared_ptr<const proxy::settings> settings;
  shared_state shared;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<worker>> workers;
  std::vector<std::thread> threads;
  bool stopped = false;
};

namespace {

std::string described(const tcp::endpoint& where) {
  return where.address().to_string() + ":" + std::to_string(where.port());
}

// A listening socket. With `shared_port` several may listen on one port and the kernel deals connections out.
result<int> open_listener(const tcp::endpoint& where, bool shared_port, bool listening) {
  const int fd = ::socket(where.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(errc::io, std::string("cannot make a socket: ") + std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (shared_port) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (::bind(fd, where.data(), static_cast<socklen_t>(where.size())) == 0 &&
      (!listening || ::listen(fd, SOMAXCONN) == 0))
    return fd;
  const std::string why = std::strerror(errno);
  ::close(fd);
  return fail(errc::io,
              "cannot listen on " + described(where) + ": " + why + "; choose another listen.address or listen.port");
}

result<std::uint16_t> port_of(int fd) {
  tcp::endpoint bound;
  socklen_t size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(fd, bound.data(), &size) != 0)
    return fail(errc::io, std::string("getsockname: ") + std::strerror(errno));
  bound.resize(size);
  return bound.port();
}

}  // namespace

server::server(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

result<std::unique_ptr<server>> server::open(server_config config, std::shared_ptr<const proxy::settings> settings,
                                             std::function<proxy::services&(unsigned worker)> make_services) {
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(config.address, ec);
  if (ec)
    return fail(errc::invalid_argument,
                "listen.address '" + config.address + "' is no IP address; write 127.0.0.1, 0.0.0.0 or ::1");
  auto made = std::make_unique<impl>();
  auto& all = *made;
  all.config = std::move(config);
  all.settings = std::move(settings);
  if (all.config.workers == 0) all.config.workers = std::max(1u, std::thread::hardware_concurrency());
  tcp::endpoint where(address, all.config.port);
  if (where.port() != 0) {
    // SO_REUSEPORT would share the port with a stranger without a word: ask for it alone first.
    const auto probe = open_listener(where, false, false);
    if (!probe) return std::unexpected(probe.error());
    ::close(*probe);
  }
  for (unsigned i = 0; i < all.config.workers; ++i) {
    auto one = std::make_unique<worker>(all.config, *all.settings, make_services(i), all.shared);
    if (const auto ready = one->prepare_tls(); !ready) return std::unexpected(ready.error());
    const auto listener = open_listener(where, true, true);
    if (!listener) return std::unexpected(listener.error());
    if (const auto taken = one->listen(*listener, address.is_v6()); !taken) return std::unexpected(taken.error());
    const auto port = port_of(*listener);
    if (!port) return std::unexpected(port.error());
    where.port(*port);
    all.workers.push_back(std::move(one));
  }
  all.port = where.port();
  return std::unique_ptr<server>(new server(std::move(made)));
}

server::~server() { stop(milliseconds(0)); }

void server::start() {
  for (std::size_t i = 0; i < impl_->workers.size(); ++i) {
    impl_->threads.push_back(start_thread([w = impl_->workers[i].get(), i] {
      ::pthread_setname_np(::pthread_self(), ("sluice-w" + std::to_string(i)).c_str());
      const auto work = asio::make_work_guard(w->loop.io());
      w->loop.io().run();
    }));
  }
}

std::size_t server::stop(milliseconds bound) {
  if (std::exchange(impl_->stopped, true)) return 0;
  if (impl_->threads.empty()) return 0;
  const auto end = mono_now() + bound;
  std::vector<std::promise<void>> empty(impl_->workers.size());
  for (std::size_t i = 0; i < empty.size(); ++i) {
    asio::post(impl_->workers[i]->loop.io(),
               [one = impl_->workers[i].get(), told = &empty[i]] { one->stop_accepting(told); });
  }
  for (auto& one : empty) one.get_future().wait_until(end);
  std::atomic<std::size_t> cut{0};
  for (auto& w : impl_->workers) {
    asio::post(w->loop.io(), [one = w.get(), &cut] {
      cut += one->cut_all();
      one->loop.io().stop();
    });
  }
  for (auto& t : impl_->threads) t.join();
  return cut;
}

std::uint16_t server::port() const { return impl_->port; }
unsigned server::workers() const { return static_cast<unsigned>(impl_->workers.size()); }

void server::post_each(std::function<void(unsigned worker)> task) {
  for (unsigned i = 0; i < workers(); ++i) asio::post(impl_->workers[i]->loop.io(), [task, i] { task(i); });
}

void server::supersede(std::shared_ptr<const policy::snapshot> gone) {
  for (auto& w : impl_->workers) asio::post(w->loop.io(), [one = w.get(), gone] { one->supersede(gone.get()); });
}

void server::vault_answered(unsigned worker, std::uint64_t ticket, policy::vault_answer what) {
  auto& to = *impl_->workers[worker];
  asio::post(to.loop.io(), [&to, ticket, answer = std::move(what)] { to.answered(ticket, answer); });
}

void server::ledger_answered(unsigned worker, std::uint64_t ticket, proxy::ledger_answer what) {
  auto& to = *impl_->workers[worker];
  asio::post(to.loop.io(), [&to, ticket, answer = std::move(what)] { to.answered(ticket, answer); });
}

}  // namespace sluice::net
