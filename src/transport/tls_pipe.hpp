// OpenSSL on a non-blocking socket of ours: no memory BIOs, no copies between them, no SIGPIPE.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sluice/transport/tls.hpp"

namespace sluice::transport {

// What OpenSSL's BIO sees of the socket: where to read, and whether the peer's end was seen (OpenSSL asks).
struct tls_socket {
  int descriptor;
  bool eof = false;
};

class tls_pipe {
 public:
  enum class status : std::uint8_t { ok, want_read, want_write, eof, failed };

  tls_pipe(std::shared_ptr<const tls_context> context, ssl_st* session, int descriptor);
  ~tls_pipe();
  tls_pipe(const tls_pipe&) = delete;
  tls_pipe& operator=(const tls_pipe&) = delete;

  [[nodiscard]] status handshake();
  // Fills `into` as far as decrypted bytes are at hand; `got` may be > 0 with any status.
  [[nodiscard]] status read(std::span<char> into, std::size_t& got);
  [[nodiscard]] status write(std::string_view bytes, std::size_t& taken);
  void close_notify();
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  [[nodiscard]] status translate(int returned);
  std::shared_ptr<const tls_context> context_;
  ssl_st* ssl_;
  tls_socket socket_;
  std::string reason_;
  bool established_ = false, broken_ = false;
};

}  // namespace sluice::transport
