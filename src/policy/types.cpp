// Names of the shared words.
#include "sluice/policy/types.hpp"

#include <array>

namespace sluice::policy {
namespace {

template <std::size_t N, class E>
std::string_view name_of(const std::array<std::string_view, N>& names, E value) {
  return names[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view to_string(action a) { 
  return name_of(std::to_array<std::string_view>({"allow", "flag", "tag", "append", "require_disclaimer", "inject_system", "rewrite",
                                                  "tokenize", "redact", "block"}),
                 a);
}
std::string_view to_string(enforcement e) { return name_of(std::to_array<std::string_view>({"off", "shadow", "enforce"}), e); }
std::string_view to_string(direction d) { return name_of(std::to_array<std::string_view>({"", "request", "response", "both"}), d); }
std::string_view to_string(role r) {
  return name_of(std::to_array<std::string_view>({"system", "developer", "user", "assistant", "tool"}), r);
}
std::string_view to_string(part_kind p) {
  return name_of(std::to_array<std::string_view>({"text", "reasoning", "refusal", "tool_definition", "tool_call", "tool_result", "attachment",
                                                  "annotation", "transcript", "error", "name"}),
                 p);
}
std::string_view to_string(verdict v) { return name_of(std::to_array<std::string_view>({"allow", "flag", "edit", "block"}), v); }

std::string to_string(activation a) { return std::to_string(a.epoch) + "-" + std::to_string(a.generation); }

}  // namespace sluice::policy
