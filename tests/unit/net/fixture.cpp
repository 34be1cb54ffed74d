// See fixture.hpp.
#include "fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace sluice::policy {
// The stand-in exchange never scans; only the type's outside is needed here.
struct scratch::impl {};
scratch::scratch() = default;
scratch::~scratch() = default;
}  // namespace sluice::policy

namespace sluice::net::testing {
namespace {

class plain_services final : public proxy::services {
 public:
  instant now() override { return sluice::now(); }
  mono_time mono() override { return mono_now(); }
  std::shared_ptr<const policy::active_policy> pin() override { return nullptr; }
  policy::scratch& scratch() override { return scratch_; }
  result<proxy::identity> identify(const http::request_head&, const proxy::peer_info&) override { return proxy::identity{}; }
  std::string decision_id(const proxy::identity&, wall_time) override { return "id"; }
  bool reserve_records() override { return true; }
  void release_records(unsigned) override {}
  void recall_tags(policy::context&) override {}
  void keep_tags(const policy::context&, const std::vector<std::string>&) override {}
  void record(const proxy::exchange_report&) override {}
  worker_counters& counters() override { return counters_; }
  std::uint64_t ask_vault(policy::vault_question) override {
    const auto ticket = ++tickets_;
    proxy::fake_log().add("asked " + std::to_string(ticket));
    return ticket;
  }

 private:
  policy::scratch scratch_;
  worker_counters counters_;
  std::uint64_t tickets_ = 0;
};

void set_time_limit(int fd) {
  const timeval limit{10, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

}  // namespace

peer peer::connect(std::uint16_t port, int receive_buffer) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer != 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const auto a = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) throw std::runtime_error("connect failed");
  set_time_limit(fd);
  return peer(fd);
}

void peer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

bool peer::more() {
  char piece[65536];
  const auto n = ::recv(fd_, piece, sizeof piece, 0);
  if (n > 0) kept_.append(piece, static_cast<std::size_t>(n));
  return n > 0;
}

std::string peer::until(std::string_view end) {
  std::size_t at;
  while ((at = kept_.find(end)) == std::string::npos) {
    if (!more()) return std::exchange(kept_, {});
  }
  auto out = kept_.substr(0, at + end.size());
  kept_.erase(0, at + end.size());
  return out;
}

std::string peer::exactly(std::size_t bytes) {
  while (kept_.size() < bytes) {
    if (!more()) return std::exchange(kept_, {});
  }
  auto out = kept_.substr(0, bytes);
  kept_.erase(0, bytes);
  return out;
}

std::string peer::all() {
  while (more()) {
  }
  return std::exchange(kept_, {});
}

bool peer::at_end() {
  if (!kept_.empty()) return false;
  char c;
  const auto n = ::recv(fd_, &c, 1, 0);
  return n == 0 || (n < 0 && errno == ECONNRESET);
}

void peer::finish_writing() { ::shutdown(fd_, SHUT_WR); }

void peer::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void peer::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

listener::listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  auto a = loopback(0);
  socklen_t size = sizeof a;
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&a), size) != 0 || ::listen(fd_, 64) != 0) throw std::runtime_error("listen failed");
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size);
  port_ = ntohs(a.sin_port);
}

listener::~listener() { ::close(fd_); }

bool listener::pending(int milliseconds) {
  pollfd p{fd_, POLLIN, 0};
  return ::poll(&p, 1, milliseconds) == 1;
}

peer listener::accept() {
  if (!pending(10'000)) throw std::runtime_error("nobody connected");
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  set_time_limit(fd);
  return peer(fd);
}

running::running(const std::function<void(server_config&)>& adjust, bool with_upstream) : services(std::make_shared<plain_services>()) {
  proxy::fake_log().clear();
  server_config config;
  config.port = 0;
  config.workers = 1;
  auto settings = std::make_shared<proxy::settings>();
  if (with_upstream) {
    config.upstreams.push_back({"127.0.0.1", upstream.port(), false, ""});
    settings->upstreams.emplace_back();
  }
  if (adjust) adjust(config);
  auto made = net::server::open(std::move(config), settings, [this](unsigned) -> proxy::services& { return *services; });
  if (!made) throw std::runtime_error(made.error().message);
  server = std::move(*made);
  server->start();
}

running::~running() { server.reset(); }

}  // namespace sluice::net::testing
