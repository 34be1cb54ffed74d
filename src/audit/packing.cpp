// See packing.hpp.
#include "sluice/audit/packing.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "files.hpp"

namespace sluice::audit {
namespace fs = std::filesystem;
namespace {

packing& how() {
  static packing given;  // set once at start
  return given;
}

}  // namespace

namespace {

// True: what the packed file gives back is what the other holds, byte by byte.
result<bool> gives_back(const std::string& from, const std::string& to) {
  if (!how().unpack) return fail(errc::unavailable, "this program cannot read packed audit files: " + to);
  std::ifstream in(from, std::ios::binary);
  bool same = in.is_open();
  std::string piece;
  const auto read = how().unpack(to, [&](std::string_view packed) {
    piece.resize(packed.size());
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    return same = same && static_cast<std::size_t>(in.gcount()) == packed.size() && piece == packed;
  });
  if (!read) return std::unexpected(read.error());
  return same && in.peek() == std::ifstream::traits_type::eof() && !in.bad();
}

// The original goes once it is packed, so this is asked first.
result<void> check_packed(const std::string& from, const std::string& to) {
  const auto same = gives_back(from, to);
  if (!same) return std::unexpected(same.error());
  return *same ? result<void>() : fail(errc::integrity, to + " does not give back what " + from + " holds; it was not put in its place");
}

}  // namespace

void set_packing(packing given) { how() = std::move(given); }

result<void> pack_file(const std::string& from, const std::string& to) {
  if (!how().pack) return fail(errc::unavailable, "this program cannot pack audit files");
  if (auto packed = how().pack(from, to); !packed) return packed;
  return check_packed(from, to);
}

result<void> check_both(const log_file& file) {
  const auto packed = file.path + ".zst";
  std::error_code none;
  const auto both = [&] { return fs::exists(fs::symlink_status(file.path, none)) && fs::exists(fs::symlink_status(packed, none)); };
  if (!file.packed_too || !both()) return {};
  const auto same = gives_back(file.path, packed);
  if ((same && *same) || !both()) return {};
  return fail(errc::integrity, "the audit file " + file.path + " and its packed form " + packed + " do not hold the same" + (same ? "" : " (" + same.error().message + ")") +
                                   ": one of them is not the node's; find out which, and move it out of the folder");
}

bool packed_since(log_file& file) {
  std::error_code none;
  if (file.packed || fs::exists(fs::symlink_status(file.path, none)) || !fs::exists(file.path + ".zst", none)) return false;
  file.path += ".zst";
  file.packed = true;
  return true;
}

namespace {

// A name that leads nowhere is one whose file somebody has taken: that is no retirement.
error unread(const std::string& path, const std::string& why) {
  std::error_code none;
  if (!fs::exists(fs::symlink_status(path, none))) return {errc::not_found, "the audit file " + path + " was removed while the log was read; ask again"};
  return {errc::io, "the audit file " + path + " cannot be read: " + why + "; see to its owner and mode, or move it out of the folder"};
}

// Pieces of any size in, whole lines out; what is behind the last newline stays in `line`.
struct line_cutter {
  const std::function<bool(std::streamoff at, const std::string& line)>& take;
  bool stopped = false;
  std::string line = {};
  std::streamoff at = 0;

  bool feed(std::string_view piece) {
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
  }
};

result<void> feed_packed(const log_file& file, line_cutter& to) {
  if (!how().unpack) return fail(errc::unavailable, "this program cannot read packed audit files: " + file.path);
  auto read = how().unpack(file.path, [&](std::string_view piece) { return to.feed(piece); });
  if (!read && read.error().code == errc::io) return std::unexpected(unread(file.path, read.error().message));
  return read;
}

}  // namespace

result<bool> read_lines(const log_file& file, const std::function<bool(std::streamoff at, const std::string& line)>& take) {
  if (auto same = check_both(file); !same) return std::unexpected(same.error());
  line_cutter lines{.take = take};
  auto now = file;
  std::ifstream in;
  if (!file.packed) {
    errno = 0;
    in.open(file.path, std::ios::binary);
    const int why = errno;
    if (!in && !packed_since(now)) return std::unexpected(unread(file.path, std::strerror(why)));
  }
  if (now.packed) {
    if (auto read = feed_packed(now, lines); !read) return std::unexpected(read.error());
    return lines.line.empty() || lines.stopped;
  }
  std::string piece(1u << 16, '\0');
  while (in && !lines.stopped) {
    errno = 0;
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (in.bad()) return std::unexpected(unread(file.path, std::strerror(errno)));
    if (!lines.feed(std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount())))) break;
  }
  return lines.line.empty() || lines.stopped;
}

namespace {

// From the end of the file, in pieces that grow: the line behind the newline before the last one.
std::string last_line(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(in ? std::streamoff(in.tellg()) : 0, 0));
  std::string tail;
  for (std::uint64_t take = 1u << 16;; take *= 4) {
    tail.resize(std::min(take, size));
    in.seekg(static_cast<std::streamoff>(size - tail.size()));
    if (!in.read(tail.data(), static_cast<std::streamsize>(tail.size()))) return {};
    const auto end = tail.rfind('\n');
    const auto before = end == std::string::npos || end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
    if (end != std::string::npos && (before != std::string::npos || tail.size() == size)) {
      const auto begin = before == std::string::npos ? 0 : before + 1;
      return tail.substr(begin, end - begin);
    }
    if (tail.size() == size) return {};
  }
}

}  // namespace

result<end_lines> read_ends(const log_file& file) {
  end_lines out;
  const auto read = read_lines(file, [&](std::streamoff at, const std::string& line) {
    if (at == 0) out.first = line;
    if (file.packed) out.last = line;
    return file.packed;
  });
  if (!read) return std::unexpected(read.error());
  auto now = file;
  if (!file.packed && packed_since(now)) return read_ends(now);
  if (!file.packed) out.last = last_line(file.path);
  return out;
}

}  // namespace sluice::audit
