// See background_sync.hpp.
#include "background_sync.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::audit {

background_sync::~background_sync() {
  {
    const std::scoped_lock hold(lock_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool background_sync::begin(int fd) {
  if (busy()) return false;
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return false;
  {
    const std::scoped_lock hold(lock_);
    fd_ = own;
    busy_.store(true);
  }
  wake_.notify_one();
  return true;
}

void background_sync::run() {
  std::unique_lock hold(lock_);
  for (;;) {
    wake_.wait(hold, [&] { return stopping_ || fd_ >= 0; });
    if (fd_ < 0) return;
    const int fd = fd_;
    fd_ = -1;
    hold.unlock();
    if (::fdatasync(fd) == 0) {
      done_.fetch_add(1);
    } else {
      failure_.store(errno);
    }
    ::close(fd);
    busy_.store(false);
    busy_.notify_all();
    hold.lock();
  }
}

}  // namespace sluice::audit
