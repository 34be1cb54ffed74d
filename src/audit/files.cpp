// See files.hpp.
#include "files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <tuple>

#include "sluice/audit/query.hpp"

namespace sluice::audit {
namespace fs = std::filesystem;

std::string file_name(const std::string& node, const std::string& boot, std::uint32_t number) {
  auto n = std::to_string(number);
  n.insert(0, 6 - std::min<std::size_t>(6, n.size()), '0');
  return node + "-" + boot + "-" + n + ".jsonl";
}

result<std::vector<log_file>> list_files(const std::string& directory) {
  std::vector<log_file> all;
  std::error_code why;
  for (fs::directory_iterator it(directory, why), end; !why && it != end; it.increment(why)) {
    auto name = it->path().filename().string();
    const bool packed = name.ends_with(".jsonl.zst");
    if (packed) name.resize(name.size() - 4);
    if (!name.ends_with(".jsonl")) continue;
    // Both are there when a crash came between packing and removing: they are one file, if they hold the same.
    std::error_code ignored;
    if (packed && fs::exists(directory + "/" + name, ignored)) continue;
    const bool packed_too = !packed && fs::exists(directory + "/" + name + ".zst", ignored);
    const auto stem = name.substr(0, name.size() - 6);
    const auto second = stem.rfind('-');
    const auto first = second == std::string::npos || second == 0 ? std::string::npos : stem.rfind('-', second - 1);
    if (first == std::string::npos) continue;
    log_file f{it->path().string(), stem.substr(0, first), stem.substr(first + 1, second - first - 1), 0, packed, packed_too};
    const auto* begin = stem.data() + second + 1;
    if (std::from_chars(begin, stem.data() + stem.size(), f.number).ec != std::errc{}) continue;
    all.push_back(std::move(f));
  }
  if (why) return fail(errc::io, "the audit folder " + directory + " cannot be read: " + why.message());
  std::sort(all.begin(), all.end(), [](const log_file& a, const log_file& b) {
    return std::tie(a.node, a.boot, a.number) < std::tie(b.node, b.boot, b.number);
  });
  return all;
}

namespace {

// Cuts an incomplete last line and reads the one before it. False: the file holds no whole line.
result<bool> repair_file(const log_file& file, tail_state& out) {
  std::string line;
  std::streamoff whole = 0;
  const auto clean = read_lines(file, [&](std::streamoff at, const std::string& l) {
    line = l;
    whole = at + static_cast<std::streamoff>(l.size() + 1);
    return true;
  });
  if (!clean) return std::unexpected(clean.error());
  if (!*clean) {
    std::error_code why;
    if (!file.packed) fs::resize_file(file.path, static_cast<std::uintmax_t>(whole), why);
    if (why) return fail(errc::io, "the torn tail of " + file.path + " cannot be cut off: " + why.message());
    out.torn = true;
  }
  if (whole == 0) return false;
  const auto hash = last_member(line, "hash");
  if (hash.size() != 64 || line.find("\"seq\":") == std::string::npos) {
    return fail(errc::integrity, "the last line of " + file.path + " is no audit record; move the file away and keep it as evidence");
  }
  out.hash = hash;
  out.sequence = sequence_of(line);
  return true;
}

}  // namespace

result<bool> holds_none_behind(const std::vector<log_file>& files, std::size_t which, std::uint64_t sequence) {
  const auto& file = files[which];
  const auto* next = which + 1 < files.size() ? &files[which + 1] : nullptr;
  if (next != nullptr && next->node == file.node && next->boot == file.boot) {
    std::string first;
    const auto read = read_lines(*next, [&](std::streamoff, const std::string& line) { return first = line, false; });
    if (const auto number = sequence_of(first); read && number > 0) return number <= sequence + 1;
    if (!read && read.error().code != errc::not_found) return std::unexpected(read.error());
  }
  const auto ends = read_ends(file);
  if (!ends && ends.error().code == errc::not_found) return true;  // it was retired since
  if (!ends) return std::unexpected(ends.error());
  if (ends->last.empty()) return true;
  const auto number = sequence_of(ends->last);
  return number > 0 && number <= sequence;
}

result<tail_state> repair_tail(const std::string& directory, const std::string& node) {
  auto files = list_files(directory);
  if (!files) return std::unexpected(files.error());
  tail_state state;
  for (auto it = files->rbegin(); it != files->rend(); ++it) {
    if (it->node != node) continue;
    const auto whole = repair_file(*it, state);
    if (!whole) return std::unexpected(whole.error());
    if (state.newest_boot.empty()) state.newest_boot = it->boot;
    if (!*whole) continue;
    state.boot = it->boot;
    return state;
  }
  return state;
}

result<std::vector<stored_file>> stored_files(const std::string& directory) {
  const auto files = list_files(directory);
  if (!files) return std::unexpected(files.error());
  std::vector<stored_file> out;
  for (const auto& file : *files) {
    for (const auto& path : {file.path, file.packed_too ? file.path + ".zst" : std::string()}) {
      std::error_code gone;  // retired since
      const auto bytes = fs::file_size(path, gone);
      if (!gone) out.push_back({fs::path(path).filename().string(), bytes});
    }
  }
  return out;
}

result<std::string> read_piece(const std::string& directory, const std::string& name, std::uint64_t offset, std::size_t bytes_max) {
  const auto files = stored_files(directory);
  if (!files) return std::unexpected(files.error());
  if (std::ranges::find(*files, name, &stored_file::name) == files->end()) return fail(errc::not_found, "there is no such audit file");
  std::ifstream in(directory + "/" + name, std::ios::binary);
  if (!in) return fail(errc::not_found, "there is no such audit file any more");
  in.seekg(static_cast<std::streamoff>(offset));
  std::string out(bytes_max, '\0');
  in.read(out.data(), static_cast<std::streamsize>(bytes_max));
  out.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return out;
}

}  // namespace sluice::audit
