// See media_type.hpp.
#include "sluice/http/media_type.hpp"

#include <algorithm>

#include "sluice/base/strings.hpp"

namespace sluice::http {

media_type parse_media_type(std::string_view text) {
  const auto end = std::min(text.find(';'), text.size());
  return {trim(text.substr(0, end)), text.substr(end)};
}

namespace {

constexpr std::string_view utf8_names[] = {"utf-8", "utf8", "us-ascii", "ascii"};
constexpr std::string_view latin_names[] = {"iso-8859-1", "latin1", "windows-1252"};

template <class Fits>
bool every_charset(const media_type& of, Fits&& fits) {
  constexpr std::string_view name = "charset";
  for (auto rest = of.parameters; !rest.empty();) {
    rest.remove_prefix(1);  // ';'
    const auto one = trim(rest.substr(0, rest.find(';')));
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    const auto equals = std::min(one.find('='), one.size());
    if (!iequals(trim(one.substr(0, equals)), name)) continue;
    auto value = trim(one.substr(std::min(equals + 1, one.size())));
    if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (!fits(value)) return false;
  }
  return true;
}

template <std::size_t N>
bool one_of(std::string_view value, const std::string_view (&names)[N]) {
  return std::ranges::any_of(names, [&](std::string_view name) { return iequals(value, name); });
}

}  // namespace

bool is_utf8(const media_type& of) {
  return every_charset(of, [](std::string_view value) { return one_of(value, utf8_names); });
}

bool spells_ascii(const media_type& of) {
  return every_charset(of, [](std::string_view value) { return one_of(value, utf8_names) || one_of(value, latin_names); });
}

}  // namespace sluice::http
