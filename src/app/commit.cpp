// See commit.hpp. Asks the program git: what a checkout is (worktrees, packed references, ignored files) is its affair.
#include "commit.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "sluice/base/strings.hpp"

extern char** environ;

namespace sluice::app {
namespace {

constexpr std::size_t output_bytes_max = 1u << 20;

// What a program prints; nothing when it cannot run, or ends with anything but 0.
std::optional<std::string> printed_by(std::vector<std::string> words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (auto& each : words) argv.push_back(each.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  std::string out;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; failed == 0 && (got = ::read(ends[0], buffer.data(), buffer.size())) != 0;) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0 && out.size() < output_bytes_max) out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  if (failed != 0) return std::nullopt;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

std::string commit_of(const std::string& folder) {
  const auto head = printed_by({"git", "-C", folder, "rev-parse", "HEAD"});
  if (!head) return {};
  const auto changed = printed_by({"git", "-C", folder, "status", "--porcelain", "--", "."});
  return std::string(trim(*head)) + (changed && changed->empty() ? "" : "-dirty");
}

}  // namespace sluice::app
