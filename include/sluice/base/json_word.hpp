// A member of a JSON object as text: of any tree with the interface of nlohmann's, which no header may name.
#pragma once

#include <string>

namespace sluice {

// Empty where there is no such member, or it is no text.
template <class Tree>
[[nodiscard]] std::string word(const Tree& of, const char* name) {
  const auto it = of.find(name);
  return it != of.end() && it->is_string() ? it->template get<std::string>() : std::string();
}

}  // namespace sluice
