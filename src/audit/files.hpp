// The files of a log: their names and order, their last line, and the repair of a tail that a crash tore.
#pragma once

#include <cstdint>
#include <functional>
#include <ios>
#include <string>
#include <vector>

#include "chain_line.hpp"
#include "sluice/base/result.hpp"

namespace sluice::audit {

struct log_file {
  std::string path, node, boot;
  std::uint32_t number = 0;
  bool packed = false;      // <name>.zst
  bool packed_too = false;  // it is not, and <name>.zst lies beside it: check_both()
};

// All log files of a folder in writing order: by node, then boot, then number.
[[nodiscard]] result<std::vector<log_file>> list_files(const std::string& directory);
[[nodiscard]] std::string file_name(const std::string& node, const std::string& boot, std::uint32_t number);

struct tail_state {
  std::string newest_boot, boot;  // of the newest file; of the last record. Empty: there was none
  std::string hash{first_hash};
  std::uint64_t sequence = 0;
  bool torn = false;  // bytes after the last newline were cut off
};
// The end of the node's newest non-empty file; cuts off an incomplete last line.
[[nodiscard]] result<tail_state> repair_tail(const std::string& directory, const std::string& node);

// Every whole line with the place of its first byte in the file as it was written, until `take` returns false. False: bytes stand behind
// the last newline. A file that was packed since it was listed is read where it lies now. errc::not_found: it was retired since;
// errc::io: it is there and cannot be read; errc::integrity: its packed form beside it holds something else.
[[nodiscard]] result<bool> read_lines(const log_file& file, const std::function<bool(std::streamoff at, const std::string& line)>& take);
// The first and the last whole line; empty where there is none. A file that is not packed is read at its ends alone.
struct end_lines {
  std::string first, last;
};
[[nodiscard]] result<end_lines> read_ends(const log_file& file);
// A crash between packing a file and removing it leaves both, which hold the same. Where they do not, one of them is somebody else's:
// errc::integrity. Reading lines asks this itself.
[[nodiscard]] result<void> check_both(const log_file& file);
// Where it lies now, if it was packed since it was listed.
[[nodiscard]] bool packed_since(log_file& file);
[[nodiscard]] result<void> pack_file(const std::string& from, const std::string& to);

// Whether the file `which` of these, which list_files() gave, holds no record behind the one with this number. Looks at one line of it or of the next,
// but for the last packed file of a boot.
[[nodiscard]] result<bool> holds_none_behind(const std::vector<log_file>& files, std::size_t which, std::uint64_t sequence);

// Calls `line` for every whole line of every file, in writing order, with the place of its first byte. False from it stops. What was retired
// meanwhile is left out; what is there and cannot be read is an error, for an answer without it would look like a whole one. `passes_over`: which
// of the files that list_files() gave are not read.
template <class F>
result<void> each_line(const std::vector<std::string>& directories, F&& line, const std::function<result<bool>(const std::vector<log_file>&, std::size_t)>& passes_over = {}) {
  for (const auto& directory : directories) {
    auto files = list_files(directory);
    if (!files) return std::unexpected(files.error());
    for (std::size_t i = 0; i < files->size(); ++i) {
      const auto& file = (*files)[i];
      const auto passed = passes_over ? passes_over(*files, i) : result<bool>(false);
      if (!passed) return std::unexpected(passed.error());
      if (*passed) continue;
      bool go_on = true;
      const auto read = read_lines(file, [&](std::streamoff at, const std::string& l) { return go_on = line(file, at, l); });
      if (!read && read.error().code != errc::not_found) return std::unexpected(read.error());
      if (!go_on) return {};
    }
  }
  return {};
}

}  // namespace sluice::audit
