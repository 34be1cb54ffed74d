// Versions that were built for a replay: each once as long as there is room, and no more than fit.
#include "version_lookup.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

std::shared_ptr<const built_version> made(const std::string& version) {
  auto out = std::make_shared<built_version>();
  out->bundle.version = version;
  return out;
}

wall_time day(const std::string& text) { return parse_time(text).value(); }

TEST(kept_versions, one_is_the_same_until_an_exception_of_it_ends) {
  kept_versions kept;
  const auto before = made("v"), after = made("v");
  kept.keep("v", {.from = wall_time::min(), .until = day("2026-12-02")}, before, 1);
  EXPECT_EQ(kept.find("v", day("2026-11-01")), before);
  EXPECT_EQ(kept.find("v", day("2026-12-01T23:59:59Z")), before);
  EXPECT_EQ(kept.find("v", day("2026-12-02")), nullptr);
  EXPECT_EQ(kept.find("w", day("2026-11-01")), nullptr);
  kept.keep("v", {.from = day("2026-12-02"), .until = wall_time::max()}, after, 1);
  EXPECT_EQ(kept.find("v", day("2027-12-02")), after);
  EXPECT_EQ(kept.find("v", day("2026-12-01")), before);
}

// Ninety days, each with a version of its own beside one that is live all the time: that one is built once, and what is kept has a bound.
TEST(kept_versions, what_was_not_asked_for_longest_goes_when_they_are_too_large) {
  constexpr std::uint64_t size = 100, room = 10;
  kept_versions kept(size * room);
  std::vector<std::weak_ptr<const built_version>> all;
  kept.keep("live", {}, made("live"), size);
  for (int i = 0; i < 90; ++i) {
    auto one = made(std::to_string(i));
    all.push_back(one);
    kept.keep(std::to_string(i), {}, std::move(one), size);
    ASSERT_NE(kept.find("live", day("2026-12-01")), nullptr) << i;
    ASSERT_NE(kept.find(std::to_string(i), day("2026-12-01")), nullptr);
  }
  EXPECT_EQ(std::ranges::count_if(all, [](const auto& each) { return !each.expired(); }), room - 1);
}

TEST(kept_versions, as_many_as_are_live_at_once_stay_however_large) {
  kept_versions kept(1);
  for (const char* each : {"stable", "canary", "shadow", "next"}) kept.keep(each, {}, made(each), 1'000);
  for (const char* each : {"stable", "canary", "shadow", "next"}) EXPECT_NE(kept.find(each, day("2026-12-01")), nullptr) << each;
}

}  // namespace
}  // namespace sluice::app
