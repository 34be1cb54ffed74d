// See commit.hpp. Asks the program git: what a checkout is (worktrees, packed references, ignored files) is its affair.
#include "commit.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include "sluice/base/strings.hpp"

extern char** environ;

namespace sluice::app {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t output_bytes_max = 8u << 20;  // the paths of a large checkout; what is cut off is not known

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

// The paths that git knows below `folder`, relative to it; of a checkout in this one, too.
std::optional<std::set<std::string, std::less<>>> known_to_git(const std::string& folder) {
  const auto listed = printed_by({"git", "-C", folder, "ls-files", "-z", "--recurse-submodules", "--", "."});
  if (!listed) return std::nullopt;
  std::set<std::string, std::less<>> out;
  for (std::size_t at = 0; at < listed->size();) {
    const auto end = std::min(listed->find('\0', at), listed->size());
    out.insert(listed->substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// As a file, or below a link: of a folder that is one git knows no more than that it is there.
bool is_known(const std::set<std::string, std::less<>>& known, std::string_view path) {
  for (; !path.empty(); path = path.substr(0, path.contains('/') ? path.rfind('/') : 0)) {
    if (known.contains(path)) return true;
  }
  return false;
}

// What a bundle reads git may ignore, and so not tell as changed. Where a link leads on the way is asked, too.
bool all_known(const std::string& folder, const policy::bundle_source& read) {
  const auto known = known_to_git(folder);
  std::error_code why;
  const auto root = fs::canonical(folder, why);
  return known && !why && std::ranges::all_of(read.files, [&](const policy::source_file& f) {
    const auto real = fs::canonical(root / f.path, why);
    return !why && is_known(*known, f.path) && is_known(*known, real.lexically_relative(root).string());
  });
}

}  // namespace

checkout checkout_of(const std::string& folder) {
  const auto head = printed_by({"git", "-C", folder, "rev-parse", "HEAD"});
  if (!head) return {};
  const auto changed = printed_by({"git", "-C", folder, "status", "--porcelain", "--", "."});
  return {.head = std::string(trim(*head)), .clean = changed && changed->empty()};
}

std::string commit_of(const std::string& folder, const checkout& before, const policy::bundle_source& read) {
  const auto is = checkout_of(folder);
  if (is.head.empty()) return {};
  const bool as_committed = is.clean && before.clean && is.head == before.head && all_known(folder, read);
  return is.head + (as_committed ? "" : "-dirty");
}

}  // namespace sluice::app
