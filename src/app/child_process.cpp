// See child_process.hpp.
#include "child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace sluice::app {
namespace {

constexpr milliseconds look_every{10};

// In the child, between fork and exec: nothing that takes a lock or memory.
[[noreturn]] void become(char* const* argv, int log) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(argv[0], argv);
  ::_exit(127);
}

}  // namespace

result<child_process> child_process::start(const std::vector<std::string>& words, std::string log_file) {
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (auto& each : copies) argv.push_back(each.data());
  argv.push_back(nullptr);
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return fail(errc::io, "cannot write " + log_file + ": " + std::strerror(errno));
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), log);
  const int why = errno;
  ::close(log);
  if (pid < 0) return fail(errc::unavailable, "cannot start " + words.front() + ": " + std::strerror(why));
  child_process out;
  out.pid_ = pid;
  out.log_file_ = std::move(log_file);
  return out;
}

child_process::~child_process() { stop(); }
child_process::child_process(child_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_code_(other.exit_code_), log_file_(std::move(other.log_file_)) {}
child_process& child_process::operator=(child_process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_code_, other.exit_code_);
  std::swap(log_file_, other.log_file_);
  return *this;
}

bool child_process::ended() {
  if (pid_ < 0) return true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = -1;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool child_process::wait(milliseconds bound) {
  const auto end = mono_now() + bound;
  while (!ended()) {
    if (mono_now() >= end) return false;
    std::this_thread::sleep_for(look_every);
  }
  return true;
}

void child_process::stop(milliseconds bound) {
  if (ended()) return;
  ::kill(pid_, SIGTERM);
  if (wait(bound)) return;
  ::kill(pid_, SIGKILL);
  (void)wait(milliseconds(5000));  // only a process that the kernel itself holds is left then
}

std::string program_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto file = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::string last_lines(const std::string& file, std::size_t count) {
  std::ifstream in(file);
  std::deque<std::string> kept;
  for (std::string line; std::getline(in, line);) {
    kept.push_back(std::move(line));
    if (kept.size() > count) kept.pop_front();
  }
  std::string out;
  for (const auto& each : kept) out += "  " + each + "\n";
  return out;
}

}  // namespace sluice::app
