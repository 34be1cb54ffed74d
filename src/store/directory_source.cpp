// See directory_source.hpp.
#include "directory_source.hpp"

#include "sluice/store/directory.hpp"

namespace sluice::store {
namespace {

// Edits in place are taken when nothing has changed for this long; a swap by rename is whole at once.
constexpr milliseconds quiet{500};
constexpr milliseconds settle_max{30'000};

}  // namespace

void directory_source::look() {
  auto source = load_directory(config_.directory, {});
  if (!source) {
    if (source.error().message != last_problem_) node_.refuse({}, "", "load", source.error().message);
    last_problem_ = source.error().message;
    node_.lost(source.error().message);
    return;
  }
  last_problem_.clear();
  node_.contact();
  const auto version = policy::version_of(*source);
  if ((version == node_.version() && node_.freshness() != policy::freshness::none) || version == refused_version_) return;
  // Read again: a file that was being written would differ, and only a whole state may be taken.
  auto again = load_directory(config_.directory, {});
  if (!again || policy::version_of(*again) != version) return;
  const policy::activation next{std::max<std::uint64_t>(1, node_.state().highest.epoch), node_.state().highest.generation + 1};
  if (node_.take(*source, version, next) == node::outcome::refused) refused_version_ = version;
}

// Waits until edits have been quiet. False: woken.
bool directory_source::settle(int wake_fd) {
  const auto end = mono_now() + settle_max;
  while (mono_now() < end) {
    const auto begin = mono_now();
    const auto what = watch_.wait(quiet, wake_fd);
    if (what == directory_watch::event::swapped) return true;
    if (what == directory_watch::event::none) return mono_now() - begin >= quiet;
  }
  return true;
}

void directory_source::wait(int wake_fd) {
  const auto what = watch_.wait(config_.poll, wake_fd);
  if (what == directory_watch::event::edited && !settle(wake_fd)) return;
  if (what != directory_watch::event::none) watch_.refresh();
  look();
}

}  // namespace sluice::store
