// What the gateway's configuration asks of the decision log, and what it keeps of the log outside of it.
#pragma once

#include <functional>
#include <string>

#include "config.hpp"
#include "sluice/audit/log.hpp"

namespace sluice::app {

struct log_identity {
  std::string master_secret, node, build;
  unsigned workers = 1;
};

// `elsewhere`: also takes the line of each checkpoint, on the log's thread; may be null.
[[nodiscard]] audit::log_config audit_settings(const config& settings, const log_identity& who, std::function<void(const std::string& line)> elsewhere);

// In the state directory, so that who can write the log alone cannot also write them:
// the public key of its checkpoints, for `sluice audit verify --key`,
[[nodiscard]] std::string checkpoint_key_file(const std::string& state_directory);
// and the newest checkpoint, for `sluice audit verify --anchor`.
[[nodiscard]] std::string checkpoint_file(const std::string& state_directory);

// Where the keys of kept text lie, and what seals and finds them.
[[nodiscard]] std::string text_key_directory(const std::string& state_directory);
[[nodiscard]] audit::text_keys text_keys_of(const std::string& key_directory, const std::string& master_secret);
// Of matched values, users and conversations.
[[nodiscard]] std::string audit_value_key(const std::string& master_secret);
[[nodiscard]] crypto::signing_key checkpoint_key(const std::string& master_secret);
[[nodiscard]] result<void> keep_checkpoint_key(const std::string& state_directory, const std::string& master_secret);

}  // namespace sluice::app
