// See media_type.hpp.
#include "sluice/http/media_type.hpp"

#include <algorithm>

#include "sluice/base/strings.hpp"

namespace sluice::http {

media_type parse_media_type(std::string_view text) {
  const auto end = std::min(text.find(';'), text.size());
  return {trim(text.substr(0, end)), text.substr(end)};
}

bool is_utf8(const media_type& of) {
  constexpr std::string_view name = "charset";
  for (auto rest = of.parameters; !rest.empty();) {
    rest.remove_prefix(1);  // ';'
    const auto one = trim(rest.substr(0, rest.find(';')));
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    const auto equals = std::min(one.find('='), one.size());
    if (!iequals(trim(one.substr(0, equals)), name)) continue;
    auto value = trim(one.substr(std::min(equals + 1, one.size())));
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (!iequals(value, "utf-8") && !iequals(value, "utf8") && !iequals(value, "us-ascii") && !iequals(value, "ascii")) return false;
  }
  return true;
}

}  // namespace sluice::http
