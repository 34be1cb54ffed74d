// See durable_file.hpp.
#include "sluice/base/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace sluice {
namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

std::unexpected<error> failed(const char* what, const std::string& path, const std::error_code& why) {
  return fail(errc::io, std::string(what) + " " + path + " failed: " + why.message());
}

result<void> keep_name(const std::string& path) {
  const auto folder = folder_of(path);
  const auto why = sync_folder(folder);
  return why ? failed("syncing the folder", folder, why) : result<void>();
}

// The whole file gets its name, which nothing has. Some file systems know only one of the two ways.
std::error_code give_name(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS) return last_error();
  if (::link(from.c_str(), to.c_str()) != 0) return last_error();
  ::unlink(from.c_str());
  return {};
}

// A crash leaves it whole or not at all: what came second would take an empty one for what the first has settled.
result<void> write_fresh(const std::string& path, std::string_view bytes, file_writing how) {
  struct stat there {};
  auto why = ::lstat(path.c_str(), &there) == 0 ? std::make_error_code(std::errc::file_exists) : std::error_code();
  const auto temporary = path + "." + std::to_string(::getpid()) + ".new";  // two processes may come at once
  how.start = file_start::emptied;
  const bool named = std::exchange(how.named, false);
  if (!why) {
    if (auto written = write_file(temporary, bytes, how); !written) return written;
    why = give_name(temporary, path);
    if (why) ::unlink(temporary.c_str());
  }
  if (why == std::errc::file_exists) return fail(errc::conflict, path + " is there already");
  if (why) return failed("naming", path, why);
  return named ? keep_name(path) : result<void>();
}

}  // namespace

std::size_t write_all(int fd, std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

std::error_code append_whole(int fd, std::uint64_t size, std::string_view bytes, bool synced) {
  struct stat now {};
  if (::fstat(fd, &now) != 0) return last_error();
  if (static_cast<std::uint64_t>(now.st_size) > size && ::ftruncate(fd, static_cast<off_t>(size)) != 0) return last_error();
  auto why = write_all(fd, bytes) == bytes.size() ? std::error_code() : last_error();
  if (!why && synced) why = sync_file(fd);
  if (!why) return {};
  (void)::ftruncate(fd, static_cast<off_t>(size));  // where even that fails, the next write begins with it
  return why;
}

std::error_code sync_file(int fd) {
  while (::fsync(fd) != 0) {
    if (errno != EINTR) return last_error();
  }
  return {};
}

std::error_code sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return last_error();
  const auto out = sync_file(fd);
  ::close(fd);
  return out;
}

result<void> write_file(const std::string& path, std::string_view bytes, const file_writing& how) {
  if (how.start == file_start::fresh) return write_fresh(path, bytes, how);
  const int start = how.start == file_start::emptied ? O_CREAT | O_TRUNC : 0;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | start, how.mode);
  if (fd < 0) return failed("opening", path, last_error());
  result<void> out;
  if (write_all(fd, bytes) != bytes.size()) out = failed("writing", path, last_error());
  if (out && how.synced) {
    if (const auto why = sync_file(fd)) out = failed("syncing", path, why);
  }
  // Some file systems say only now that there was no room.
  if (::close(fd) != 0 && out) out = failed("closing", path, last_error());
  if (!out && how.start != file_start::kept) ::unlink(path.c_str());  // on a full disk it would be in the way of the next try
  return out && how.named ? keep_name(path) : out;
}

result<void> replace_file(const std::string& path, std::string_view bytes, unsigned mode) {
  const auto temporary = path + ".new";
  if (auto written = write_file(temporary, bytes, {.mode = mode}); !written) return written;
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    auto why = failed("renaming", temporary, last_error());
    ::unlink(temporary.c_str());
    return why;
  }
  return keep_name(path);
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace sluice
