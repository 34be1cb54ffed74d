// See directory_watch.hpp; inotify(7).
#include "directory_watch.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

namespace sluice::store {
namespace {

constexpr std::uint32_t watched = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

directory_watch::directory_watch(std::string directory) : directory_(std::move(directory)) { refresh(); }

directory_watch::~directory_watch() {
  if (fd_ >= 0) ::close(fd_);
}

void directory_watch::refresh() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0) return;  // no watches left: the poll still finds changes
  namespace fs = std::filesystem;
  const auto add = [&](const fs::path& p) { ::inotify_add_watch(fd_, p.c_str(), watched); };
  fs::path root(directory_);
  if (!root.has_filename()) root = root.parent_path();
  // The folder's own name may be a link that is swapped, so its parent is watched too.
  add(root.has_parent_path() ? root.parent_path() : fs::path("."));
  add(root);
  std::error_code why;
  for (fs::recursive_directory_iterator it(root, fs::directory_options::follow_directory_symlink, why), end; !why && it != end; it.increment(why)) {
    std::error_code ignored;
    if (it.depth() > 8) it.disable_recursion_pending();
    if (it->is_directory(ignored)) add(it->path());
  }
}

directory_watch::event directory_watch::wait(milliseconds timeout, int wake_fd) {
  std::array<pollfd, 2> fds = {pollfd{wake_fd, POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
  if (::poll(fds.data(), fd_ >= 0 ? 2 : 1, static_cast<int>(std::max<std::int64_t>(0, timeout.count()))) <= 0 || (fds[1].revents & POLLIN) == 0) {
    return event::none;
  }
  auto what = event::edited;
  alignas(inotify_event) std::array<char, 16384> buffer;
  ssize_t n = 0;
  while ((n = ::read(fd_, buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < n;) {
      inotify_event e;
      std::memcpy(&e, buffer.data() + at, sizeof e);
      if ((e.mask & (IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF)) != 0) what = event::swapped;
      at += static_cast<ssize_t>(sizeof e + e.len);
    }
  }
  return what;
}

}  // namespace sluice::store
