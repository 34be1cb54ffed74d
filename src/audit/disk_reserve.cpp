// See disk_reserve.hpp.
#include "disk_reserve.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace sluice::audit {

void disk_reserve::take() {
  if (held_) return;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return;
  held_ = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_)) == 0;
  ::close(fd);
  if (!held_) ::unlink(path_.c_str());  // what it did get is others' again
}

void disk_reserve::give() {
  if (held_) ::unlink(path_.c_str());
  held_ = false;
}

}  // namespace sluice::audit
