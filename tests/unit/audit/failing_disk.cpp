// See failing_disk.hpp. These functions stand before those of the C library.
#include "failing_disk.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::audit::testing {

std::atomic<int> failing_disk::file_syncs{0}, failing_disk::folder_syncs{0};

namespace {

int once(std::atomic<int>& left, long call, int fd) {
  for (int n = left.load(); n > 0;) {
    if (!left.compare_exchange_weak(n, n - 1)) continue;
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(call, fd));
}

}  // namespace
}  // namespace sluice::audit::testing

extern "C" int fdatasync(int fd) { return sluice::audit::testing::once(sluice::audit::testing::failing_disk::file_syncs, SYS_fdatasync, fd); }
extern "C" int fsync(int fd) { return sluice::audit::testing::once(sluice::audit::testing::failing_disk::folder_syncs, SYS_fsync, fd); }
