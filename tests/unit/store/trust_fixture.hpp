// Keys of every role, nodes that trust them, and publishers that sign with them.
#pragma once

#include <optional>
#include <string>

#include "ring_fixture.hpp"
#include "sluice/store/trust.hpp"

namespace sluice::store::testing {

using crypto::signing_key;

inline constexpr auto build_role = static_cast<unsigned>(key_role::build), activate_role = static_cast<unsigned>(key_role::activate),
               safety_role = static_cast<unsigned>(key_role::safety);

inline trusted_key trusted(const std::string& name, const signing_key& key, unsigned roles, std::optional<wall_time> not_after = {}) {
  return {.name = name, .public_key = key.public_key(), .roles = roles, .not_after = not_after};
}

class trusting : public ring_agent {
 protected:
  agent_config strict(const std::string& node = "n1") {
    auto c = config(node);
    c.trust = {.keys = {trusted("ci", build_, build_role), trusted("ops", activate_, activate_role), trusted("controller", safety_, safety_role)}, .required = true};
    return c;
  }
  static signing_key copy_of(const signing_key& key) { return signing_key::from_pem(key.to_pem()).value(); }
  publisher signing(const signing_key& build, const signing_key& activate) {
    auto to = connect();
    to.sign_with(copy_of(build), copy_of(activate));
    return to;
  }
  head_record push_signed(const std::string& text, const signing_key& build, const signing_key& activate, const std::string& kind = "activate") {
    auto to = signing(build, activate);
    const auto version = to.stage(bundle_of(text)).value();
    return to.activate({.version = version, .kind = kind, .actor = "me", .note = ""}).value();
  }
  const signing_key build_ = signing_key::generate(), activate_ = signing_key::generate(), safety_ = signing_key::generate();
};

}  // namespace sluice::store::testing
