// See retention.hpp.
#include "sluice/audit/retention.hpp"

#include <filesystem>

#include "files.hpp"

namespace sluice::audit {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t newest_kept = 2;

struct candidate {
  log_file file;
  std::uint64_t bytes = 0;
  wall_time changed{};
};

wall_time changed_at(const std::string& path) {
  std::error_code why;
  const auto time = fs::last_write_time(path, why);
  return why ? wall_time::max() : std::chrono::time_point_cast<microseconds>(fs::file_time_type::clock::to_sys(time));
}

// How many of the oldest have to go.
std::size_t due(const std::vector<candidate>& files, const retention& rules, wall_time now) {
  std::uint64_t all = 0;
  for (const auto& f : files) all += f.bytes;
  std::size_t out = 0;
  while (out + newest_kept < files.size()) {
    const auto& oldest = files[out];
    const bool old = rules.age.count() != 0 && oldest.changed < now - rules.age;
    if (!old && (rules.bytes == 0 || all <= rules.bytes)) break;
    all -= oldest.bytes;
    ++out;
  }
  return out;
}

// The last record of what goes: where the chain will begin.
result<control_event> last_record(const std::vector<candidate>& files, std::size_t count) {
  control_event out{.kind = "retired", .time = {}, .activation = {}, .version = {}, .freshness = {}, .detail = {}};
  std::string line;
  for (auto i = count; i-- > 0 && line.empty();) {
    const auto read = read_lines(files[i].file, [&](std::streamoff, const std::string& l) { return line = l, true; });
    if (!read) return std::unexpected(read.error());
  }
  out.through = sequence_of(line);
  out.through_hash = last_member(line, "hash");
  out.detail = std::to_string(count) + " files, up to record " + std::to_string(out.through);
  return out;
}

// The record has to be on disk before the files go. On a full disk, which their going may heal, it has the log's reserve.
bool can_say_so(const log& to) {
  const auto now = to.stats();
  return !now.failed || (now.full && now.reserve_held);
}

void remove_oldest(log& to, std::vector<candidate>& files, std::size_t count, wall_time now, kept_files& out) {
  if (!can_say_so(to)) return out.problems.push_back("no file is removed while the log cannot be written");
  auto event = last_record(files, count);
  if (!event) return out.problems.push_back(event.error().message);
  event->time = now;
  to.event(*event);
  to.flush();
  if (to.stats().failed) return out.problems.push_back("no file is removed while the log cannot be written");
  for (std::size_t i = 0; i < count; ++i) {
    std::error_code why;
    fs::remove(files[i].file.path, why);
    if (why) return out.problems.push_back("removing " + files[i].file.path + ": " + why.message());
    out.removed.push_back(fs::path(files[i].file.path).filename().string());
  }
  files.erase(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(count));
}

// The packed file gets its name when it is whole, and the other goes only then.
void pack(const candidate& one, kept_files& out) {
  const auto to = one.file.path + ".zst", temporary = to + ".new";
  std::error_code why;
  if (auto done = pack_file(one.file.path, temporary); !done) {
    out.problems.push_back(done.error().message);
    fs::remove(temporary, why);
    return;
  }
  fs::last_write_time(temporary, fs::last_write_time(one.file.path, why), why);
  fs::rename(temporary, to, why);
  if (why) return out.problems.push_back("packing " + one.file.path + ": " + why.message());
  fs::remove(one.file.path, why);
  out.packed.push_back(fs::path(one.file.path).filename().string());
}

}  // namespace

kept_files tidy(log& to, const std::string& directory, const std::string& node, const retention& rules, wall_time now) {
  kept_files out;
  const auto all = list_files(directory);
  if (!all) {
    out.problems.push_back(all.error().message);
    return out;
  }
  std::vector<candidate> files;
  for (const auto& f : *all) {
    std::error_code why;
    if (f.node == node) files.push_back({f, fs::file_size(f.path, why), changed_at(f.path)});
  }
  if (const auto count = due(files, rules, now); count != 0) remove_oldest(to, files, count, now, out);
  for (std::size_t i = 0; rules.pack && i + newest_kept < files.size(); ++i) {
    if (!files[i].file.packed) pack(files[i], out);
  }
  return out;
}

}  // namespace sluice::audit
