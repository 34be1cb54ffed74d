// The one place that reads clocks, and the text forms of time and size.
#include "sluice/base/clock.hpp"

#include <array>
#include <ctime>

#include "sluice/base/cpu_time.hpp"

namespace sluice {

mono_time mono_now() { return std::chrono::steady_clock::now(); }

std::chrono::nanoseconds thread_cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

instant now() {
  return {mono_now(), std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now())};
}

// Written by hand, because every record and every log line has one.
void append_rfc3339(std::string& out, wall_time t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(t - day);
  std::array<char, 27> text{};
  std::size_t at = 0;
  const auto put = [&](std::uint64_t value, std::size_t digits, char after) {
    for (std::size_t i = digits; i-- > 0; value /= 10) text[at + i] = static_cast<char>('0' + value % 10);
    at += digits;
    text[at++] = after;
  };
  put(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4, '-');
  put(static_cast<unsigned>(date.month()), 2, '-');
  put(static_cast<unsigned>(date.day()), 2, 'T');
  put(static_cast<std::uint64_t>(clock.hours().count()), 2, ':');
  put(static_cast<std::uint64_t>(clock.minutes().count()), 2, ':');
  put(static_cast<std::uint64_t>(clock.seconds().count()), 2, '.');
  put(static_cast<std::uint64_t>(clock.subseconds().count()), 6, 'Z');
  out.append(text.data(), at);
}

std::string rfc3339(wall_time t) {
  std::string out;
  append_rfc3339(out, t);
  return out;
}

namespace {

// Reads exactly `n` digits.
bool digits(std::string_view& in, int n, int& out) {
  if (in.size() < static_cast<std::size_t>(n)) return false;
  out = 0;
  for (int i = 0; i < n; ++i) {
    if (in[static_cast<std::size_t>(i)] < '0' || in[static_cast<std::size_t>(i)] > '9') return false;
    out = out * 10 + (in[static_cast<std::size_t>(i)] - '0');
  }
  in.remove_prefix(static_cast<std::size_t>(n));
  return true;
}

bool take(std::string_view& in, char c) {
  if (in.empty() || in[0] != c) return false;
  in.remove_prefix(1);
  return true;
}

bool time_of_day(std::string_view& in, wall_time& t) {
  int h = 0, m = 0, s = 0;
  if (!digits(in, 2, h) || !take(in, ':') || !digits(in, 2, m) || h > 23 || m > 59) return false;
  if (take(in, ':') && (!digits(in, 2, s) || s > 60)) return false;
  t += std::chrono::hours(h) + std::chrono::minutes(m) + seconds(s);
  if (take(in, '.')) {
    std::int64_t scale = 100'000;
    bool any = false;
    for (; !in.empty() && in[0] >= '0' && in[0] <= '9'; in.remove_prefix(1), any = true, scale /= 10) t += microseconds((in[0] - '0') * scale);
    if (!any) return false;
  }
  if (in.empty()) return true;
  if (take(in, 'Z') || take(in, 'z')) return in.empty();
  const bool plus = take(in, '+');
  if (!plus && !take(in, '-')) return false;
  if (!digits(in, 2, h) || !take(in, ':') || !digits(in, 2, m)) return false;
  const auto offset = std::chrono::hours(h) + std::chrono::minutes(m);
  t = plus ? t - offset : t + offset;
  return in.empty();
}

}  // namespace

result<wall_time> parse_time(std::string_view text) {
  const auto bad = [&] {
    return fail(errc::invalid_argument, "'" + std::string(text) + "' is no time; write 2026-12-01, 2026-12-01T12:00:00Z or with an offset");
  };
  auto in = text;
  int y = 0, m = 0, d = 0;
  if (!digits(in, 4, y) || !take(in, '-') || !digits(in, 2, m) || !take(in, '-') || !digits(in, 2, d)) return bad();
  const std::chrono::year_month_day date{std::chrono::year(y), std::chrono::month(static_cast<unsigned>(m)), std::chrono::day(static_cast<unsigned>(d))};
  if (!date.ok()) return bad();
  wall_time t = std::chrono::sys_days(date);
  if (in.empty()) return t;
  if (!take(in, 'T') && !take(in, 't') && !take(in, ' ')) return bad();
  if (!time_of_day(in, t)) return bad();
  return t;
}

namespace {

// A number and what follows it; false when there is no number or it is too large.
bool number_and_unit(std::string_view text, std::uint64_t& number, std::string_view& unit) {
  std::size_t i = 0;
  number = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    if (number > 1'000'000'000'000'000ull) return false;
    number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
  }
  unit = text.substr(i);
  return i > 0;
}

}  // namespace

result<milliseconds> parse_duration(std::string_view text) {
  std::uint64_t n = 0;
  std::string_view unit;
  if (number_and_unit(text, n, unit) && n <= 1'000'000'000ull) {
    const auto count = static_cast<std::int64_t>(n);
    if (unit == "ms") return milliseconds(count);
    if (unit == "s") return milliseconds(seconds(count));
    if (unit == "m") return milliseconds(std::chrono::minutes(count));
    if (unit == "h") return milliseconds(std::chrono::hours(count));
    if (unit == "d") return milliseconds(std::chrono::days(count));
  }
  return fail(errc::invalid_argument, "'" + std::string(text) + "' is no duration; write 250ms, 5s, 15m, 24h or 30d");
}

result<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t n = 0;
  std::string_view unit;
  if (number_and_unit(text, n, unit)) {
    unsigned shift = 64;
    if (unit.empty() || unit == "B") shift = 0;
    if (unit == "KiB") shift = 10;
    if (unit == "MiB") shift = 20;
    if (unit == "GiB") shift = 30;
    if (shift < 64 && n <= (~0ull >> shift)) return n << shift;
  }
  return fail(errc::invalid_argument, "'" + std::string(text) + "' is no size; write 500, 32KiB, 64MiB or 1GiB");
}

}  // namespace sluice
