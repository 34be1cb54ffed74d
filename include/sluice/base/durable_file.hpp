// Files that are there after a crash once a call says so. One place for what write(2), fsync(2) and rename(2) ask of those who use them: signals,
// short writes, the sync of the folder, and what a disk that is full leaves behind. Sizes in bytes; any thread, one at a time for each file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "sluice/base/result.hpp"

namespace sluice {

// Through signals and short writes. How many bytes were taken: fewer than given where it failed, and then errno says why.
[[nodiscard]] std::size_t write_all(int fd, std::string_view bytes);
// All of it behind the first `size` bytes of the file, or none: what was taken in part, or could not be synced, is cut off again, now or before
// the next write.
[[nodiscard]] std::error_code append_whole(int fd, std::uint64_t size, std::string_view bytes, bool synced);
// As fsync(2), through signals.
[[nodiscard]] std::error_code sync_file(int fd);
// So that the names in it, too, survive a crash.
[[nodiscard]] std::error_code sync_folder(const std::string& folder);

enum class file_start : std::uint8_t {
  emptied,  // the file is made, or emptied
  fresh,    // it is made, whole or not at all, also for a reader and after a crash; errc::conflict when it is there
  kept      // it is there, and is written over from its begin
};
struct file_writing {
  unsigned mode = 0600;  // of a file that is made
  file_start start = file_start::emptied;
  bool synced = true;    // false: for what a crash may take
  bool named = false;    // its name, too, survives a crash; where that alone failed the file stays
};
// errc::io names the file, what failed and why. What was not written whole is removed, but for a file that is `kept`.
[[nodiscard]] result<void> write_file(const std::string& path, std::string_view bytes, const file_writing& how = {});
// Under another name first, which then becomes `path`: whole or not at all, for a reader and after a crash.
[[nodiscard]] result<void> replace_file(const std::string& path, std::string_view bytes, unsigned mode = 0644);
// The folder that a path names a file in.
[[nodiscard]] std::string folder_of(const std::string& path);

}  // namespace sluice
