// Text forms of time and size: what is read back is what was written, and nonsense is refused.
#include "sluice/base/clock.hpp"

#include <initializer_list>
#include <thread>

#include "sluice/base/cpu_time.hpp"

namespace sluice {
namespace {

TEST(clock, rfc3339_and_parse_time_are_each_others_inverse) {
  for (const std::int64_t us : {0LL, 1LL, 999'999LL, 1'700'000'000'123'456LL, 4'102'444'799'999'999LL}) {
    const wall_time t{microseconds(us)};
    const auto back = parse_time(rfc3339(t));
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, t) << rfc3339(t);
  }
  EXPECT_EQ(rfc3339(wall_time{}), "1970-01-01T00:00:00.000000Z");
}

TEST(clock, parse_time_knows_offsets_and_dates_alone) {
  EXPECT_EQ(parse_time("2026-12-01T12:00:00+02:00").value(), parse_time("2026-12-01T10:00:00Z").value());
  EXPECT_EQ(parse_time("2026-12-01T00:30:00-01:30").value(), parse_time("2026-12-01T02:00:00Z").value());
  EXPECT_EQ(parse_time("2026-12-01").value(), parse_time("2026-12-01T00:00:00Z").value());
}

TEST(clock, parse_time_refuses_what_is_no_time) {
  for (const std::string_view text : {"", "yesterday", "2026-13-01", "2026-02-30", "2026-12-01T25:00:00Z", "2026-12-01T12:00:00Zx",
                                      "2026-12-01T12:00:00.Z", "26-12-01"}) {
    EXPECT_FALSE(parse_time(text).has_value()) << text;
  }
}

TEST(clock, parse_duration_knows_its_units) {
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("5s").value(), milliseconds(5000));
  EXPECT_EQ(parse_duration("15m").value(), milliseconds(900'000));
  EXPECT_EQ(parse_duration("24h").value(), milliseconds(86'400'000));
  EXPECT_EQ(parse_duration("30d").value(), milliseconds(2'592'000'000));
  for (const std::string_view text : {"", "5", "s", "-5s", "5 s", "5w", "99999999999999999999d", "1.5h"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(clock, parse_bytes_knows_binary_units) {
  EXPECT_EQ(parse_bytes("500").value(), 500u);
  EXPECT_EQ(parse_bytes("32KiB").value(), 32u * 1024);
  EXPECT_EQ(parse_bytes("64MiB").value(), 64u << 20);
  EXPECT_EQ(parse_bytes("1GiB").value(), 1u << 30);
  for (const std::string_view text : {"", "KiB", "-1", "5KB", "1e3", "99999999999999999999GiB", "18446744073709551615GiB"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
}

TEST(clock, monotonic_time_never_runs_back) {
  auto last = mono_now();
  for (int i = 0; i < 10'000; ++i) {
    const auto next = mono_now();
    ASSERT_GE(next, last);
    last = next;
  }
}

TEST(clock, cpu_time_is_that_of_the_thread_alone) {
  const auto begin = thread_cpu_time();
  auto other = std::chrono::nanoseconds(0);
  std::thread([&other] {
    const auto first = thread_cpu_time();
    while (thread_cpu_time() - first < milliseconds(20)) {
    }
    other = thread_cpu_time();
  }).join();
  EXPECT_GE(other, milliseconds(20));
  EXPECT_LT(thread_cpu_time() - begin, milliseconds(20)) << "waiting costs nothing";
}

}  // namespace
}  // namespace sluice
