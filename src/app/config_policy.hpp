// The sections of sluice.yaml that say where rules come from and where values are kept: `policy`, `vault` and `ledger`. See config.hpp.
#pragma once

#include "config.hpp"
#include "config_reader.hpp"

namespace sluice::app {

// Complaints go to the section's reader. `vault` and `ledger` ask `out` for the secret, and `ledger`
// for `unreadable`: they are read behind those.
void read_policy(section root, policy_config& out);
void read_vault(section root, config& out);
void read_ledger(section root, config& out);

}  // namespace sluice::app
