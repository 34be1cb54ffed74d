// Readiness is the event loop's; reading and writing are plain recv and send, because a proxy wants to know at once what the
// kernel took. The loop holds the core while it calls it, so that a listener may destroy its stream.
#include "sluice/transport/stream.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include "tls_pipe.hpp"

namespace sluice::transport {
namespace asio = boost::asio;

class stream::core final : public std::enable_shared_from_this<stream::core>, public readiness::watcher {
 public:
  core(event_loop& loop, stream_listener& listener) : loop_(loop), listener_(&listener) {}
  ~core() { close_descriptor(); }
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  bool adopt(int descriptor, std::shared_ptr<const tls_context> tls);
  void connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host, milliseconds within);
  void read_on();
  void watch_reset();
  bool write(std::string_view bytes);
  void shutdown_send();
  void close();
  [[nodiscard]] std::string peer_address() const;
  [[nodiscard]] std::optional<std::uint64_t> acknowledged_bytes() const;
  void on_ready(std::uint32_t events) override;

  event_loop& loop_;
  stream_listener* listener_;  // null once closed
  int descriptor_ = -1;
  std::unique_ptr<tls_pipe> tls_;
  std::string out_;  // what the kernel would not take, from out_begin_ on
  std::size_t out_begin_ = 0;
  std::uint64_t sent_ = 0;
  bool reading_ = false, broken_ = false;

 private:
  enum class phase : std::uint8_t { unconnected, connecting, handshaking, established };
  struct pending {  // a connect or handshake that is under way
    explicit pending(core* of) : patience(deadline_of<&core::no_answer>(of)) {}
    timer_wheel::entry patience;  // with the endpoint at hand, while there are others
    milliseconds share{0};
    std::vector<endpoint> where;
    std::size_t next = 0;
    std::shared_ptr<const tls_context> tls;
    std::string host;
    std::string last_error = "no address";
  };

  void readable();
  void writable();
  void read_plain();
  void read_tls();
  [[nodiscard]] bool send_some(std::string_view bytes, std::size_t& taken);
  void try_next();
  void no_answer();
  void connected();
  void start_tls();
  void handshake();
  void ready();
  void fail_with(errc code, std::string what);
  void set_options();
  void close_descriptor();

  readiness::ticket ticket_ = readiness::none;
  phase phase_ = phase::unconnected;
  // What edges told and was not yet used up: bytes or an end to read; the peer's end; a reset.
  bool readable_ = false, ending_ = false, reset_ = false;
  bool watching_reset_ = false, in_read_ = false, shut_ = false;
  std::unique_ptr<pending> connecting_;
};

void stream::core::set_options() {
  const int on = 1, idle_seconds = 60, interval_seconds = 15;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  // A peer that vanished without a word is noticed although long answers make long silences normal.
  ::setsockopt(descriptor_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof(interval_seconds));
}

void stream::core::close_descriptor() {
  if (descriptor_ < 0) return;
  if (ticket_ != readiness::none) loop_.sockets().remove(std::exchange(ticket_, readiness::none), descriptor_);
  ::close(std::exchange(descriptor_, -1));
}

void stream::core::on_ready(std::uint32_t events) {
  if (listener_ == nullptr || broken_) return;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ending_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) reset_ = true;
  switch (phase_) {
    case phase::unconnected:
      return;
    case phase::connecting:
      if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) connected();
      return;
    case phase::handshaking:
      return handshake();
    case phase::established:
      break;
  }
  // TLS may want to read before it can write.
  if (out_begin_ < out_.size() && ((events & EPOLLOUT) != 0 || tls_ != nullptr)) writable();
  if (listener_ == nullptr || broken_) return;
  if (reading_ && readable_) return readable();
  if (watching_reset_ && reset_) fail_with(errc::closed, "the peer reset the connection");
}

bool stream::core::adopt(int descriptor, std::shared_ptr<const tls_context> tls) {
  descriptor_ = descriptor;
  if (peer_address().empty()) return close_descriptor(), false;  // gone already
  set_options();
  if (tls == nullptr) {
    phase_ = phase::established;
  } else {
    connecting_ = std::make_unique<pending>(this);
    connecting_->tls = std::move(tls);
    auto* session = connecting_->tls->session({});
    if (session == nullptr) return close_descriptor(), false;
    tls_ = std::make_unique<tls_pipe>(connecting_->tls, session, descriptor_);
    phase_ = phase::handshaking;  // the first edge, that it can be written, starts it
  }
  ticket_ = loop_.sockets().add(descriptor_, shared_from_this());
  if (ticket_ == readiness::none) close_descriptor();
  return ticket_ != readiness::none;
}

void stream::core::connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host, milliseconds within) {
  connecting_ = std::make_unique<pending>(this);
  if (!where.empty()) connecting_->share = within / static_cast<int>(where.size());
  connecting_->where = std::move(where);
  connecting_->tls = std::move(tls);
  connecting_->host = std::move(host);
  asio::post(loop_.io(), [self = shared_from_this()] {
    if (self->listener_ != nullptr) self->try_next();
  });
}

void stream::core::try_next() {
  while (connecting_->next < connecting_->where.size()) {
    const auto& to = connecting_->where[connecting_->next++];
    close_descriptor();
    readable_ = ending_ = reset_ = false;
    descriptor_ = ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor_ < 0) {
      connecting_->last_error = std::strerror(errno);
      continue;
    }
    set_options();
    phase_ = phase::connecting;
    if (::connect(descriptor_, to.data(), static_cast<socklen_t>(to.size())) == 0 || errno == EINPROGRESS) {
      ticket_ = loop_.sockets().add(descriptor_, shared_from_this());
      if (ticket_ != readiness::none) {
        const bool last = connecting_->next == connecting_->where.size();
        last ? loop_.wheel().disarm(connecting_->patience) : loop_.wheel().arm(connecting_->patience, connecting_->share, mono_now());
        return;
      }
    }
    connecting_->last_error = std::strerror(errno);
  }
  fail_with(errc::unavailable, "cannot connect: " + connecting_->last_error);
}

void stream::core::no_answer() {
  if (listener_ == nullptr || broken_ || phase_ != phase::connecting) return;
  connecting_->last_error = "no answer in its share of the time";
  try_next();
}

void stream::core::connected() {
  int failure = 0;
  socklen_t size = sizeof(failure);
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) {
    connecting_->last_error = std::strerror(failure);
    return try_next();
  }
  loop_.wheel().disarm(connecting_->patience);
  if (connecting_->tls != nullptr) return start_tls();
  ready();
}

void stream::core::start_tls() {
  auto* session = connecting_->tls->session(connecting_->host);
  if (session == nullptr)
    return fail_with(errc::integrity, "'" + connecting_->host + "' cannot be verified as a TLS name");
  tls_ = std::make_unique<tls_pipe>(connecting_->tls, session, descriptor_);
  phase_ = phase::handshaking;
  handshake();
}

void stream::core::handshake() {
  switch (tls_->handshake()) {
    case tls_pipe::status::ok:
      readable_ = true;  // what came behind the handshake may be decrypted already: no edge tells of it
      return ready();
    case tls_pipe::status::want_read:
    case tls_pipe::status::want_write:
      return;
    default:
      return fail_with(errc::integrity,
                       "TLS handshake: " + (tls_->reason().empty() ? "the peer closed" : tls_->reason()));
  }
}

void stream::core::ready() {
  connecting_.reset();
  phase_ = phase::established;
  listener_->on_connected();
}

void stream::core::read_on() {
  reading_ = true;
  // An edge that came while nobody read is not told again.
  if (phase_ == phase::established && !broken_ && readable_ && !in_read_) loop_.sockets().again(ticket_);
}

void stream::core::readable() {
  in_read_ = true;
  tls_ != nullptr ? read_tls() : read_plain();
  in_read_ = false;
  if (listener_ != nullptr && reading_ && readable_ && !broken_) loop_.sockets().again(ticket_);
}

void stream::core::read_plain() {
  const auto buffer = loop_.read_buffer();
  // A bound, so that one fast peer does not keep the others waiting.
  for (int round = 0; round < 4 && readable_; ++round) {
    const auto n = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      readable_ = false;
      return;
    }
    if (n < 0) return fail_with(errc::closed, std::strerror(errno));
    if (n == 0) {
      reading_ = false;
      return listener_->on_eof();
    }
    // Less than there was room for is all there was, unless an end follows; whatever comes later is another edge.
    if (static_cast<std::size_t>(n) < buffer.size() && !ending_) readable_ = false;
    listener_->on_bytes({buffer.data(), static_cast<std::size_t>(n)});
    if (listener_ == nullptr || !reading_ || broken_) return;
  }
}

void stream::core::read_tls() {
  const auto buffer = loop_.read_buffer();
  std::size_t got = 0;
  const auto status = tls_->read(buffer, got);
  if (got > 0) {
    if (status == tls_pipe::status::want_read) readable_ = false;
    listener_->on_bytes({buffer.data(), got});
    if (listener_ == nullptr || !reading_ || broken_) return;
  }
  switch (status) {
    case tls_pipe::status::ok:
      return;  // more may be there
    case tls_pipe::status::eof:
      reading_ = false;
      return listener_->on_eof();
    case tls_pipe::status::failed:
      return fail_with(errc::closed, tls_->reason());
    default:
      readable_ = false;
  }
}

void stream::core::watch_reset() {
  watching_reset_ = true;
  if (reset_) loop_.sockets().again(ticket_);
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
    const auto n = ::send(descriptor_, bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN;
    taken += static_cast<std::size_t>(n);
    sent_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

bool stream::core::write(std::string_view bytes) {
  if (broken_ || phase_ != phase::established || shut_) return false;
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
  return true;
}

void stream::core::writable() {
  std::size_t taken = 0;
  if (!send_some(std::string_view(out_).substr(out_begin_), taken))
    return fail_with(errc::closed, "the peer closed the connection");
  out_begin_ += taken;
  if (out_begin_ < out_.size()) return;
  std::string().swap(out_);
  out_begin_ = 0;
  listener_->on_drained();
}

void stream::core::shutdown_send() {
  if (shut_ || descriptor_ < 0) return;
  shut_ = true;
  if (tls_ != nullptr) tls_->close_notify();
  ::shutdown(descriptor_, SHUT_WR);
}

void stream::core::close() {
  listener_ = nullptr;
  if (descriptor_ < 0) return;
  if (tls_ != nullptr && !shut_) tls_->close_notify();
  close_descriptor();
  std::string().swap(out_);
  out_begin_ = 0;
}

void stream::core::fail_with(errc code, std::string what) {
  broken_ = true;
  reading_ = false;
  listener_->on_failed({code, std::move(what)});
}

std::string stream::core::peer_address() const {
  endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (::getpeername(descriptor_, peer.data(), &size) != 0) return {};
  peer.resize(size);
  const auto address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

std::optional<std::uint64_t> stream::core::acknowledged_bytes() const {
  // tcpi_bytes_acked of linux/tcp.h; the C library's own tcp_info may end before it.
  constexpr std::size_t offset = 120;
  std::array<char, offset + sizeof(std::uint64_t)> info{};
  auto size = static_cast<socklen_t>(info.size());
  if (::getsockopt(descriptor_, IPPROTO_TCP, TCP_INFO, info.data(), &size) != 0 || size < info.size()) return std::nullopt;
  std::uint64_t out = 0;
  std::memcpy(&out, info.data() + offset, sizeof out);
  return out;
}

stream::stream(event_loop& loop, stream_listener& listener) : core_(std::make_shared<core>(loop, listener)) {}
stream::~stream() { core_->close(); }
bool stream::adopt(int descriptor, std::shared_ptr<const tls_context> tls) {
  return core_->adopt(descriptor, std::move(tls));
}
void stream::connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host, milliseconds within) {
  core_->connect(std::move(where), std::move(tls), std::move(host), within);
}
void stream::read_on() { core_->read_on(); }
void stream::read_off() { core_->reading_ = false; }
void stream::watch_reset() { core_->watch_reset(); }
bool stream::write(std::string_view bytes) { return core_->write(bytes); }
std::size_t stream::queued_bytes() const { return core_->out_.size() - core_->out_begin_; }
std::uint64_t stream::sent_bytes() const { return core_->sent_; }
std::optional<std::uint64_t> stream::acknowledged_bytes() const { return core_->acknowledged_bytes(); }
void stream::shutdown_send() { core_->shutdown_send(); }
void stream::close() { core_->close(); }
bool stream::is_open() const { return core_->listener_ != nullptr && core_->descriptor_ >= 0 && !core_->broken_; }
std::string stream::peer_address() const { return core_->peer_address(); }

}  // namespace sluice::transport
