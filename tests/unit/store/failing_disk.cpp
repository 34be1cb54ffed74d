// See failing_disk.hpp. The functions below stand before those of the C library; a descriptor of no file is none of their business.
#include "failing_disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace sluice::store::testing {
namespace {

std::atomic<failing_disk::call> failing{failing_disk::call::none};

bool is(int fd, mode_t kind) {
  struct stat what {};
  return ::fstat(fd, &what) == 0 && (what.st_mode & S_IFMT) == kind;
}

}  // namespace

failing_disk::failing_disk(call which) { failing.store(which); }
failing_disk::~failing_disk() { failing.store(call::none); }

}  // namespace sluice::store::testing

using sluice::store::testing::failing;
using call = sluice::store::testing::failing_disk::call;

extern "C" ssize_t write(int fd, const void* bytes, size_t size) {
  if (failing.load() == call::write && sluice::store::testing::is(fd, S_IFREG)) {
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_write, fd, bytes, size);
}

extern "C" int fsync(int fd) {
  const auto which = failing.load();
  if ((which == call::sync && sluice::store::testing::is(fd, S_IFREG)) || (which == call::sync_folder && sluice::store::testing::is(fd, S_IFDIR)) ||
      (which == call::sync_named && ::faccessat(fd, "state.json", F_OK, 0) == 0)) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
