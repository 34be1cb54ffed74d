// Opening, closing and reading of streams; stream_write.cpp has the other half.
#include "sluice/transport/stream.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "stream_impl.hpp"

namespace sluice::transport {
namespace {

// Reads one connection may make before others get their turn.
constexpr int reads_in_a_row = 4;
constexpr std::size_t secure_buffer_size = 32 * 1024;

}  // namespace

stream::stream(boost::asio::io_context& context, std::span<char> shared) : impl_(std::make_shared<impl>(context, shared)) {}

stream::~stream() {
  impl_->events = nullptr;
  impl_->shut();
}

void stream::listen(stream_events* to) { impl_->events = to; }

void stream::connect(endpoints to, tls_context* tls, const std::string& name) {
  impl_->addresses = std::move(to);
  impl_->next_address = 0;
  impl_->tls = tls;
  impl_->name = name;
  impl_->connect_next("no address");
}

void stream::adopt(tcp::socket accepted, tls_context* tls) {
  auto& s = *impl_;
  s.socket = std::move(accepted);
  error_code ec;
  s.socket.set_option(tcp::no_delay(true), ec);
  s.socket.non_blocking(true, ec);
  s.tls = tls;
  if (tls == nullptr) {
    s.open = true;
    return;
  }
  s.secure.emplace(s.socket, *tls);
  s.handshake(ssl::stream_base::server);
}

void stream::read(bool on) {
  impl_->want_read = on;
  if (on) impl_->arm_read();
}

void stream::write(std::string_view bytes) { impl_->write(bytes); }
std::size_t stream::queued() const { return impl_->queued(); }
void stream::finish_writing() { impl_->finish(); }
void stream::close() { impl_->shut(); }
bool stream::is_open() const { return impl_->open && !impl_->closed; }

void stream::impl::connect_next(std::string last_error) {
  if (next_address >= addresses.size()) return end_later(end_reason::refused, std::move(last_error));
  const auto to = addresses[next_address++];
  error_code ec;
  if (socket.is_open()) socket.close(ec);
  socket.open(to.protocol(), ec);
  if (ec) return end_later(end_reason::refused, ec.message());
  socket.set_option(tcp::no_delay(true), ec);
  socket.async_connect(to, [self = shared_from_this(), to](error_code failed) {
    if (self->closed) return;
    if (failed) {
      return self->connect_next(to.address().to_string() + ":" + std::to_string(to.port()) + ": " + failed.message());
    }
    error_code ignored;
    self->socket.non_blocking(true, ignored);
    if (self->tls == nullptr) return self->opened();
    self->secure.emplace(self->socket, *self->tls);
    // A literal address is checked against the certificate's addresses and is never sent as SNI (RFC 6066 3).
    error_code literal;
    boost::asio::ip::make_address(self->name, literal);
    if (literal) SSL_set_tlsext_host_name(self->secure->native_handle(), self->name.c_str());
    self->secure->set_verify_callback(ssl::host_name_verification(self->name), ignored);
    if (ignored) return self->end(end_reason::tls, ignored.message());
    self->handshake(ssl::stream_base::client);
  });
}

void stream::impl::handshake(ssl::stream_base::handshake_type side) {
  secure->async_handshake(side, [self = shared_from_this()](error_code failed) {
    if (self->closed) return;
    if (!failed) return self->opened();
    std::string detail = failed.message();
    if (const auto code = SSL_get_verify_result(self->secure->native_handle()); code != X509_V_OK) {
      detail = std::string("certificate refused: ") + X509_verify_cert_error_string(code);
    }
    self->end(end_reason::tls, std::move(detail));
  });
}

void stream::impl::opened() {
  open = true;
  if (events != nullptr) events->on_open();
  if (closed) return;
  arm_read();
  if (writing || queue_begin == queue.size()) return;
  if (secure) flush_secure();
  else flush_plain();
}

void stream::impl::end(end_reason why, std::string detail) {
  if (ended || closed) return;
  ended = true;
  if (events != nullptr) events->on_end(why, detail);
}

void stream::impl::end_later(end_reason why, std::string detail) {
  boost::asio::post(context, [self = shared_from_this(), why, detail = std::move(detail)]() mutable { self->end(why, std::move(detail)); });
}

void stream::impl::shut() {
  if (closed) return;
  closed = true;
  error_code ignored;
  if (socket.is_open()) socket.close(ignored);
}

void stream::impl::arm_read() {
  if (!open || closed || ended || reading || !want_read) return;
  reading = true;
  if (secure) return read_secure();
  socket.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
    self->reading = false;
    if (self->closed || ec == boost::asio::error::operation_aborted) return;
    if (ec) return self->end(end_reason::reset, ec.message());
    if (self->want_read) self->read_plain();
  });
}

void stream::impl::read_plain() {
  const int fd = socket.native_handle();
  for (int i = 0; i < reads_in_a_row && want_read && !closed; ++i) {
    const auto n = ::recv(fd, shared.data(), shared.size(), 0);
    if (n > 0) {
      if (events != nullptr) events->on_data({shared.data(), static_cast<std::size_t>(n)});
      if (static_cast<std::size_t>(n) < shared.size()) break;
    } else if (n == 0) {
      return end(end_reason::eof, "");
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) return end(end_reason::reset, std::strerror(errno));
      break;
    }
  }
  arm_read();
}

void stream::impl::read_secure() {
  if (secure_buffer.empty()) secure_buffer.resize(secure_buffer_size);
  secure->async_read_some(boost::asio::buffer(secure_buffer), [self = shared_from_this()](error_code ec, std::size_t n) {
    self->reading = false;
    if (self->closed || ec == boost::asio::error::operation_aborted) return;
    if (n > 0 && self->events != nullptr) self->events->on_data({self->secure_buffer.data(), n});
    if (self->closed) return;
    // A TLS stream that ends without close_notify may have been cut by somebody else: that is no orderly end.
    if (ec == boost::asio::error::eof) return self->end(end_reason::eof, "");
    if (ec) return self->end(end_reason::reset, ec.message());
    self->arm_read();
  });
}

}  // namespace sluice::transport
