// See listen_options.hpp.
#include "listen_options.hpp"

namespace sluice::app {

net::server_config server_settings(const config& c, unsigned workers) {
  net::server_config out;
  out.address = c.listen.address;
  out.port = c.listen.port;
  out.tls_certificate = c.listen.tls.certificate;
  out.tls_key = c.listen.tls.key;
  out.tls_client_ca = c.listen.tls.client_ca;
  out.workers = workers;
  out.head_limits.head_bytes_max = c.limits.header_bytes;
  out.in_flight_max = c.limits.in_flight;
  out.client_connections_max = c.limits.client_connections;
  for (const auto& u : c.upstreams) {
    out.upstreams.push_back({.host = u.parsed.host, .port = u.parsed.port, .tls = u.parsed.tls, .ca_file = u.ca_file});
  }
  out.deadlines = c.deadlines;
  return out;
}

}  // namespace sluice::app
