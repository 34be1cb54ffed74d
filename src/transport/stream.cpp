// A pending operation shares the stream's core, so that closing never waits. Waiting is Asio's, reading
// and writing are plain recv and send, because a proxy wants to know at once what the kernel took.
#include "sluice/transport/stream.hpp"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/post.hpp>

#include "tls_pipe.hpp"

namespace sluice::transport {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using wait = asio::socket_base::wait_type;

class stream::core : public std::enable_shared_from_this<stream::core> {
 public:
  core(event_loop& loop, stream_listener& listener)
      : loop_(loop), listener_(&listener), socket_(loop.io().get_executor()) {}
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  bool adopt(int descriptor, std::shared_ptr<const tls_context> tls);
  void connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host);
  void read_on();
  void watch_reset();
  bool write(std::string_view bytes);
  void shutdown_send();
  void close();
  [[nodiscard]] std::string peer_address() const;

  event_loop& loop_;
  stream_listener* listener_;  // null once closed
  asio::basic_stream_socket<tcp, asio::io_context::executor_type> socket_;
  std::unique_ptr<tls_pipe> tls_;
  std::string out_;  // what the kernel would not take, from out_begin_ on
  std::size_t out_begin_ = 0;
  std::uint64_t sent_ = 0;
  bool reading_ = false, read_armed_ = false, write_armed_ = false, established_ = false, broken_ = false,
       shut_ = false;

 private:
  struct pending {  // a connect or handshake that is under way
    std::vector<endpoint> where;
    std::size_t next = 0;
    std::shared_ptr<const tls_context> tls;
    std::string host;
    std::string last_error = "no address";
  };
  template <void (core::*Method)()>
  struct handler;
  template <void (core::*Method)()>
  void wait_for(wait what);

  void readable();
  void writable();
  void was_reset();
  void read_plain();
  void read_tls();
  [[nodiscard]] bool send_some(std::string_view bytes, std::size_t& taken);
  void try_next();
  void connected();
  void start_tls();
  void handshake();
  void ready();
  void fail_with(errc code, std::string what);
  void set_options();

  std::unique_ptr<pending> connecting_;
};

// A completion that keeps the core alive.
template <void (stream::core::*Method)()>
struct stream::core::handler {
  explicit handler(core& c) : target(c.shared_from_this()) {}
  void operator()(boost::system::error_code = {}) {
    // Closed meanwhile: nobody listens.
    if (target->listener_ != nullptr) (target.get()->*Method)();
  }
  std::shared_ptr<core> target;
};

template <void (stream::core::*Method)()>
void stream::core::wait_for(wait what) {
  socket_.async_wait(what, handler<Method>(*this));
}

void stream::core::set_options() {
  const int on = 1, idle_seconds = 60, interval_seconds = 15;
  const int fd = socket_.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // A peer that vanished without a word is noticed although long answers make long silences normal.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof(interval_seconds));
}

bool stream::core::adopt(int descriptor, std::shared_ptr<const tls_context> tls) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    ::close(descriptor);
    return false;
  }
  boost::system::error_code ec;
  socket_.assign(peer.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), descriptor, ec);
  if (ec) {
    ::close(descriptor);
    return false;
  }
  set_options();
  if (tls == nullptr) {
    established_ = true;
    return true;
  }
  connecting_ = std::make_unique<pending>();
  connecting_->tls = std::move(tls);
  asio::post(socket_.get_executor(), handler<&core::start_tls>(*this));
  return true;
}

void stream::core::connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host) {
  connecting_ = std::make_unique<pending>();
  connecting_->where = std::move(where);
  connecting_->tls = std::move(tls);
  connecting_->host = std::move(host);
  asio::post(socket_.get_executor(), handler<&core::try_next>(*this));
}

void stream::core::try_next() {
  while (connecting_->next < connecting_->where.size()) {
    const auto& to = connecting_->where[connecting_->next++];
    boost::system::error_code ec;
    socket_.close(ec);
    socket_.open(to.protocol(), ec);
    if (!ec) socket_.native_non_blocking(true, ec);
    if (ec) {
      connecting_->last_error = ec.message();
      continue;
    }
    set_options();
    if (::connect(socket_.native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0 || errno == EINPROGRESS) {
      return wait_for<&core::connected>(wait::wait_write);
    }
    connecting_->last_error = std::strerror(errno);
  }
  fail_with(errc::unavailable, "cannot connect: " + connecting_->last_error);
}

void stream::core::connected() {
  int failure = 0;
  socklen_t size = sizeof(failure);
  ::getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) {
    connecting_->last_error = std::strerror(failure);
    return try_next();
  }
  if (connecting_->tls != nullptr) return start_tls();
  ready();
}

void stream::core::start_tls() {
  auto* session = connecting_->tls->session(connecting_->host);
  if (session == nullptr)
    return fail_with(errc::integrity, "'" + connecting_->host + "' cannot be verified as a TLS name");
  tls_ = std::make_unique<tls_pipe>(connecting_->tls, session, socket_.native_handle());
  handshake();
}

void stream::core::handshake() {
  switch (tls_->handshake()) {
    case tls_pipe::status::ok:
      return ready();
    case tls_pipe::status::want_read:
      return wait_for<&core::handshake>(wait::wait_read);
    case tls_pipe::status::want_write:
      return wait_for<&core::handshake>(wait::wait_write);
    default:
      return fail_with(errc::integrity,
                       "TLS handshake: " + (tls_->reason().empty() ? "the peer closed" : tls_->reason()));
  }
}

void stream::core::ready() {
  connecting_.reset();
  established_ = true;
  listener_->on_connected();
}

void stream::core::read_on() {
  reading_ = true;
  if (read_armed_ || !established_ || broken_) return;
  read_armed_ = true;
  // Decrypted bytes may be waiting where no readiness event will tell of them.
  if (tls_ != nullptr) return asio::post(socket_.get_executor(), handler<&core::readable>(*this));
  wait_for<&core::readable>(wait::wait_read);
}

void stream::core::readable() {
  read_armed_ = false;
  if (!reading_ || broken_) return;
  tls_ != nullptr ? read_tls() : read_plain();
}

void stream::core::read_plain() {
  const auto buffer = loop_.read_buffer();
  // A bound, so that one fast peer does not keep the others waiting.
  for (int round = 0; round < 4; ++round) {
    const auto n = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return fail_with(errc::closed, std::strerror(errno));
    if (n == 0) {
      reading_ = false;
      return listener_->on_eof();
    }
    listener_->on_bytes({buffer.data(), static_cast<std::size_t>(n)});
    if (listener_ == nullptr || !reading_ || broken_) return;
    if (static_cast<std::size_t>(n) < buffer.size()) break;
  }
  if (read_armed_) return;
  read_armed_ = true;
  wait_for<&core::readable>(wait::wait_read);
}

void stream::core::read_tls() {
  const auto buffer = loop_.read_buffer();
  std::size_t got = 0;
  const auto status = tls_->read(buffer, got);
  if (got > 0) {
    listener_->on_bytes({buffer.data(), got});
    if (listener_ == nullptr || !reading_ || broken_) return;
  }
  switch (status) {
    case tls_pipe::status::ok:
      if (!read_armed_) {
        read_armed_ = true;
        asio::post(socket_.get_executor(), handler<&core::readable>(*this));
      }
      return;
    case tls_pipe::status::eof:
      reading_ = false;
      return listener_->on_eof();
    case tls_pipe::status::failed:
      return fail_with(errc::closed, tls_->reason());
    default:
      break;
  }
  if (read_armed_) return;
  read_armed_ = true;
  wait_for<&core::readable>(wait::wait_read);
}

void stream::core::watch_reset() { wait_for<&core::was_reset>(wait::wait_error); }

void stream::core::was_reset() {
  if (!broken_) fail_with(errc::closed, "the peer reset the connection");
}

// False: the connection is broken. `taken` may be less than all: the kernel's buffer is full.
bool stream::core::send_some(std::string_view bytes, std::size_t& taken) {
  taken = 0;
  if (tls_ != nullptr) {
    const auto status = tls_->write(bytes, taken);
    sent_ += taken;
    return status == tls_pipe::status::ok || status == tls_pipe::status::want_write ||
           status == tls_pipe::status::want_read;
  }
  while (taken < bytes.size()) {
    const auto n = ::send(socket_.native_handle(), bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    taken += static_cast<std::size_t>(n);
    sent_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

bool stream::core::write(std::string_view bytes) {
  if (broken_ || !established_ || shut_) return false;
  if (out_begin_ < out_.size()) {
    if (out_begin_ > out_.size() / 2) out_.erase(0, std::exchange(out_begin_, 0));
    out_ += bytes;
    return true;
  }
  std::size_t taken = 0;
  if (!send_some(bytes, taken)) return broken_ = true, false;
  if (taken == bytes.size()) return true;
  out_.assign(bytes.substr(taken));
  out_begin_ = 0;
  if (!std::exchange(write_armed_, true)) wait_for<&core::writable>(wait::wait_write);
  return true;
}

void stream::core::writable() {
  write_armed_ = false;
  if (broken_) return;
  std::size_t taken = 0;
  if (!send_some(std::string_view(out_).substr(out_begin_), taken))
    return fail_with(errc::closed, "the peer closed the connection");
  out_begin_ += taken;
  if (out_begin_ < out_.size()) {
    write_armed_ = true;
    return wait_for<&core::writable>(wait::wait_write);
  }
  std::string().swap(out_);
  out_begin_ = 0;
  listener_->on_drained();
}

void stream::core::shutdown_send() {
  if (shut_ || !socket_.is_open()) return;
  shut_ = true;
  if (tls_ != nullptr) tls_->close_notify();
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

void stream::core::close() {
  listener_ = nullptr;
  if (!socket_.is_open()) return;
  if (tls_ != nullptr && !shut_) tls_->close_notify();
  boost::system::error_code ec;
  socket_.close(ec);
  std::string().swap(out_);
  out_begin_ = 0;
}

void stream::core::fail_with(errc code, std::string what) {
  broken_ = true;
  reading_ = false;
  listener_->on_failed({code, std::move(what)});
}

std::string stream::core::peer_address() const {
  boost::system::error_code ec;
  const auto peer = socket_.remote_endpoint(ec);
  if (ec) return {};
  auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

stream::stream(event_loop& loop, stream_listener& listener) : core_(std::make_shared<core>(loop, listener)) {}
stream::~stream() { core_->close(); }
bool stream::adopt(int descriptor, std::shared_ptr<const tls_context> tls) {
  return core_->adopt(descriptor, std::move(tls));
}
void stream::connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host) {
  core_->connect(std::move(where), std::move(tls), std::move(host));
}
void stream::read_on() { core_->read_on(); }
void stream::read_off() { core_->reading_ = false; }
void stream::watch_reset() { core_->watch_reset(); }
bool stream::write(std::string_view bytes) { return core_->write(bytes); }
std::size_t stream::queued_bytes() const { return core_->out_.size() - core_->out_begin_; }
std::uint64_t stream::sent_bytes() const { return core_->sent_; }
void stream::shutdown_send() { core_->shutdown_send(); }
void stream::close() { core_->close(); }
bool stream::is_open() const { return core_->listener_ != nullptr && core_->socket_.is_open() && !core_->broken_; }
std::string stream::peer_address() const { return core_->peer_address(); }

}  // namespace sluice::transport
