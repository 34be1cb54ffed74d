// Syncing beside the writer: handed over, done, and refused while one is under way.
#include "background_sync.hpp"

#include <gtest/gtest.h>
#include <stdio.h>
#include <unistd.h>

#include "sluice/base/clock.hpp"

namespace sluice::audit {
namespace {

TEST(background_sync, syncs_a_file_that_is_closed_meanwhile) {
  background_sync beside;
  for (std::uint64_t n = 1; n <= 20; ++n) {
    FILE* file = ::tmpfile();
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(::write(::fileno(file), "x", 1), 1);
    ASSERT_TRUE(beside.begin(::fileno(file)));
    if (beside.busy()) (void)beside.begin(::fileno(file));  // refused, or the first has ended: both leave it whole
    ::fclose(file);
    const auto end = mono_now() + seconds(10);
    while (beside.busy() && mono_now() < end) std::this_thread::yield();
    ASSERT_FALSE(beside.busy());
    EXPECT_GE(beside.done(), n);
  }
}

TEST(background_sync, refuses_what_is_no_file) {
  background_sync beside;
  EXPECT_FALSE(beside.begin(-1));
  EXPECT_FALSE(beside.busy());
}

TEST(background_sync, ends_what_it_was_handed_before_it_goes) {
  FILE* file = ::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    background_sync beside;
    ASSERT_TRUE(beside.begin(::fileno(file)));
  }
  ::fclose(file);
}

}  // namespace
}  // namespace sluice::audit
