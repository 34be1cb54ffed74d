// The histogram's buckets are powers of two of microseconds: bucket i holds what is at most 2^i.
#include "sluice/base/counters.hpp"

namespace sluice {
namespace {

TEST(latency_histogram, puts_each_value_into_the_first_bucket_that_holds_it) {
  for (std::uint64_t value : {0ull, 1ull, 2ull, 3ull, 4ull, 5ull, 1023ull, 1024ull, 1025ull, 1ull << 25, (1ull << 25) + 1, 1ull << 40}) {
    latency_histogram h;
    h.observe(value);
    std::size_t expected = 0;
    while (expected < latency_histogram::buckets && (std::uint64_t{1} << expected) < value) ++expected;
    for (std::size_t i = 0; i <= latency_histogram::buckets; ++i) EXPECT_EQ(h.bucket(i), i == expected ? 1u : 0u) << value;
    EXPECT_EQ(h.sum(), value);
  }
}

TEST(counter, and_gauge_add_up) {
  counter c;
  c.add();
  c.add(41);
  EXPECT_EQ(c.value(), 42u);
  gauge g;
  g.add(5);
  g.add(-7);
  EXPECT_EQ(g.value(), -2);
}

}  // namespace
}  // namespace sluice
