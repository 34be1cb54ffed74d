// Tells when something below a folder changed (inotify), and whether it was a swap (a folder or a symlink was renamed into place:
// taken at once) or edits of files (taken when they have been quiet for a while). One thread.
#pragma once

#include <map>
#include <string>

#include "sluice/base/clock.hpp"

namespace sluice::store {

class directory_watch {
 public:
  explicit directory_watch(std::string directory);
  ~directory_watch();
  directory_watch(const directory_watch&) = delete;
  directory_watch& operator=(const directory_watch&) = delete;

  enum class event : std::uint8_t { none, edited, swapped };
  // Waits for a change, for `wake_fd`, or for the time to pass. Changes within one call are told as one.
  [[nodiscard]] event wait(milliseconds timeout, int wake_fd);
  // Watches the folders that are there now; call after each change.
  void refresh();

 private:
  void add(const std::string& folder);
  [[nodiscard]] event meaning(int watch, std::uint32_t mask, const std::string& name) const;
  std::string directory_, parent_, name_;   // parent_/name_ is directory_
  int fd_ = -1, parent_watch_ = -1;
  std::map<int, std::string> folders_;      // by watch
};

}  // namespace sluice::store
