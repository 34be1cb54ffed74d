// See bundle_watch.hpp; signalfd(2).
#include "bundle_watch.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "sluice/policy/source.hpp"
#include "sluice/store/directory.hpp"

namespace sluice::app {
namespace {

// An editor writes, renames and touches: what it does within this time is one change.
constexpr milliseconds quiet{150};
// Where no watch could be had, the folder is read as often as this.
constexpr milliseconds look_again{10'000};

}  // namespace

bundle_watch::bundle_watch(std::string folder) : folder_(std::move(folder)), watch_(folder_) {
  sigemptyset(&ends_);
  for (const int each : {SIGINT, SIGTERM}) sigaddset(&ends_, each);
  signals_ = ::signalfd(-1, &ends_, SFD_CLOEXEC | SFD_NONBLOCK);
  seen_ = state();
}

bundle_watch::~bundle_watch() {
  if (signals_ >= 0) ::close(signals_);
}

// A folder that cannot be read is a state as well: when it can be read again, that is a change.
std::string bundle_watch::state() const {
  const auto source = store::load_directory(folder_, {});
  return source ? policy::version_of(*source) + policy::golden_digest_of(*source) : source.error().message;
}

bool bundle_watch::asked_to_end() const {
  pollfd one{.fd = signals_, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, 0) > 0;
}

bool bundle_watch::changed() {
  const auto before = std::exchange(seen_, state());
  return before != seen_;
}

bool bundle_watch::wait_for_change() {
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &ends_, &before);
  bool again = true;
  while (again) {
    auto what = watch_.wait(look_again, signals_);
    // Watches are set anew before the files are read: what changes from here on is told by the next call.
    while (what != store::directory_watch::event::none && !asked_to_end()) what = watch_.wait(quiet, signals_);
    again = !asked_to_end();
    if (!again) break;
    watch_.refresh();
    if (changed()) break;
  }
  if (!again) {
    signalfd_siginfo taken;
    while (::read(signals_, &taken, sizeof taken) > 0) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return again;
}

}  // namespace sluice::app
