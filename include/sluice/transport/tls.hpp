// TLS settings, made once and shared by connections. TLS 1.2 and 1.3; a client always verifies the peer's chain and
// name.
#pragma once

#include <memory>
#include <string>

#include "sluice/base/result.hpp"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX
struct ssl_st;      // OpenSSL's SSL

namespace sluice::transport {

class tls_context {
 public:
  // `ca_file`: PEM certificates to trust instead of the system's; empty: the system's.
  [[nodiscard]] static result<std::shared_ptr<tls_context>> client(const std::string& ca_file);
  // `client_ca`: PEM certificates; not empty: clients must present a certificate that one of them signed.
  [[nodiscard]] static result<std::shared_ptr<tls_context>> server(const std::string& certificate_file,
                                                                   const std::string& key_file,
                                                                   const std::string& client_ca);
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  // A new session, client or server by the context's kind. For clients `host` is sent (SNI) and verified; it may be an
  // address. Null when OpenSSL is out of memory or the host is no name.
  [[nodiscard]] ssl_st* session(const std::string& host) const;
  [[nodiscard]] ssl_ctx_st* native() const { return context_; }

 private:
  tls_context(ssl_ctx_st* context, bool server) : context_(context), server_(server) {}
  ssl_ctx_st* context_;
  bool server_;
};

// The oldest error in OpenSSL's queue of this thread, as text; empties the queue. `fallback` when there is none.
[[nodiscard]] std::string take_tls_error(const char* fallback);

}  // namespace sluice::transport
