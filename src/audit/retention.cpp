// See retention.hpp.
#include "sluice/audit/retention.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "files.hpp"
#include "sluice/base/durable_file.hpp"

namespace sluice::audit {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t newest_kept = 2;

struct candidate {
  log_file file;
  std::uint64_t bytes = 0;
};

// The name while it was written: it stays when the file is packed.
std::string name_of(const log_file& file) {
  const auto name = fs::path(file.path).filename().string();
  return file.packed ? name.substr(0, name.size() - std::string_view(".zst").size()) : name;
}

// Of the first and the last record.
result<std::pair<wall_time, wall_time>> times_of(const log_file& file, retention_memory& memory) {
  const auto name = name_of(file);
  if (const auto known = memory.times.find(name); known != memory.times.end()) return known->second;
  const auto ends = read_ends(file);
  if (!ends) return std::unexpected(ends.error());
  if (ends->first.empty()) return std::pair(wall_time::min(), wall_time::min());  // a boot that ended when it had begun this one
  const auto first = parse_time(first_text(ends->first, "time")), last = parse_time(first_text(ends->last, "time"));
  if (!first || !last) return fail(errc::integrity, file.path + " holds no record, or was changed: it and what came after it stay");
  return memory.times[name] = {*first, *last};
}

// Whether the wall clock has gone on as the other for long enough that an age can be told by it.
bool clock_is_steady(const retention& rules, instant now, retention_memory& memory) {
  const auto before = std::exchange(memory.seen, now);
  const auto parted = before ? std::chrono::duration_cast<milliseconds>((now.wall - before->wall) - (now.mono - before->mono)) : milliseconds(0);
  const bool set = parted > clock_step || parted < -clock_step;
  if (!before || set) memory.steady_since = now.mono;
  memory.clock_was_set = set || (memory.clock_was_set && now.mono - memory.steady_since < clock_settles_max);
  return now.mono - memory.steady_since >= std::min(rules.age, clock_settles_max);
}

struct due_files {
  std::size_t count = 0;  // of the oldest
  bool by_age = true;     // all of them
};
result<due_files> due(const std::vector<candidate>& files, const retention& rules, instant now, retention_memory& memory) {
  std::uint64_t all = 0;
  for (const auto& f : files) all += f.bytes;
  const bool steady = clock_is_steady(rules, now, memory);
  due_files out;
  for (bool aged = rules.age.count() != 0 && steady; out.count + newest_kept < files.size(); ++out.count) {
    const auto& oldest = files[out.count];
    if (aged) {
      const auto times = times_of(oldest.file, memory);
      if (!times) return std::unexpected(times.error());
      aged = std::max(times->first, times->second) < now.wall - rules.age;
    }
    if (!aged && (rules.bytes == 0 || all <= rules.bytes)) break;
    out.by_age = aged;
    all -= oldest.bytes;
  }
  return out;
}

// The last record of what goes: where the chain will begin. It is what it says, and the first record that stays follows it. Through 0: there is
// no record on one of the two sides yet.
result<control_event> last_record(const std::vector<candidate>& files, const due_files& which, const retention& rules) {
  std::string line;
  for (auto i = which.count; i-- > 0 && line.empty();) {
    const auto ends = read_ends(files[i].file);
    if (!ends) return std::unexpected(ends.error());
    line = ends->last;
  }
  std::string next;
  for (auto i = which.count; i < files.size() && next.empty(); ++i) {
    const auto ends = read_ends(files[i].file);
    if (!ends) return std::unexpected(ends.error());
    next = ends->first;
  }
  control_event out{.kind = "retired", .time = {}, .activation = {}, .version = {}, .freshness = {}, .detail = {}};
  if (line.empty() || next.empty()) return out;
  const auto time = parse_time(first_text(line, "time"));
  if (!time || !hash_fits(line) || last_member(next, "prev") != last_member(line, "hash")) {
    return fail(errc::integrity, files[which.count].file.path + " does not go on behind the files before it: they were changed, and no file is removed. See: sluice audit verify");
  }
  out.through = sequence_of(line);
  out.through_hash = last_member(line, "hash");
  out.through_time = *time;
  out.after = which.by_age ? rules.age : milliseconds(0);
  out.detail = std::to_string(which.count) + " files, up to record " + std::to_string(out.through);
  return out;
}

// The record has to be on disk before the files go. On a full disk, which their going may heal, it has the log's reserve.
bool can_say_so(const log& to) {
  const auto now = to.stats();
  return !now.failed || (now.full && now.reserve_held);
}

void remove_oldest(log& to, std::vector<candidate>& files, const retention& rules, instant now, retention_memory& memory, kept_files& out) {
  const auto which = due(files, rules, now, memory);
  if (!which) return out.problems.push_back(which.error().message);
  if (rules.age.count() != 0 && memory.clock_was_set) out.problems.push_back("the clock was set: for " + std::to_string(clock_settles_max.count() / 60'000) + " min no file is removed for its age");
  const auto count = which->count;
  if (count == 0) return;
  if (!can_say_so(to)) return out.problems.push_back("no file is removed while the log cannot be written");
  auto event = last_record(files, *which, rules);
  if (!event) return out.problems.push_back(event.error().message);
  if (event->through == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (auto same = check_both(files[i].file); !same) return out.problems.push_back(same.error().message);
  }
  event->time = now.wall;
  to.event(*event);
  to.flush();
  if (to.stats().failed) return out.problems.push_back("no file is removed while the log cannot be written");
  for (std::size_t i = 0; i < count; ++i) {
    std::error_code why;
    if (files[i].file.packed_too) fs::remove(files[i].file.path + ".zst", why);
    if (!why) fs::remove(files[i].file.path, why);
    if (why) return out.problems.push_back("removing " + files[i].file.path + ": " + why.message());
    memory.times.erase(name_of(files[i].file));
    out.removed.push_back(fs::path(files[i].file.path).filename().string());
  }
  files.erase(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(count));
}

// The packed file gets its name when it is whole, and the other goes only then.
void pack(const candidate& one, kept_files& out) {
  const auto to = one.file.path + ".zst", temporary = to + ".new";
  std::error_code why;
  if (auto same = check_both(one.file); !same) return out.problems.push_back(same.error().message);
  if (auto done = pack_file(one.file.path, temporary); !done) {
    out.problems.push_back(done.error().message);
    fs::remove(temporary, why);
    return;
  }
  fs::last_write_time(temporary, fs::last_write_time(one.file.path, why), why);
  fs::rename(temporary, to, why);
  if (!why) why = sync_folder(folder_of(to));  // the new name is there before the other goes
  if (why) return out.problems.push_back("packing " + one.file.path + ": " + why.message());
  fs::remove(one.file.path, why);
  out.packed.push_back(fs::path(one.file.path).filename().string());
}

// Of any node, because the keys of kept text are of whichever wrote there; nothing where one cannot be told.
std::optional<wall_time> begin_of(const std::vector<log_file>& all, const kept_files& gone, retention_memory& memory) {
  std::map<std::string, wall_time> begins;
  std::set<std::string> nodes;
  for (const auto& file : all) {
    if (std::ranges::find(gone.removed, fs::path(file.path).filename().string()) != gone.removed.end() || !nodes.insert(file.node).second) continue;
    const auto name = name_of(file);
    if (const auto known = memory.begins.find(name); known != memory.begins.end()) {
      begins.insert(*known);
      continue;
    }
    const auto ends = read_ends(file);
    if (!ends) return std::nullopt;
    const auto time = parse_time(first_text(ends->first, "time"));
    if (!time) return std::nullopt;
    begins[name] = *time;
  }
  memory.begins = std::move(begins);
  const auto first = std::ranges::min_element(memory.begins, {}, [](const auto& each) { return each.second; });
  return first == memory.begins.end() ? std::nullopt : std::optional(first->second);
}

}  // namespace

kept_files tidy(log& to, const std::string& directory, const std::string& node, const retention& rules, instant now, retention_memory& memory) {
  kept_files out;
  const auto all = list_files(directory);
  if (!all) {
    out.problems.push_back(all.error().message);
    return out;
  }
  std::vector<candidate> files;
  for (const auto& f : *all) {
    std::error_code why;
    if (f.node == node) files.push_back({f, fs::file_size(f.path, why)});
  }
  if (rules.age.count() != 0 || rules.bytes != 0) {
    remove_oldest(to, files, rules, now, memory, out);
    out.begins = begin_of(*all, out, memory);
  }
  for (std::size_t i = 0; rules.pack && i + newest_kept < files.size(); ++i) {
    if (!files[i].file.packed) pack(files[i], out);
  }
  return out;
}

}  // namespace sluice::audit
