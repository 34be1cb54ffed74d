// See crash_guard.hpp. The handler only writes a line that lies ready, to a file that is open.
#include "crash_guard.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>

#include "sluice/base/threads.hpp"
#include "sluice/store/agent.hpp"

namespace sluice::app {
namespace {

using store::goes_well_after;
constexpr std::array fatal = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

std::atomic<int> file{-1};
std::atomic<const std::string*> line{nullptr};
// Of the candidate that this thread builds. A handler runs on the thread that raised its signal.
constinit thread_local const std::string* line_here = nullptr;
std::atomic<int> builds{0};
std::array<struct sigaction, 65> before{};

void on_fatal(int signal, siginfo_t* info, void*) {
  const int kept = errno;
  const bool raised_inside = info->si_code > 0 || info->si_pid == ::getpid();
  const auto* text = line_here != nullptr ? line_here : line.load(std::memory_order_acquire);
  if (raised_inside && text != nullptr && file.load() >= 0) (void)!::write(file.load(), text->data(), text->size());
  // As if nobody had looked: the fault comes again, or the signal is sent again, and meets what was there before.
  ::sigaction(signal, &before[static_cast<std::size_t>(signal)], nullptr);
  if (info->si_code <= 0) ::raise(signal);
  errno = kept;
}

}  // namespace

result<crash_guard> crash_guard::open(const std::string& state_directory) {
  crash_guard out;
  out.path_ = state_directory + "/crashes";
  std::ifstream in(out.path_);
  for (std::string text; std::getline(in, text);) {
    std::istringstream words(text);
    std::string version;
    if (!(words >> version)) continue;
    ++out.crashes_[version];
    policy::activation as;
    if (words >> as.epoch >> as.generation) out.crashed_as_[version] = std::max(out.crashed_as_[version], as);
  }
  out.any_ = !out.crashes_.empty();
  static const fault_stack of_main;  // the others have theirs of start_thread
  const int fd = ::open(out.path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return fail(errc::io, "cannot write " + out.path_ + ": " + std::strerror(errno));
  file.store(fd);
  struct sigaction action {};
  action.sa_sigaction = on_fatal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const int each : fatal) ::sigaction(each, &action, &before[static_cast<std::size_t>(each)]);
  return out;
}

void crash_guard::blame(const std::string& version, mono_time t) {
  if (version == blamed_) return;
  blamed_ = version;
  since_ = t;
  // A handler may read the line at any time, so that none of them is ever let go; a deque does not move what it holds.
  static std::deque<std::string> lines;
  lines.push_back(version + "\n");
  line.store(version.empty() ? nullptr : &lines.back(), std::memory_order_release);
}

crash_guard::building::building(const std::string& version, policy::activation as)
    : line_(version + " " + std::to_string(as.epoch) + " " + std::to_string(as.generation) + "\n"), around_(line_here) {
  line_here = &line_;
  std::atomic_signal_fence(std::memory_order_release);
  builds.fetch_add(1);
}

crash_guard::building::~building() {
  builds.fetch_sub(1);
  line_here = around_;
  std::atomic_signal_fence(std::memory_order_release);  // before the line goes
}

void crash_guard::look(mono_time t, bool downgraded) {
  if (!any_ || downgraded || builds.load() > 0 || blamed_.empty() || t - since_ < goes_well_after) return;
  any_ = ::ftruncate(file.load(), 0) != 0;
}

}  // namespace sluice::app
