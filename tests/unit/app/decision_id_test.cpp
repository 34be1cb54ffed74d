// Decision ids: distinct, in order of time, and nobody else's.
#include "decision_id.hpp"

#include <set>

namespace sluice::app {
namespace {

const wall_time noon = parse_time("2026-12-01T12:00:00Z").value();

TEST(decision_id, belongs_to_its_caller_and_to_nobody_else) {
  decision_ids ids("key", 7);
  const auto id = ids.next(noon, "key:abc");
  EXPECT_EQ(id.size(), 32u);
  EXPECT_TRUE(belongs_to(id, "key:abc", "key"));
  EXPECT_FALSE(belongs_to(id, "key:abd", "key"));
  EXPECT_FALSE(belongs_to(id, "key:abc", "other"));
  EXPECT_FALSE(belongs_to(id.substr(1), "key:abc", "key"));
  EXPECT_FALSE(belongs_to("", "key:abc", "key"));
}

TEST(decision_id, with_any_digit_changed_belongs_to_nobody) {
  decision_ids ids("key", 7);
  const auto id = ids.next(noon, "caller");
  for (std::size_t i = 0; i < id.size(); ++i) {
    auto forged = id;
    forged[i] = forged[i] == 'z' ? '0' : 'z';
    EXPECT_FALSE(belongs_to(forged, "caller", "key")) << i;
  }
}

TEST(decision_id, sorts_as_time_does) {
  decision_ids ids("key", 7);
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    const auto id = ids.next(noon + milliseconds(i), "caller");
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(decision_id, does_not_repeat_within_a_moment_or_among_workers) {
  decision_ids one("key", 1), two("key", 2);
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_TRUE(seen.insert(one.next(noon, "caller")).second);
    EXPECT_TRUE(seen.insert(two.next(noon, "caller")).second);
  }
}

}  // namespace
}  // namespace sluice::app
