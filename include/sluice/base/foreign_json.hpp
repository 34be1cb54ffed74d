// JSON that somebody else wrote (of Redis, of a port, of an archive, of a file): read within bounds, and its members by their type. Libraries walk
// a tree by recursion, to copy it as to write it, so that a text of enough brackets ends the process: such a text is none. Of any tree with the
// interface of nlohmann's, which no header may name; every text is read through here (tests/lint holds that).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/base/json_word.hpp"

namespace sluice {

// Records of ours are less than ten deep. A tree takes about ten times the bytes of its text.
struct json_bounds {
  std::size_t depth = 32;
  std::size_t bytes = std::size_t{16} << 20;
};
// A line of the audit log, which may hold both texts of an exchange, sealed.
inline constexpr json_bounds record_bounds{.bytes = std::size_t{128} << 20};

// A text that passes is perhaps no JSON; a text of JSON that passes is as deep as that at most.
[[nodiscard]] bool within(std::string_view text, const json_bounds& bounds);

// Discarded where it is no JSON, or leaves the bounds.
template <class Tree>
[[nodiscard]] Tree parse_bounded(std::string_view text, const json_bounds& bounds = {}) {
  return within(text, bounds) ? Tree::parse(text, nullptr, false) : Tree(Tree::value_t::discarded);
}

// A part of `of`; null where there is none.
template <class Tree>
[[nodiscard]] const Tree& member(const Tree& of, std::string_view name) {
  static const Tree none;
  const auto it = of.find(name);
  return it != of.end() ? *it : none;
}

// 0 where there is none, or it is negative, no integer or no number.
template <class Tree>
[[nodiscard]] std::uint64_t natural(const Tree& of, std::string_view name) {
  const auto& it = member(of, name);
  return it.is_number_unsigned() ? it.template get<std::uint64_t>() : 0;
}

template <class Tree>
[[nodiscard]] bool truth(const Tree& of, std::string_view name) {
  const auto& it = member(of, name);
  return it.is_boolean() && it.template get<bool>();
}

}  // namespace sluice
