// From a context to the rules in force for it, composed when the snapshot is made.
//
// The scopes of a bundle are conditions. What a context says (its tags, its region, tenant, tier, route and model, the hour) is taken
// one after the other: each says which conditions can still hold, and conditions that go on alike are one state. So the look-up is a
// walk over a few small tables, and what it costs in memory grows with what the policies tell apart, not with the contexts that come.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "program.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "time_windows.hpp"

namespace sluice::policy {

class scope_map {
 public:
  scope_map() = default;
  // Past these a bundle is refused: scopes that cross so much cannot be read by a person either.
  static constexpr std::size_t states_max = 65'536, tags_max = 64, windows_max = 64;
  static constexpr std::size_t rulesets_bytes_max = 128u << 20;
  [[nodiscard]] static scope_map compose(const bundle_ast& bundle, const std::shared_ptr<const program>& owner, diagnostics& found);

  // The same rules of a copy of the program in which some are demoted.
  [[nodiscard]] scope_map of_demoted(const std::shared_ptr<const program>& owner) const;

  [[nodiscard]] const ruleset& find(const context& who) const;
  // Whether some scope treats two values of an axis differently.
  [[nodiscard]] bool tells_apart(std::string context::*axis, std::string_view a, std::string_view b) const;
  [[nodiscard]] bool asks_for_tags() const { return !tag_of_.empty(); }
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  friend class composer;
  struct string_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using classes = std::unordered_map<std::string, std::uint32_t, string_hash, std::equal_to<>>;
  // What is known next: a class of `count`, from one state to the next.
  struct step {
    std::uint32_t count = 1;
    std::vector<std::uint32_t> next;  // by state * count + class
  };
  classes tag_of_;                     // a tag's number; not listed: nobody asks for it
  std::array<classes, scope_axes.size()> class_of_;  // not listed: class 0
  time_windows windows_;
  std::vector<step> tag_steps_, window_steps_;
  std::array<step, scope_axes.size()> axis_steps_;
  std::vector<std::unique_ptr<const ruleset>> rulesets_;  // by the last state, after `last_`
  std::vector<std::uint32_t> last_;
  std::size_t memory_bytes_ = 0;
  [[nodiscard]] std::uint32_t class_at(std::size_t axis, std::string_view value) const {
    const auto it = class_of_[axis].find(value);
    return it == class_of_[axis].end() ? 0 : it->second;
  }
};

}  // namespace sluice::policy
