// The message of a block in the reader's language. See block_terms in evaluate.hpp.
#include <algorithm>
#include <vector>

#include "sluice/base/strings.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t ranges_max = 32;

struct language_range {
  std::string tag;  // lower case
  std::uint32_t weight;  // thousandths
};

// "q=0.5" in thousandths; what cannot be read is no wish at all.
std::uint32_t weight_of(std::string_view parameter) {
  parameter = trim(parameter);
  if (parameter.empty()) return 1000;
  if (parameter.size() < 3 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') return 0;
  parameter.remove_prefix(2);
  if (parameter[0] == '1') return 1000;
  if (parameter[0] != '0') return 0;
  std::uint32_t out = 0, place = 100;
  for (std::size_t i = 2; i < parameter.size() && place > 0; ++i, place /= 10) {
    if (parameter[i] < '0' || parameter[i] > '9') return 0;
    out += place * static_cast<std::uint32_t>(parameter[i] - '0');
  }
  return out;
}

// In the reader's order of preference; equals as they stand.
std::vector<language_range> wishes_in(std::string_view field) {
  std::vector<language_range> out;
  while (!field.empty() && out.size() < ranges_max) {
    const auto comma = std::min(field.find(','), field.size());
    const auto item = field.substr(0, comma);
    field.remove_prefix(std::min(comma + 1, field.size()));
    const auto semicolon = std::min(item.find(';'), item.size());
    const auto weight = weight_of(item.substr(std::min(semicolon + 1, item.size())));
    const auto tag = lower(trim(item.substr(0, semicolon)));
    if (tag.empty() || weight == 0) continue;
    const auto at = std::ranges::find_if(out, [&](const language_range& other) { return other.weight < weight; });
    out.insert(at, {tag, weight});
  }
  return out;
}

}  // namespace

std::string_view block_terms::message_for(std::string_view accept_language) const {
  if (i18n == nullptr) return message;
  for (const auto& wish : wishes_in(accept_language)) {
    if (wish.tag == "*") break;
    // zh-hant-tw, zh-hant, zh; a subtag of one letter goes with the one behind it.
    for (std::string_view tag = wish.tag; !tag.empty();) {
      if (const auto found = i18n->find(std::string(tag)); found != i18n->end()) return found->second;
      const auto dash = tag.rfind('-');
      if (dash == std::string_view::npos) break;
      tag = tag.substr(0, dash);
      if (tag.size() >= 2 && tag[tag.size() - 2] == '-') tag.remove_suffix(2);
    }
  }
  return message;
}

}  // namespace sluice::policy
