// What the vault writes into Redis: names that are keyed hashes, and sealed entries that open in their own place only. Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/policy/tokens.hpp"

namespace sluice::store {

class vault_entries {
 public:
  vault_entries(const std::string& ring, const crypto::digest& secret);

  // The Redis key of a conversation; a tenant's name is led by its length, so that no two pairs read alike.
  [[nodiscard]] std::string name_of(std::string_view tenant, std::string_view conversation) const;
  // The place of a token in it.
  [[nodiscard]] std::string field_of(std::string_view name, std::string_view token) const;
  // The end of an entry's time is inside of the seal: who holds Redis cannot make it last.
  [[nodiscard]] std::string sealed(std::string_view name, std::string_view field, const policy::kept_value& what, wall_time now) const;
  // `ttl` is what is left, 0 when its time is over. Nothing: of another secret, from another place, or altered.
  [[nodiscard]] std::optional<policy::kept_value> opened(std::string_view name, std::string_view field, std::string_view bytes, wall_time now) const;

 private:
  std::string base_, name_key_;
  crypto::digest value_key_;
};

}  // namespace sluice::store
