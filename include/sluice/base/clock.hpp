// Time is handed in. Only src/base/clock.cpp reads a clock; proxy and policy are given `instant` values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice {

using mono_time = std::chrono::steady_clock::time_point;
using wall_time = std::chrono::sys_time<std::chrono::microseconds>;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct instant {
  mono_time mono;  // for durations and deadlines
  wall_time wall;  // for records; never for ordering
};

[[nodiscard]] instant now();
[[nodiscard]] mono_time mono_now();

// Whole minutes since 1970 in UTC.
[[nodiscard]] constexpr std::int64_t minute_of(wall_time t) { return std::chrono::floor<std::chrono::minutes>(t.time_since_epoch()).count(); }

// RFC 3339 in UTC with microseconds: 2026-12-01T12:00:00.000000Z
[[nodiscard]] std::string rfc3339(wall_time t);
void append_rfc3339(std::string& out, wall_time t);
// Accepts RFC 3339 with any offset, a date alone (midnight UTC), and an optional fraction.
[[nodiscard]] result<wall_time> parse_time(std::string_view text);
// "250ms", "5s", "15m", "24h", "30d".
[[nodiscard]] result<milliseconds> parse_duration(std::string_view text);
// "64MiB", "32KiB", "1GiB", "500".
[[nodiscard]] result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace sluice
