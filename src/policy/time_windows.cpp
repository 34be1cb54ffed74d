// Windows of local hours, and which of them fit at once.
#include "time_windows.hpp"

#include <algorithm>

namespace sluice::policy {
namespace {

constexpr std::int64_t day_minutes = 24 * 60;

std::int64_t floored(std::int64_t value, std::int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

// 1970-01-01 was a Thursday; Monday is 0.
unsigned weekday(std::int64_t day) { return static_cast<unsigned>(((day + 3) % 7 + 7) % 7); }

}  // namespace

std::uint32_t time_windows::add(const time_window& window) {
  const auto known = std::ranges::find(windows_, window);
  if (known != windows_.end()) return static_cast<std::uint32_t>(known - windows_.begin());
  auto zone = std::ranges::find(zone_names_, window.zone);
  if (zone == zone_names_.end()) {
    zones_.push_back(text::zone_offsets(window.zone));
    zone_names_.push_back(window.zone);
    zone = zone_names_.end() - 1;
  }
  windows_.push_back(window);
  zone_of_.push_back(static_cast<std::size_t>(zone - zone_names_.begin()));
  return static_cast<std::uint32_t>(windows_.size() - 1);
}

std::int32_t time_windows::offset(std::size_t zone, std::int64_t minute) const {
  const auto& all = zones_[zone];
  const auto after = std::ranges::upper_bound(all, minute, {}, &text::zone_offset::from);
  return after == all.begin() ? 0 : std::prev(after)->minutes;
}

bool time_windows::fits(std::uint32_t window, std::int64_t minute) const {
  if (minute == context::no_time) return false;
  const time_window& w = windows_[window];
  const std::int64_t local = minute + offset(zone_of_[window], minute);
  const std::int64_t day = floored(local, day_minutes), at = local - day * day_minutes;
  const auto begins = [&](std::int64_t on) { return (w.days >> weekday(on) & 1) != 0; };
  if (w.from < w.to) return begins(day) && at >= w.from && at < w.to;
  return (begins(day) && at >= w.from) || (begins(day - 1) && at < w.to);
}

std::map<std::uint64_t, std::int64_t> time_windows::samples() const {
  constexpr std::int64_t first_day = 20'454, days = 2 * 366;  // from 2026-01-01
  std::map<std::uint64_t, std::int64_t> seen;
  const auto look = [&](std::int64_t minute) {
    std::uint64_t set = 0;
    for (std::uint32_t i = 0; i < windows_.size(); ++i) set |= static_cast<std::uint64_t>(fits(i, minute)) << i;
    seen.try_emplace(set, minute);
  };
  // Sets change only where a window begins or ends; an hour around it covers the days on which clocks are moved.
  for (std::uint32_t i = 0; i < windows_.size(); ++i) {
    for (std::int64_t day = first_day; day < first_day + days; ++day) {
      for (const std::int64_t edge : {std::int64_t{windows_[i].from}, std::int64_t{windows_[i].to}}) {
        const std::int64_t local = day * day_minutes + edge;
        const std::int64_t guess = local - offset(zone_of_[i], local);
        for (const std::int64_t shift : {-60, 0, 60}) look(guess + shift);
      }
    }
  }
  if (seen.empty()) seen.emplace(0, first_day * day_minutes);
  return seen;
}

std::vector<std::uint64_t> time_windows::combinations() const {
  std::vector<std::uint64_t> out;
  for (const auto& [set, minute] : samples()) out.push_back(set);
  return out;
}

std::optional<std::int64_t> common_minute(const time_window& a, const time_window& b) {
  time_windows both;
  const auto bits = 1ull << both.add(a) | 1ull << both.add(b);
  for (const auto& [set, minute] : both.samples()) {
    if ((set & bits) == bits) return minute;
  }
  return std::nullopt;
}

}  // namespace sluice::policy
