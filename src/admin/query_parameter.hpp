// One parameter of a query, as it stands there.
#pragma once

#include <string_view>

namespace sluice::admin {

// "" where it is not there. What this API takes (names of log files and of dialects, numbers) needs no percent encoding.
[[nodiscard]] constexpr std::string_view parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto one = query.substr(0, end);
    if (one.starts_with(name) && one.size() > name.size() && one[name.size()] == '=') return one.substr(name.size() + 1);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return {};
}

}  // namespace sluice::admin
