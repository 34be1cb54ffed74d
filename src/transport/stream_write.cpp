// Writing: straight to the socket while it takes bytes, a queue for the rest.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "stream_impl.hpp"

namespace sluice::transport {

void stream::impl::write(std::string_view bytes) {
  if (closed || write_failed || finishing || bytes.empty()) return;
  if (secure || !open || writing) {
    queue.append(bytes);
    if (open && secure) flush_secure();
    return;
  }
  while (!bytes.empty()) {
    const auto n = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      queue.append(bytes);
      return flush_plain();
    } else if (errno != EINTR) {
      return write_lost(std::strerror(errno));
    }
  }
}

// A peer that resets may have sent a last word: while reading is on, the read side finds it and then the end.
void stream::impl::write_lost(const std::string& why) {
  write_failed = true;
  queue.clear();
  queue_begin = 0;
  if (!want_read) end_later(end_reason::reset, why);
}

void stream::impl::flush_plain() {
  writing = true;
  socket.async_wait(tcp::socket::wait_write, [self = shared_from_this()](error_code ec) {
    auto& s = *self;
    s.writing = false;
    if (s.closed || ec == boost::asio::error::operation_aborted) return;
    if (ec) return s.write_lost(ec.message());
    while (s.queue_begin < s.queue.size()) {
      const auto n = ::send(s.socket.native_handle(), s.queue.data() + s.queue_begin, s.queue.size() - s.queue_begin, MSG_NOSIGNAL);
      if (n >= 0) {
        s.queue_begin += static_cast<std::size_t>(n);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return s.flush_plain();
      } else if (errno != EINTR) {
        return s.write_lost(std::strerror(errno));
      }
    }
    s.drained();
  });
}

void stream::impl::flush_secure() {
  if (writing || queue_begin == queue.size()) return;
  writing = true;
  sending.swap(queue);
  queue.clear();
  queue_begin = 0;
  boost::asio::async_write(*secure, boost::asio::buffer(sending), [self = shared_from_this()](error_code ec, std::size_t) {
    auto& s = *self;
    s.writing = false;
    s.sending.clear();
    if (s.closed || ec == boost::asio::error::operation_aborted) return;
    if (ec) return s.write_lost(ec.message());
    if (!s.queue.empty()) return s.flush_secure();
    s.drained();
  });
}

void stream::impl::drained() {
  queue.clear();
  queue_begin = 0;
  if (finishing) {
    finishing = false;
    return finish();
  }
  if (events != nullptr) events->on_drained();
}

void stream::impl::finish() {
  if (closed || finishing || finished) return;
  finishing = true;
  if (writing || !open) return;  // drained() comes back
  finished = true;
  error_code ignored;
  if (secure) {
    // close_notify goes out if the socket takes it now; nobody waits for the peer's.
    SSL_set_quiet_shutdown(secure->native_handle(), 0);
    secure->async_shutdown([self = shared_from_this()](error_code) {
      error_code late;
      if (!self->closed) self->socket.shutdown(tcp::socket::shutdown_send, late);
    });
    return;
  }
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

}  // namespace sluice::transport
