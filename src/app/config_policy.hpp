// The sections of sluice.yaml that say where rules come from and where values are kept: `policy` and `vault`. See config.hpp.
#pragma once

#include "config.hpp"
#include "config_reader.hpp"

namespace sluice::app {

// Complaints go to the section's reader. `vault` asks `out` for the secret, so it is read behind `secrets`.
void read_policy(section root, policy_config& out);
void read_vault(section root, config& out);

}  // namespace sluice::app
