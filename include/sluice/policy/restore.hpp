// Puts values back where an answer holds the tokens of its exchange: behind the rules, which judge the model's own text, so that no
// rule takes away what the client said itself. A token that is not of the exchange stays as it is, and so does one inside of a URL.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/tokens.hpp"

namespace sluice::policy {

// One channel of a stream. What may still become a token is held, and nothing else; any cut of a text gives the same.
class restorer {
 public:
  explicit restorer(const token_map& known);
  ~restorer();
  restorer(restorer&&) noexcept;
  restorer& operator=(restorer&&) noexcept;

  void feed(std::string_view text, std::string& out);
  void finish(std::string& out);
  [[nodiscard]] std::size_t held_bytes() const;
  [[nodiscard]] std::uint32_t restored() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

// The same for a part in one piece: the edits that the rules made of it, and those that put values back in what they left.
// `restored` grows by the number of values.
[[nodiscard]] std::vector<edit> with_originals(std::uint32_t part, std::string_view text, std::span<const edit> made, const token_map& known,
                                               std::uint32_t& restored);

// True where a value may be put back: text that people read or tools take, and that can be edited.
[[nodiscard]] constexpr bool restorable(part_kind kind, bool editable) {
  return editable && kind != part_kind::annotation && kind != part_kind::error && kind != part_kind::name;
}

}  // namespace sluice::policy
