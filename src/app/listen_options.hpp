// What the listener and the connections to upstreams are told of the configuration.
#pragma once

#include "config.hpp"
#include "sluice/net/server.hpp"

namespace sluice::app {

[[nodiscard]] net::server_config server_settings(const config& c, unsigned workers);

}  // namespace sluice::app
