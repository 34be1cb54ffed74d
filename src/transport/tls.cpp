// Building TLS contexts.
#include "sluice/transport/tls.hpp"

namespace sluice::transport {
namespace {

namespace ssl = boost::asio::ssl;
using made_context = result<std::unique_ptr<tls_context>>;

made_context make(ssl::context::method method) {
  // The library's throwing edge: OpenSSL could not allocate a context.
  std::unique_ptr<tls_context> context;
  try {
    context = std::make_unique<tls_context>(method);
  } catch (const boost::system::system_error& e) {
    return fail(errc::internal, std::string("TLS context: ") + e.what());
  }
  if (SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION) != 1) {
    return fail(errc::internal, "TLS context: TLS 1.2 is not available in this OpenSSL");
  }
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

}  // namespace

made_context make_client_tls(const std::string& ca_file) {
  auto context = make(ssl::context::tls_client);
  if (!context) return context;
  boost::system::error_code ec;
  (*context)->set_verify_mode(ssl::verify_peer, ec);
  if (ca_file.empty()) (*context)->set_default_verify_paths(ec);
  else (*context)->load_verify_file(ca_file, ec);
  if (ec) {
    return fail(errc::io, "cannot load certificate authorities" + (ca_file.empty() ? std::string() : " from " + ca_file) + ": " + ec.message());
  }
  return context;
}

made_context make_server_tls(const std::string& certificate_file, const std::string& key_file, const std::string& client_ca) {
  auto context = make(ssl::context::tls_server);
  if (!context) return context;
  boost::system::error_code ec;
  (*context)->use_certificate_chain_file(certificate_file, ec);
  if (ec) return fail(errc::io, "cannot load the certificate " + certificate_file + ": " + ec.message());
  (*context)->use_private_key_file(key_file, ssl::context::pem, ec);
  if (ec) return fail(errc::io, "cannot load the key " + key_file + ": " + ec.message());
  if (!client_ca.empty()) {
    (*context)->load_verify_file(client_ca, ec);
    if (!ec) (*context)->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, ec);
    if (ec) return fail(errc::io, "cannot load the client authorities " + client_ca + ": " + ec.message());
  }
  return context;
}

}  // namespace sluice::transport
