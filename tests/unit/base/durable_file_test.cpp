// Files that are written whole, appended to whole, or left as they were.
#include "sluice/base/durable_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../file_limit.hpp"
#include "../temporary_folder.hpp"

namespace sluice {
namespace {

using folder = sluice::testing::temporary_folder;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

using testing::file_limit;

TEST(durable_file, a_file_is_replaced_whole_or_stays_as_it_was) {
  const folder in;
  const auto path = in.path() + "/cursor";
  ASSERT_TRUE(replace_file(path, "one\n", 0600));
  struct stat is {};
  ASSERT_EQ(::stat(path.c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 0777, 0600u);
  {
    const file_limit limit(100);
    const auto full = replace_file(path, std::string(500, 'x'));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, errc::io);
    EXPECT_TRUE(full.error().message.contains("writing " + path + ".new failed: ")) << full.error().message;
  }
  EXPECT_EQ(read(path), "one\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  ASSERT_TRUE(replace_file(path, ""));
  EXPECT_EQ(read(path), "");
  EXPECT_FALSE(replace_file(in.path() + "/none/cursor", "x"));
}

TEST(durable_file, a_fresh_file_is_never_written_over_and_a_kept_one_never_made) {
  const folder in;
  const auto path = in.path() + "/key";
  EXPECT_FALSE(write_file(path, "x", {.start = file_start::kept}));
  ASSERT_TRUE(write_file(path, "first", {.start = file_start::fresh}));
  const auto second = write_file(path, "second", {.start = file_start::fresh});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::conflict);
  EXPECT_EQ(read(path), "first");
  ASSERT_TRUE(write_file(path, "00", {.start = file_start::kept}));
  EXPECT_EQ(read(path), "00rst");
}

TEST(durable_file, nobody_sees_a_fresh_file_before_it_is_whole) {
  const folder in;
  const std::string bytes(1u << 20, 'x');
  std::atomic<int> round{0};
  std::atomic<bool> seen_in_part{false};
  std::thread reader([&] {
    for (int now = 0; (now = round.load()) >= 0;) {
      std::error_code none;
      const auto size = std::filesystem::file_size(in.path() + "/f" + std::to_string(now), none);
      if (!none && size != bytes.size()) seen_in_part.store(true);
    }
  });
  for (int i = 1; i <= 50; ++i) {
    round.store(i);
    EXPECT_TRUE(write_file(in.path() + "/f" + std::to_string(i), bytes, {.start = file_start::fresh, .synced = false}));
  }
  round.store(-1);
  reader.join();
  EXPECT_FALSE(seen_in_part.load());
  for (const auto& each : std::filesystem::directory_iterator(in.path())) EXPECT_FALSE(each.path().filename().string().ends_with(".new"));
}

TEST(durable_file, what_is_appended_in_part_is_cut_off_again) {
  const folder in;
  const auto path = in.path() + "/records";
  ASSERT_TRUE(write_file(path, "whole\n"));
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  {
    const file_limit limit(10);
    EXPECT_EQ(append_whole(fd, 6, "longer than that\n", true), std::errc::file_too_large);
  }
  EXPECT_EQ(read(path), "whole\n");
  EXPECT_FALSE(append_whole(fd, 6, "next\n", true));
  EXPECT_EQ(read(path), "whole\nnext\n");
  ::close(fd);
  EXPECT_TRUE(append_whole(fd, 0, "x", false));
}

// A pipe takes less than is written, and signals come meanwhile.
TEST(durable_file, signals_and_short_writes_lose_nothing) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  struct sigaction quiet {}, before {};
  quiet.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &quiet, &before), 0);  // without SA_RESTART
  const std::string sent(1u << 20, 's');
  std::atomic<bool> done{false};
  std::size_t took = 0;
  std::thread writer([&] {
    took = write_all(pipe[1], sent);
    done.store(true);
    ::close(pipe[1]);
  });
  std::size_t got = 0;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = ::read(pipe[0], piece.data(), piece.size())) != 0;) {
    if (n > 0) got += static_cast<std::size_t>(n);
    if (!done.load()) ::pthread_kill(writer.native_handle(), SIGUSR1);
  }
  writer.join();
  ::close(pipe[0]);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(took, sent.size());
  EXPECT_EQ(got, sent.size());
}

TEST(durable_file, a_folder_is_named_by_its_path) {
  EXPECT_EQ(folder_of("cursor"), ".");
  EXPECT_EQ(folder_of("/cursor"), "/");
  EXPECT_EQ(folder_of("a/b/c"), "a/b");
  const folder in;
  EXPECT_FALSE(sync_folder(in.path()));
  EXPECT_EQ(sync_folder(in.path() + "/none"), std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace sluice
