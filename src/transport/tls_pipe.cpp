// See tls_pipe.hpp.
#include "tls_pipe.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace sluice::transport {
namespace {

tls_socket& state_of(BIO* bio) { return *static_cast<tls_socket*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int size) {
  auto& s = state_of(bio);
  BIO_clear_retry_flags(bio);
  const auto n = ::recv(s.descriptor, into, static_cast<std::size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (n == 0) s.eof = true;
  return static_cast<int>(n);
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto n = ::send(state_of(bio).descriptor, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return state_of(bio).eof ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice socket");
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  return method;
}

}  // namespace

tls_pipe::tls_pipe(std::shared_ptr<const tls_context> context, ssl_st* session, int descriptor)
    : context_(std::move(context)), ssl_(session), socket_{descriptor} {
  BIO* bio = BIO_new(socket_method());
  BIO_set_data(bio, &socket_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_read_ahead(ssl_, 1);
}

tls_pipe::~tls_pipe() { SSL_free(ssl_); }

tls_pipe::status tls_pipe::translate(int returned) {
  const int saved_errno = errno;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      return status::want_read;
    case SSL_ERROR_WANT_WRITE:
      return status::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return status::eof;
    default:
      break;
  }
  broken_ = true;
  const long verified = SSL_get_verify_result(ssl_);
  if (!established_ && verified != X509_V_OK) {
    reason_ = std::string("the peer's certificate was not accepted: ") + X509_verify_cert_error_string(verified);
    ERR_clear_error();
  } else {
    reason_ = take_tls_error(saved_errno != 0 ? std::strerror(saved_errno) : "the connection closed");
  }
  return status::failed;
}

tls_pipe::status tls_pipe::handshake() {
  ERR_clear_error();
  errno = 0;
  const int n = SSL_do_handshake(ssl_);
  if (n != 1) return translate(n);
  established_ = true;
  return status::ok;
}

tls_pipe::status tls_pipe::read(std::span<char> into, std::size_t& got) {
  got = 0;
  while (got < into.size()) {
    ERR_clear_error();
    errno = 0;
    const int n =
        SSL_read(ssl_, into.data() + got, static_cast<int>(std::min<std::size_t>(into.size() - got, INT_MAX)));
    if (n <= 0) return translate(n);
    got += static_cast<std::size_t>(n);
  }
  return status::ok;
}

tls_pipe::status tls_pipe::write(std::string_view bytes, std::size_t& taken) {
  taken = 0;
  while (taken < bytes.size()) {
    ERR_clear_error();
    errno = 0;
    const int n =
        SSL_write(ssl_, bytes.data() + taken, static_cast<int>(std::min<std::size_t>(bytes.size() - taken, INT_MAX)));
    if (n <= 0) return translate(n);
    taken += static_cast<std::size_t>(n);
  }
  return status::ok;
}

void tls_pipe::close_notify() {
  if (!established_ || broken_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace sluice::transport
