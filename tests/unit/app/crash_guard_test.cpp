#include "crash_guard.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>

namespace sluice::app {
namespace {

class crash_guards : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "crashes.XXXXXX").string();
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // In a process of its own, as its handlers stay until that ends. True: it died.
  bool dies_of(const std::function<void(crash_guard&)>& what) const {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (const int each : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(each, SIG_DFL);
      auto guard = crash_guard::open(folder_);
      if (guard) what(*guard);
      ::_exit(0);
    }
    int status = 0;
    return ::waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  }
  [[nodiscard]] crash_guard after() const { return std::move(crash_guard::open(folder_).value()); }

  std::string folder_;
};

using counts = std::map<std::string, unsigned>;

TEST_F(crash_guards, who_builds_a_candidate_dies_of_that_one) {
  for (const auto generation : {7U, 6U}) {
    EXPECT_TRUE(dies_of([&](crash_guard& guard) {
      guard.blame("good", mono_now());
      std::thread([&] {
        const crash_guard::building of("candidate", {1, generation});
        std::abort();
      }).join();
    }));
  }
  const auto guard = after();
  EXPECT_EQ(guard.crashes(), (counts{{"candidate", 2}}));
  EXPECT_EQ(guard.crashed_as().at("candidate"), (policy::activation{1, 7}));
}

TEST_F(crash_guards, elsewhere_it_dies_of_what_is_in_force_also_while_something_is_built) {
  EXPECT_TRUE(dies_of([](crash_guard& guard) {
    guard.blame("good", mono_now());
    const crash_guard::building of("candidate", {1, 7});
    std::thread([] { std::abort(); }).join();
  }));
  const auto guard = after();
  EXPECT_EQ(guard.crashes(), (counts{{"good", 1}}));
  EXPECT_TRUE(guard.crashed_as().empty());
}

TEST_F(crash_guards, what_was_built_is_to_blame_no_more) {
  EXPECT_TRUE(dies_of([](crash_guard& guard) {
    guard.blame("good", mono_now());
    { const crash_guard::building of("candidate", {1, 7}); }
    std::abort();
  }));
  EXPECT_EQ(after().crashes(), (counts{{"good", 1}}));
}

TEST_F(crash_guards, a_candidate_that_nothing_is_in_force_beside_is_named) {
  EXPECT_TRUE(dies_of([](crash_guard& guard) {
    guard.blame("", mono_now());
    const crash_guard::building of("candidate", {1, 7});
    std::abort();
  }));
  EXPECT_EQ(after().crashes(), (counts{{"candidate", 1}}));
}

// A build may take longer than a start needs to have gone well.
TEST_F(crash_guards, the_memory_is_not_let_go_while_something_is_built) {
  EXPECT_TRUE(dies_of([](crash_guard& guard) {
    guard.blame("good", mono_now());
    const crash_guard::building of("candidate", {1, 7});
    std::abort();
  }));
  EXPECT_FALSE(dies_of([](crash_guard& guard) {
    guard.blame("good", mono_now());
    const crash_guard::building of("candidate", {1, 7});
    guard.look(mono_now() + std::chrono::minutes(2), false);
  }));
  EXPECT_EQ(after().crashes(), (counts{{"candidate", 1}}));
  EXPECT_FALSE(dies_of([](crash_guard& guard) {
    guard.blame("good", mono_now());
    guard.look(mono_now() + std::chrono::minutes(2), false);
  }));
  EXPECT_TRUE(after().crashes().empty());
}

}  // namespace
}  // namespace sluice::app
