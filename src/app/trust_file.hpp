// policy.trust.keys_file: whose signatures a node counts, as an operator writes it.
#pragma once

#include <string>
#include <string_view>

#include "config.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/store/trust.hpp"

namespace sluice::app {

// Every mistake at once, each with its line.
[[nodiscard]] std::vector<store::trusted_key> read_trusted_keys(const std::string& file, std::string_view bytes, policy::diagnostics& found);
// What the configuration trusts: the keys of its file, and what is demanded. Nothing is trusted without a file.
[[nodiscard]] result<store::trust> read_trust(const policy_config& from);
// An entry of that file.
[[nodiscard]] std::string trusted_key_text(const store::trusted_key& key);

struct role_name {
  std::string_view name;
  store::key_role role;
};
inline constexpr role_name role_names[] = {{"build", store::key_role::build}, {"activate", store::key_role::activate}, {"safety", store::key_role::safety}, {"approve", store::key_role::approve}};

}  // namespace sluice::app
