// Reading records back: filters, the state at a time, and following a log. Control plane only.
#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "files.hpp"
#include "standing.hpp"

namespace sluice::audit {
namespace {

using nlohmann::json;

bool has_finding(const json& record, const char* member, const std::string& wanted) {
  for (const char* side : {"request", "response"}) {
    const auto s = record.find(side);
    if (s == record.end() || !s->is_object()) continue;
    for (const auto& f : sluice::member(*s, "findings")) {
      if (word(f, member) == wanted) return true;
    }
  }
  return false;
}

bool fits(const json& r, const filter& f) {
  // What would have been is no decision: only who asks for it finds it.
  if (f.event.empty() && word(r, "event") == "shadow") return false;
  if (f.event.empty() && !f.checkpoints && word(r, "event") == "checkpoint") return false;
  const auto when = parse_time(word(r, "time"));
  if (f.from && (!when || *when < *f.from)) return false;
  if (f.to && (!when || *when >= *f.to)) return false;
  const auto same = [&](const char* name, const std::string& wanted) { return wanted.empty() || word(r, name) == wanted; };
  const auto& context = member(r, "context");
  const auto in_context = [&](const char* name, const std::string& wanted) { return wanted.empty() || word(context, name) == wanted; };
  return same("id", f.decision) && same("event", f.event) && word(r, "reason").contains(f.reason) && in_context("route", f.route) &&
         in_context("model", f.model) && same("verdict", f.verdict) && same("shadow_verdict", f.shadow_verdict) && same("activation", f.activation) &&
         (f.version.empty() || word(r, "version").starts_with(f.version)) && in_context("tenant", f.tenant) &&
         in_context("user", f.user) && in_context("conversation", f.conversation) &&
         (f.rule.empty() || has_finding(r, "rule", f.rule)) && (f.policy.empty() || has_finding(r, "policy", f.policy)) && (f.value.empty() || has_finding(r, "hmac", f.value));
}

// Only where each line stands is kept: a log may be larger than memory.
struct found_line {
  wall_time time;
  std::uint32_t file = 0;
  std::streamoff at = 0;
  auto operator<=>(const found_line&) const = default;
};

// Lines again by their places, of several files in any order. A packed file is read from its begin once, for all the lines wanted of it.
class line_store {
 public:
  std::uint32_t add(const log_file& file) {
    if (files_.empty() || files_.back().path != file.path) files_.push_back(file);
    return static_cast<std::uint32_t>(files_.size() - 1);
  }

  // Calls `line` for each until it returns false. A file that was there a moment ago and is not any more is an error.
  result<void> read(const std::vector<found_line>& found, const std::function<bool(const std::string& line)>& line) {
    std::string l;
    for (const auto& each : found) {
      if (auto got = get(each, found, l); !got) return got;
      if (!line(l)) break;
    }
    return {};
  }

 private:
  result<void> get(const found_line& which, const std::vector<found_line>& found, std::string& out) {
    auto& file = files_[which.file];
    if (!file.packed && open_ != which.file) {
      in_ = std::ifstream(file.path, std::ios::binary);
      open_ = which.file;
      if (!in_ && !packed_since(file)) return fail(errc::io, "the audit file " + file.path + " was removed while the log was read; ask again");
    }
    if (file.packed) {
      auto& lines = unpacked_[which.file];
      if (lines.empty()) {
        if (auto done = unpack(which.file, found, lines); !done) return done;
      }
      out = std::move(lines[which.at]);
    } else {
      in_.clear();
      in_.seekg(which.at);
      if (!std::getline(in_, out)) out.clear();
    }
    if (out.empty()) return fail(errc::io, "the audit file " + file.path + " was changed while the log was read; ask again");
    return {};
  }

  result<void> unpack(std::uint32_t which, const std::vector<found_line>& found, std::map<std::streamoff, std::string>& lines) const {
    for (const auto& each : found) {
      if (each.file == which) lines.emplace(each.at, std::string());
    }
    const auto read = read_lines(files_[which], [&](std::streamoff at, const std::string& l) {
      if (const auto wanted = lines.find(at); wanted != lines.end()) wanted->second = l;
      return at <= lines.rbegin()->first;
    });
    if (!read) return std::unexpected(read.error());
    return {};
  }

  std::vector<log_file> files_;
  std::map<std::uint32_t, std::map<std::streamoff, std::string>> unpacked_;  // by file: the lines wanted of it
  std::ifstream in_;
  std::uint32_t open_ = 0xffffffff;
};

}  // namespace

result<std::size_t> query(const std::vector<std::string>& directories, const filter& f, const std::function<bool(const std::string&)>& line) {
  std::vector<found_line> found;
  line_store lines;
  auto done = each_line(directories, [&](const log_file& file, std::streamoff at, const std::string& l) {
    // The id is unique enough to spare a parse of every other line.
    if (!f.decision.empty() && l.find(f.decision) == std::string::npos) return true;
    const auto r = parse_bounded<json>(l, record_bounds);
    if (r.is_discarded() || !fits(r, f)) return true;
    found.push_back({parse_time(word(r, "time")).value_or(wall_time{}), lines.add(file), at});
    return true;
  });
  if (!done) return std::unexpected(done.error());
  const auto fitting = found.size();
  std::ranges::sort(found);
  found.resize(found.size() - std::min(found.size(), f.skip));
  if (f.limit != 0 && found.size() > f.limit) found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(f.limit));
  if (auto given = lines.read(found, line); !given) return std::unexpected(given.error());
  return fitting;
}

namespace {

// No text in a record can look like this: its quotes are escaped.
constexpr std::string_view is_checkpoint = R"("event":"checkpoint")";

}  // namespace

result<bool> another_key(const std::vector<std::string>& directories, std::string_view key) {
  const auto ours = names_key(key);
  std::size_t told = 0, same = 0;
  filter starts;
  starts.event = "start";
  const auto done = query(directories, starts, [&](const std::string& l) {
    const auto of = word(parse_bounded<json>(l, record_bounds), "names_key");
    told += of.empty() ? 0 : 1;
    same += of == ours ? 1 : 0;
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return told > 0 && same == 0;
}

namespace {

// The file that its node writes after `current`, empty while that is the newest.
std::string file_after(const std::string& directory, const log_file& current, log_file& next) {
  const auto files = list_files(directory);
  if (!files) return {};
  for (std::size_t i = 0; i + 1 < files->size(); ++i) {
    const auto& file = (*files)[i];
    if (file.node != current.node || file.boot != current.boot || file.number != current.number || (*files)[i + 1].node != current.node) continue;
    next = (*files)[i + 1];
    return next.path;
  }
  return {};
}

}  // namespace

result<void> tail(const std::string& directory, std::size_t back, const std::function<bool(const std::string&)>& line,
                  const std::function<bool()>& stop, bool checkpoints) {
  auto files = list_files(directory);
  if (!files) return std::unexpected(files.error());
  if (files->empty()) return fail(errc::not_found, "there is no audit file in " + directory);
  auto current = files->back();
  std::deque<std::string> last;
  std::streamoff read = 0;  // of the current file, up to its last whole line
  const auto wanted = [&](std::string_view l) { return checkpoints || !l.contains(is_checkpoint); };
  auto seen = each_line({directory}, [&](const log_file& file, std::streamoff, const std::string& l) {
    if (file.node == current.node && file.path > current.path) return false;  // newer than the listing: followed below
    if (file.path == current.path) read += static_cast<std::streamoff>(l.size() + 1);
    if (!wanted(l)) return true;
    last.push_back(l);
    if (last.size() > back) last.pop_front();
    return true;
  });
  if (!seen) return seen;
  for (const auto& l : last) {
    if (!line(l)) return {};
  }
  std::ifstream in(current.path);
  in.seekg(read);
  std::string partial;
  log_file next;
  // A file gets its last line before the one after it is made: when that is there, one more look empties it.
  for (bool leaving = false; !stop();) {
    const std::string more{std::istreambuf_iterator<char>(in), {}};
    in.clear();
    partial += more;
    for (auto end = partial.find('\n'); end != std::string::npos; end = partial.find('\n')) {
      if (const auto whole = partial.substr(0, end); wanted(whole) && !line(whole)) return {};
      partial.erase(0, end + 1);
    }
    if (!more.empty()) continue;
    if (leaving) {
      current = next;
      in = std::ifstream(current.path);
      partial.clear();  // a line that a crash tore
      leaving = false;
      continue;
    }
    leaving = !file_after(directory, current, next).empty();
    if (!leaving) std::this_thread::sleep_for(milliseconds(100));
  }
  return {};
}

}  // namespace sluice::audit
