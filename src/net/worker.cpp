// A worker's loop: accepting, owning sessions, and letting go of them.
#include "worker.hpp"

#include <sys/socket.h>

#include "session.hpp"

namespace sluice::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using reuse_port = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

}  // namespace

worker::worker(shared_state& shared, proxy::services& services)
    : shared_(shared), services_(services), guard_(context_.get_executor()), read_buffer_(read_buffer_size), wheel_(context_),
      resolver_(context_),
      pool_(context_, wheel_, shared.config.upstreams.size(), shared.config.pool_idle_max, services.counters().upstream_connections),
      acceptor_(context_), accept_pause_(context_) {}

worker::~worker() {
  graveyard_.clear();
  sessions_.clear();
  pool_.clear();
}

result<std::uint16_t> worker::listen(std::uint16_t port) {
  const auto where = shared_.config.address + ":" + std::to_string(port);
  error_code ec;
  const auto address = boost::asio::ip::make_address(shared_.config.address, ec);
  if (ec) return fail(errc::invalid_argument, "cannot listen on " + where + ": the address is not an IP address");
  const tcp::endpoint at(address, port);
  acceptor_.open(at.protocol(), ec);
  if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor_.set_option(reuse_port(true), ec);
  if (!ec) acceptor_.bind(at, ec);
  if (!ec) acceptor_.listen(4096, ec);
  if (ec) return fail(errc::io, "cannot listen on " + where + ": " + ec.message());
  return acceptor_.local_endpoint(ec).port();
}

result<void> worker::open_upstreams() {
  for (const auto& u : shared_.config.upstreams) {
    if (!u.tls) {
      upstream_tls_.push_back(nullptr);
      continue;
    }
    auto context = transport::make_client_tls(u.ca_file);
    if (!context) return std::unexpected(context.error());
    upstream_tls_.push_back(std::move(*context));
  }
  return {};
}

void worker::run() { context_.run(); }

void worker::accept() {
  acceptor_.async_accept([this](error_code ec, tcp::socket socket) {
    if (draining_ || ec == boost::asio::error::operation_aborted) return;
    if (!ec) {
      admit(std::move(socket));
      return accept();
    }
    // Out of file descriptors or memory: the listener stays readable, so wait instead of spinning.
    accept_pause_.expires_after(milliseconds{50});
    accept_pause_.async_wait([this](error_code stopped) {
      if (!stopped && !draining_) accept();
    });
  });
}

void worker::admit(tcp::socket socket) {
  if (shared_.client_connections.fetch_add(1, std::memory_order_relaxed) >= shared_.config.client_connections_max) {
    shared_.client_connections.fetch_sub(1, std::memory_order_relaxed);
    services_.counters().refused_busy.add();
    return;  // the socket closes
  }
  error_code ec;
  const auto from = socket.remote_endpoint(ec);
  auto made = std::make_unique<session>(*this, ec ? std::string() : from.address().to_string());
  auto& s = *made;
  s.slot = sessions_.size();
  sessions_.push_back(std::move(made));
  s.start(std::move(socket));
}

void worker::retire(session& gone) {
  const auto slot = gone.slot;
  if (graveyard_.empty()) {
    boost::asio::post(context_, [this] { graveyard_.clear(); });
  }
  graveyard_.push_back(std::move(sessions_[slot]));
  if (slot + 1 != sessions_.size()) {
    sessions_[slot] = std::move(sessions_.back());
    sessions_[slot]->slot = slot;
  }
  sessions_.pop_back();
  shared_.client_connections.fetch_sub(1, std::memory_order_relaxed);
  if (draining_ && sessions_.empty() && empty_ != nullptr) std::exchange(empty_, nullptr)->set_value();
}

void worker::drain(std::promise<void>* empty) {
  draining_ = true;
  empty_ = empty;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  // Backwards: retire() fills a gap from the end.
  for (auto i = sessions_.size(); i-- > 0;) {
    if (i < sessions_.size()) sessions_[i]->drain();
  }
  pool_.clear();
  if (sessions_.empty() && empty_ != nullptr) std::exchange(empty_, nullptr)->set_value();
}

std::size_t worker::cut() {
  empty_ = nullptr;
  std::size_t busy = 0;
  while (!sessions_.empty()) busy += sessions_.back()->cut() ? 1 : 0;
  pool_.clear();
  resolver_.cancel();
  wheel_.stop();
  guard_.reset();
  return busy;
}

}  // namespace sluice::net
