// Accepting, and the bookkeeping of who lives.
#include "worker.hpp"

#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>

#include <boost/asio/post.hpp>

#include "client_session.hpp"

namespace sluice::net {
namespace asio = boost::asio;

namespace {
constexpr std::size_t spare_bytes_max = 64 * 1024;
constexpr int accepts_per_event = 64;
}  // namespace

worker::worker(const server_config& c, const proxy::settings& s, proxy::services& v, shared_state& all)
    : config(c),
      settings(s),
      services(v),
      shared(all),
      acceptor_(loop.io().get_executor()),
      accept_pause_(transport::deadline_of<&worker::wait_for_clients>(this)) {}

worker::~worker() = default;

result<void> worker::prepare_tls() {
  for (const auto& endpoint : config.upstreams) {
    std::shared_ptr<const transport::tls_context> tls;
    if (endpoint.tls) {
      auto made = transport::tls_context::client(endpoint.ca_file);
      if (!made) return std::unexpected(made.error());
      tls = std::move(*made);
    }
    pools.push_back(std::make_unique<upstream_pool>(*this, endpoint, std::move(tls)));
  }
  if (config.tls_certificate.empty()) return {};
  auto made = transport::tls_context::server(config.tls_certificate, config.tls_key, config.tls_client_ca);
  if (!made) return std::unexpected(made.error());
  client_side_tls_ = std::move(*made);
  return {};
}

result<void> worker::listen(int descriptor, bool v6) {
  boost::system::error_code ec;
  acceptor_.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), descriptor, ec);
  if (ec) return fail(errc::io, "cannot take the listening socket: " + ec.message());
  wait_for_clients();
  return {};
}

void worker::wait_for_clients() {
  if (!acceptor_.is_open()) return;
  acceptor_.async_wait(asio::socket_base::wait_read, [this](boost::system::error_code ec) {
    if (!ec) accept_ready();
  });
}

void worker::accept_ready() {
  for (int n = 0; n < accepts_per_event && acceptor_.is_open(); ++n) {
    const int descriptor = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      admit(descriptor);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The queue stays readable: waiting for it would spin. Others may give descriptors back.
      return loop.wheel().arm(accept_pause_, milliseconds(200));
    }
    if (errno != EINTR && errno != ECONNABORTED) break;
  }
  wait_for_clients();
}

void worker::admit(int descriptor) {
  if (shared.connections.fetch_add(1, std::memory_order_relaxed) >= config.client_connections_max) {
    shared.connections.fetch_sub(1, std::memory_order_relaxed);
    services.counters().refused_busy.add();
    ::close(descriptor);
    return;
  }
  services.counters().client_connections.add(1);
  auto session = std::make_unique<client_session>(*this, sessions_.size());
  auto& made = *session;
  sessions_.push_back(std::move(session));
  made.start(descriptor, client_side_tls_);
}

void worker::remove(client_session& gone) {
  const auto at = gone.index;
  auto dead = std::move(sessions_[at]);
  if (at + 1 != sessions_.size()) {
    sessions_[at] = std::move(sessions_.back());
    sessions_[at]->index = at;
  }
  sessions_.pop_back();
  services.counters().client_connections.add(-1);
  bury(std::move(dead));
  shared.connections.fetch_sub(1, std::memory_order_relaxed);
  tell_if_empty();
}

void worker::bury(std::unique_ptr<mortal> dead) {
  if (graves_.empty()) {
    asio::post(loop.io(), [this] { std::exchange(graves_, {}).clear(); });
  }
  graves_.push_back(std::move(dead));
}

void worker::give_spare(std::string&& used) {
  if (used.capacity() > spare_bytes_max || used.capacity() <= spare_.capacity()) return;
  used.clear();
  spare_ = std::move(used);
}

void worker::tell_if_empty() {
  if (stopping_ && sessions_.empty() && empty_ != nullptr) std::exchange(empty_, nullptr)->set_value();
}

void worker::stop_accepting(std::promise<void>* empty) {
  stopping_ = true;
  if (acceptor_.is_open()) {
    accept_ready();  // who is in the queue was told that the port is open
    boost::system::error_code ec;
    acceptor_.close(ec);
  }
  // Backwards, because a session that closes is replaced by the last one.
  for (auto i = sessions_.size(); i-- > 0;) {
    if (i < sessions_.size()) sessions_[i]->close_if_idle();
  }
  empty_ = empty;
  tell_if_empty();
}

void worker::supersede(const policy::snapshot* gone) {
  for (auto i = sessions_.size(); i-- > 0;) {
    if (i < sessions_.size()) sessions_[i]->supersede(gone);
  }
}

client_session* worker::take_awaiting(std::uint64_t ticket) {
  const auto at = awaiting_.find(ticket);
  if (at == awaiting_.end()) return nullptr;
  auto* who = at->second;
  awaiting_.erase(at);
  return who;
}

void worker::answered(std::uint64_t ticket, const policy::vault_answer& what) {
  if (auto* who = take_awaiting(ticket); who != nullptr) who->answered(what);
}

void worker::answered(std::uint64_t ticket, const proxy::ledger_answer& what) {
  if (auto* who = take_awaiting(ticket); who != nullptr) who->answered(what);
}

std::size_t worker::cut_all() {
  empty_ = nullptr;  // the one who waited for it does not any more
  std::size_t cut = 0;
  while (!sessions_.empty()) {
    if (sessions_.back()->busy()) ++cut;
    sessions_.back()->cut();
  }
  return cut;
}

}  // namespace sluice::net
