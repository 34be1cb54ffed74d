// Local hours against a point in time. The data plane has no clock: the minute is handed in with the context.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/text/time_zone.hpp"

namespace sluice::policy {

// Some windows with the clocks of their zones.
class time_windows {
 public:
  // The window's number; the same for an equal one.
  std::uint32_t add(const time_window& window);
  [[nodiscard]] std::size_t size() const { return windows_.size(); }
  [[nodiscard]] bool fits(std::uint32_t window, std::int64_t minute) const;
  // Which windows fit at once, at any time of some years: the sets that there are, one bit a window. At most 64 windows.
  [[nodiscard]] std::vector<std::uint64_t> combinations() const;
  // The same with a minute of each.
  [[nodiscard]] std::map<std::uint64_t, std::int64_t> samples() const;
  [[nodiscard]] const time_window& window(std::uint32_t at) const { return windows_[at]; }

 private:
  [[nodiscard]] std::int32_t offset(std::size_t zone, std::int64_t minute) const;
  std::vector<time_window> windows_;
  std::vector<std::size_t> zone_of_;
  std::vector<std::string> zone_names_;
  std::vector<std::vector<text::zone_offset>> zones_;
};

// A minute in which both fit; none: they never do.
[[nodiscard]] std::optional<std::int64_t> common_minute(const time_window& a, const time_window& b);

}  // namespace sluice::policy
