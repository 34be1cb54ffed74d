// See tls.hpp.
#include "sluice/transport/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace sluice::transport {
namespace {

constexpr unsigned char alpn[] = "\x08http/1.1";

// Servers pick HTTP/1.1 when it is offered; a client that offers only others goes on without ALPN and is judged by its
// bytes.
int pick_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                  unsigned int in_length, void*) {
  unsigned char* picked = nullptr;
  if (SSL_select_next_proto(&picked, out_length, alpn, sizeof(alpn) - 1, in, in_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = picked;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX* make(const SSL_METHOD* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  return context;
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* parsed = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(parsed);
  return parsed != nullptr;
}

}  // namespace

std::string take_tls_error(const char* fallback) {
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return fallback;
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : fallback;
}

tls_context::~tls_context() { SSL_CTX_free(context_); }

result<std::shared_ptr<tls_context>> tls_context::client(const std::string& ca_file) {
  std::shared_ptr<tls_context> made(new tls_context(make(TLS_client_method()), false));
  if (made->context_ == nullptr)
    return fail(errc::unavailable, "OpenSSL cannot make a TLS context: " + take_tls_error("out of memory"));
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(made->context_);
  } else if (SSL_CTX_load_verify_locations(made->context_, ca_file.c_str(), nullptr) != 1) {
    return fail(errc::io, ca_file + ": no PEM certificates to trust could be read (" + take_tls_error("unreadable") +
                              "); name a file of CA certificates");
  }
  SSL_CTX_set_verify(made->context_, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(made->context_, alpn, sizeof(alpn) - 1);
  ERR_clear_error();
  return made;
}

result<std::shared_ptr<tls_context>> tls_context::server(const std::string& certificate_file,
                                                         const std::string& key_file, const std::string& client_ca) {
  std::shared_ptr<tls_context> made(new tls_context(make(TLS_server_method()), true));
  auto* context = made->context_;
  if (context == nullptr)
    return fail(errc::unavailable, "OpenSSL cannot make a TLS context: " + take_tls_error("out of memory"));
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return fail(errc::io,
                certificate_file + ": no PEM certificate chain could be read (" + take_tls_error("unreadable") + ")");
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(errc::io, key_file + ": no PEM private key could be read (" + take_tls_error("unreadable") + ")");
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return fail(errc::invalid_argument,
                key_file + " is not the key of " + certificate_file + "; give the pair that belongs together");
  }
  if (!client_ca.empty()) {
    if (SSL_CTX_load_verify_locations(context, client_ca.c_str(), nullptr) != 1) {
      return fail(errc::io, client_ca + ": no PEM certificates of client authorities could be read (" +
                                take_tls_error("unreadable") + ")");
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(client_ca.c_str()));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  static constexpr unsigned char session_context[] = "sluice";
  SSL_CTX_set_session_id_context(context, session_context, sizeof(session_context) - 1);
  SSL_CTX_set_alpn_select_cb(context, pick_protocol, nullptr);
  ERR_clear_error();
  return made;
}

ssl_st* tls_context::session(const std::string& host) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  if (server_) {
    SSL_set_accept_state(ssl);
    return ssl;
  }
  SSL_set_connect_state(ssl);
  bool named = !host.empty();
  if (named && is_address(host)) {
    named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  } else if (named) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  }
  if (named) return ssl;
  SSL_free(ssl);
  return nullptr;
}

}  // namespace sluice::transport
