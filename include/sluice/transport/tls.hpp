// TLS contexts: what is trusted as a client, what is shown as a server. TLS 1.2 and newer. Contexts are shared by a worker's
// streams and must outlive them.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "sluice/base/result.hpp"

namespace sluice::transport {

using tls_context = boost::asio::ssl::context;

// Verifies the server's chain against `ca_file` (PEM), or the system's authorities when it is empty.
[[nodiscard]] result<std::unique_ptr<tls_context>> make_client_tls(const std::string& ca_file);
// `client_ca` empty: clients show no certificate; otherwise they must show one it signed.
[[nodiscard]] result<std::unique_ptr<tls_context>> make_server_tls(const std::string& certificate_file, const std::string& key_file,
                                                                  const std::string& client_ca);

}  // namespace sluice::transport
