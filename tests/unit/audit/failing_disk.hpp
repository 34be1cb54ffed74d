// Lets the next syncs of files, or of folders, fail in this process as on a disk that is dying, or lets a full one take no more of a log.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

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

// The next sync of a file stays under way until release(), and fails then; whoever syncs meanwhile, or later, hears that all is well. So does
// the kernel: it tells a fault once to those who have the file open by one descriptor.
class slow_fault {
 public:
  slow_fault();
  ~slow_fault() { release(); }
  slow_fault(const slow_fault&) = delete;
  slow_fault& operator=(const slow_fault&) = delete;
  [[nodiscard]] bool under_way() const;
  [[nodiscard]] bool others() const;  // synced meanwhile
  void release();
};

// While one is there no log file takes a byte. With `reserve`: until that file is gone.
class full_disk {
 public:
  explicit full_disk(std::string reserve = {});
  ~full_disk();
  full_disk(const full_disk&) = delete;
  full_disk& operator=(const full_disk&) = delete;
  [[nodiscard]] std::uint64_t refused() const;  // writes
};

}  // namespace sluice::audit::testing
