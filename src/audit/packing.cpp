// See packing.hpp.
#include "sluice/audit/packing.hpp"

#include <fstream>

#include "files.hpp"

namespace sluice::audit {
namespace {

packing& how() {
  static packing given;  // set once at start
  return given;
}

}  // namespace

void set_packing(packing given) { how() = std::move(given); }

result<void> pack_file(const std::string& from, const std::string& to) {
  if (!how().pack) return fail(errc::unavailable, "this program cannot pack audit files");
  return how().pack(from, to);
}

result<bool> read_lines(const log_file& file, const std::function<bool(std::streamoff at, const std::string& line)>& take) {
  bool stopped = false;
  std::string line;
  std::streamoff at = 0;
  // Pieces of any size in, whole lines out; what is behind the last newline stays in `line`.
  const auto feed = [&](std::string_view piece) {
    while (!piece.empty() && !stopped) {
      const auto end = piece.find('\n');
      line += piece.substr(0, end);
      if (end == std::string_view::npos) return true;
      piece.remove_prefix(end + 1);
      stopped = !take(at, line);
      at += static_cast<std::streamoff>(line.size() + 1);
      line.clear();
    }
    return !stopped;
  };
  if (file.packed) {
    if (!how().unpack) return fail(errc::unavailable, "this program cannot read packed audit files: " + file.path);
    if (auto read = how().unpack(file.path, feed); !read) return std::unexpected(read.error());
    return line.empty() || stopped;
  }
  std::ifstream in(file.path, std::ios::binary);
  if (!in) return fail(errc::io, "the audit file " + file.path + " cannot be read");
  std::string piece(1u << 16, '\0');
  while (in && !stopped) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (!feed(std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount())))) break;
  }
  return line.empty() || stopped;
}

}  // namespace sluice::audit
