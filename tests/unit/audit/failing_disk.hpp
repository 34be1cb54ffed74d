// Lets the next syncs of files, or of folders, fail in this process as on a disk that is dying.
#pragma once

#include <atomic>

namespace sluice::audit::testing {

struct failing_disk {
  static std::atomic<int> file_syncs, folder_syncs;  // so many more fail
  failing_disk(int files, int folders) {
    file_syncs.store(files);
    folder_syncs.store(folders);
  }
  ~failing_disk() { mend(); }
  static void mend() {
    file_syncs.store(0);
    folder_syncs.store(0);
  }
};

}  // namespace sluice::audit::testing
