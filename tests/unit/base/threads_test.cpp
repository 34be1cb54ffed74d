// A thread that has used up its stack can still say so.
#include "sluice/base/threads.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace sluice {
namespace {

constexpr int told = 7;

int recurse(int* depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(++*depth);
  return *depth < 0 ? 0 : recurse(depth) + room[0];
}

void watch_faults() {
  struct sigaction action {};
  action.sa_handler = [](int) { ::_exit(told); };
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, nullptr);
}

void overflow() {
  int depth = 0;
  recurse(&depth);
}

TEST(start_thread, leaves_room_for_a_handler_where_the_stack_is_full) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        watch_faults();
        start_thread(overflow).join();
      },
      testing::ExitedWithCode(told), "");
}

TEST(fault_stack, is_the_calling_thread_s_and_ends_with_its_owner) {
  start_thread([] {
    stack_t now{};
    ASSERT_EQ(::sigaltstack(nullptr, &now), 0);
    EXPECT_EQ(now.ss_flags & SS_DISABLE, 0);
  }).join();
  std::thread([] {
    stack_t now{};
    {
      const fault_stack here;
      { const fault_stack again; }
      ASSERT_EQ(::sigaltstack(nullptr, &now), 0);
      EXPECT_EQ(now.ss_flags & SS_DISABLE, 0) << "the inner one took it away";
    }
    ASSERT_EQ(::sigaltstack(nullptr, &now), 0);
    EXPECT_NE(now.ss_flags & SS_DISABLE, 0);
  }).join();
}

}  // namespace
}  // namespace sluice
