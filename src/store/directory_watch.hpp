// Tells when something below a folder changed (inotify), and whether it was a swap by rename (taken at once) or edits in place
// (taken when they have been quiet for a while). One thread.
#pragma once

#include <memory>
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
  std::string directory_;
  int fd_ = -1;
};

}  // namespace sluice::store
