// See failing_disk.hpp. These functions stand before those of the C library.
#include "failing_disk.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

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

std::atomic<bool> slow_next{false}, slow_now{false}, slow_released{true}, others_synced{false};

int sync_data(int fd) {
  if (slow_next.exchange(false)) {
    slow_now.store(true);
    slow_released.wait(false);
    slow_now.store(false);
    errno = EIO;
    return -1;
  }
  if (slow_now.load()) others_synced.store(true);
  return once(failing_disk::file_syncs, SYS_fdatasync, fd);
}

std::atomic<bool> full{false};
std::atomic<std::uint64_t> refused_writes{0};
std::string reserve_file;  // changes only while nothing is full

bool is_log(int fd) {
  std::array<char, 512> name{};
  const auto length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name.data(), name.size());
  return length > 0 && std::string_view(name.data(), static_cast<std::size_t>(length)).ends_with(".jsonl");
}

ssize_t write_unless_full(int fd, const void* bytes, std::size_t size) {
  if (full.load() && is_log(fd) && (reserve_file.empty() || ::access(reserve_file.c_str(), F_OK) == 0)) {
    refused_writes.fetch_add(1);
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_write, fd, bytes, size);
}

}  // namespace

slow_fault::slow_fault() {
  slow_released.store(false);
  others_synced.store(false);
  slow_next.store(true);
}
bool slow_fault::under_way() const { return slow_now.load(); }
bool slow_fault::others() const { return others_synced.load(); }
void slow_fault::release() {
  slow_next.store(false);
  slow_released.store(true);
  slow_released.notify_all();
}

full_disk::full_disk(std::string reserve) {
  reserve_file = std::move(reserve);
  refused_writes.store(0);
  full.store(true);
}
full_disk::~full_disk() { full.store(false); }
std::uint64_t full_disk::refused() const { return refused_writes.load(); }

}  // namespace sluice::audit::testing

extern "C" ssize_t write(int fd, const void* bytes, size_t size) { return sluice::audit::testing::write_unless_full(fd, bytes, size); }
extern "C" int fdatasync(int fd) { return sluice::audit::testing::sync_data(fd); }
extern "C" int fsync(int fd) { return sluice::audit::testing::once(sluice::audit::testing::failing_disk::folder_syncs, SYS_fsync, fd); }
