// What reports have in common as pages: nothing is loaded from elsewhere, no script runs, and they read on a telephone and on paper,
// light and dark.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::rollout {

// Until behind <body>; the page ends with html_end.
[[nodiscard]] std::string html_head(std::string_view title);
inline constexpr std::string_view html_end = "</body></html>\n";
[[nodiscard]] std::string escaped(std::string_view text);
// With one decimal.
[[nodiscard]] std::string number(double value);

struct bar {
  std::string name, label, title;
  double value = 0;          // the bar's length
  double bound = -1;         // where its interval ends; below 0: none
  double limit = -1;         // below 0: none
};
// Bars one below the other on one scale; "" without bars.
[[nodiscard]] std::string chart(const std::vector<bar>& bars, const std::string& caption);

}  // namespace sluice::rollout
