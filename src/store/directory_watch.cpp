// See sluice/store/directory_watch.hpp; inotify(7).
#include "sluice/store/directory_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

namespace sluice::store {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t watched = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr int depth_max = 8;

}  // namespace

directory_watch::directory_watch(std::string directory) : directory_(std::move(directory)) {
  fs::path root(directory_);
  if (!root.has_filename()) root = root.parent_path();
  name_ = root.filename().string();
  parent_ = root.has_parent_path() ? root.parent_path().string() : ".";
  refresh();
}

directory_watch::~directory_watch() {
  if (fd_ >= 0) ::close(fd_);
}

void directory_watch::add(const std::string& folder) {
  if (const int watch = ::inotify_add_watch(fd_, folder.c_str(), watched); watch >= 0) folders_[watch] = folder;
}

void directory_watch::refresh() {
  if (fd_ >= 0) ::close(fd_);
  folders_.clear();
  fd_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0) return;  // no watches left: the poll still finds changes
  // The folder's own name may be a link that is swapped, so its parent is watched too.
  parent_watch_ = ::inotify_add_watch(fd_, parent_.c_str(), watched);
  add(directory_);
  std::error_code why;
  for (fs::recursive_directory_iterator it(directory_, fs::directory_options::follow_directory_symlink, why), end; !why && it != end;
       it.increment(why)) {
    std::error_code ignored;
    if (it.depth() > depth_max) it.disable_recursion_pending();
    if (it->is_directory(ignored)) add(it->path().string());
  }
}

directory_watch::event directory_watch::meaning(int watch, std::uint32_t mask, const std::string& name) const {
  const bool in_parent = watch == parent_watch_;
  // Of the parent only the folder's own name counts: its neighbours may be busy.
  if (in_parent && name != name_) return event::none;
  if ((mask & IN_MOVED_TO) == 0) return event::edited;
  const auto folder = folders_.find(watch);
  std::error_code ignored;
  const bool link = in_parent || (folder != folders_.end() && fs::is_symlink(folder->second + "/" + name, ignored));
  return link || (mask & IN_ISDIR) != 0 ? event::swapped : event::edited;
}

directory_watch::event directory_watch::wait(milliseconds timeout, int wake_fd) {
  const auto end = mono_now() + timeout;
  for (;;) {
    // Rounded up: a wait that ends early would look like one that was interrupted.
    const auto left = std::chrono::ceil<milliseconds>(end - mono_now()).count();
    std::array<pollfd, 2> fds = {pollfd{wake_fd, POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
    const int ready = ::poll(fds.data(), fd_ >= 0 ? 2 : 1, static_cast<int>(std::max<std::int64_t>(0, left)));
    if (ready <= 0 || (fds[1].revents & POLLIN) == 0) return event::none;
    auto what = event::none;
    alignas(inotify_event) std::array<char, 16384> buffer;
    ssize_t n = 0;
    while ((n = ::read(fd_, buffer.data(), buffer.size())) > 0) {
      for (ssize_t at = 0; at < n;) {
        inotify_event e;
        std::memcpy(&e, buffer.data() + at, sizeof e);
        const std::string name(e.len == 0 ? "" : buffer.data() + at + sizeof e);
        what = std::max(what, (e.mask & IN_Q_OVERFLOW) != 0 ? event::edited : meaning(e.wd, e.mask, name));
        at += static_cast<ssize_t>(sizeof e + e.len);
      }
    }
    if (what != event::none || (fds[0].revents & POLLIN) != 0) return what;
  }
}

}  // namespace sluice::store
