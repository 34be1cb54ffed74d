// Names of the shared words.
#include "sluice/policy/types.hpp"

namespace sluice::policy {
namespace {

// `last`: the enum's last, so that a word that is missing does not compile.
template <auto last, std::size_t N>
std::string_view name_of(const std::array<std::string_view, N>& names, decltype(last) value) {
  static_assert(static_cast<std::size_t>(last) + 1 == N, "one word for each");
  const auto at = static_cast<std::size_t>(value);
  return at < N ? names[at] : std::string_view("?");
}

}  // namespace

std::string_view to_string(action a) { return static_cast<std::size_t>(a) < action_count ? traits_of(a).name : std::string_view("?"); }
std::string_view to_string(enforcement e) { return name_of<enforcement::enforce>(std::to_array<std::string_view>({"off", "shadow", "enforce"}), e); }
std::string_view to_string(direction d) { return name_of<direction::both>(std::to_array<std::string_view>({"", "request", "response", "both"}), d); }
std::string_view to_string(role r) {
  return name_of<role::tool>(std::to_array<std::string_view>({"system", "developer", "user", "assistant", "tool"}), r);
}
std::string_view to_string(part_kind p) {
  return name_of<part_kind::name>(std::to_array<std::string_view>({"text", "reasoning", "refusal", "tool_definition", "tool_call", "tool_result", "attachment",
                                                                   "annotation", "transcript", "error", "name"}),
                                  p);
}
std::string_view to_string(verdict v) { return name_of<verdict::block>(std::to_array<std::string_view>({"allow", "flag", "edit", "block"}), v); }

std::string to_string(activation a) { return std::to_string(a.epoch) + "-" + std::to_string(a.generation); }

}  // namespace sluice::policy
