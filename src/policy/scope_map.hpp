// From a context to the rules in force for it, composed when the snapshot is made. Each axis (region, tenant, tier, route,
// model) knows which of its values the bundle tells apart; values that no scope tells apart share a class. A context is one class
// an axis, and each combination that differs has its ruleset.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "program.hpp"
#include "sluice/policy/diagnostic.hpp"

namespace sluice::policy {

inline constexpr std::size_t axis_count = 5;

class scope_map {
 public:
  scope_map() = default;
  // Rulesets past this are refused: scopes that cross so much cannot be read by a person either.
  static constexpr std::size_t rulesets_max = 4096;
  [[nodiscard]] static scope_map compose(const bundle_ast& bundle, const std::shared_ptr<const program>& owner, diagnostics& found);

  [[nodiscard]] const ruleset& find(const context& who) const;

 private:
  struct string_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  struct axis {
    std::unordered_map<std::string, std::uint32_t, string_hash, std::equal_to<>> class_of;  // not listed: class 0
    std::uint32_t classes = 1;
  };
  std::array<axis, axis_count> axes_;
  std::vector<std::uint32_t> cell_;  // mixed radix over the classes → index into rulesets_
  std::vector<std::unique_ptr<const ruleset>> rulesets_;
};

}  // namespace sluice::policy
