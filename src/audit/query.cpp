// Reading records back: filters, the state at a time, and following a log. Control plane only.
#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
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

// The same without a parse of the line. Whole files are not passed over by the times at their ends: a clock that was set back makes no order of them.
bool of_the_time(const std::string& line, const filter& f) {
  if (!f.from && !f.to) return true;
  const auto when = parse_time(first_text(line, "time"));
  return when && (!f.from || *when >= *f.from) && (!f.to || *when < *f.to);
}

// Only where each line stands is kept: a log may be larger than memory.
struct found_line {
  wall_time time;
  std::uint32_t file = 0;
  std::streamoff at = 0;
  auto operator<=>(const found_line&) const = default;
};

// What fits, in the order of time; only the newest so many, where so many are asked for: a log may have more lines than memory has room for their places.
class newest_lines {
 public:
  explicit newest_lines(const filter& f) : most_(f.limit == 0 ? 0 : f.skip + f.limit), skip_(f.skip) {}

  void add(const found_line& line) {
    ++fitting_;
    kept_.push_back(line);
    if (most_ == 0) return;
    std::ranges::push_heap(kept_, std::greater());
    if (kept_.size() <= most_) return;
    std::ranges::pop_heap(kept_, std::greater());  // the oldest
    kept_.pop_back();
  }
  [[nodiscard]] std::size_t fitting() const { return fitting_; }
  [[nodiscard]] std::vector<found_line> take() {
    std::ranges::sort(kept_);
    kept_.resize(kept_.size() - std::min(kept_.size(), skip_));
    return std::move(kept_);
  }

 private:
  std::size_t most_, skip_, fitting_ = 0;
  std::vector<found_line> kept_;
};

// Lines again by their places, of several files in any order. A packed file is read from its begin once, for all the lines wanted of it, which go
// with the last of them.
class line_store {
 public:
  std::uint32_t add(const log_file& file) {
    if (files_.empty() || files_.back().path != file.path) files_.push_back(file);
    return static_cast<std::uint32_t>(files_.size() - 1);
  }

  // Calls `line` for each until it returns false. A file that was there a moment ago and is not any more is an error.
  result<void> read(const std::vector<found_line>& found, const std::function<bool(const std::string& line)>& line) {
    wanted_.assign(files_.size(), {});
    for (const auto& each : found) wanted_[each.file].left.push_back(each.at);
    std::string l;
    for (const auto& each : found) {
      if (auto got = get(each, l); !got) return got;
      if (!line(l)) break;
    }
    return {};
  }

 private:
  struct wanted_of_file {
    std::vector<std::streamoff> left;               // before it is unpacked: which lines
    std::map<std::streamoff, std::string> unpacked; // then: those that were not given yet
  };

  result<void> get(const found_line& which, std::string& out) {
    auto& file = files_[which.file];
    if (!file.packed && open_ != which.file) {
      in_ = std::ifstream(file.path, std::ios::binary);
      open_ = which.file;
      if (!in_ && !packed_since(file)) return fail(errc::io, "the audit file " + file.path + " was removed while the log was read; ask again");
    }
    if (file.packed) {
      auto& wanted = wanted_[which.file];
      if (auto done = unpack(file, wanted); !done) return done;
      auto line = wanted.unpacked.extract(which.at);
      out = line.empty() ? std::string() : std::move(line.mapped());
    } else {
      in_.clear();
      in_.seekg(which.at);
      if (!std::getline(in_, out)) out.clear();
    }
    if (out.empty()) return fail(errc::io, "the audit file " + file.path + " was changed while the log was read; ask again");
    return {};
  }

  // Once.
  static result<void> unpack(const log_file& file, wanted_of_file& wanted) {
    auto& lines = wanted.unpacked;
    for (const auto at : std::exchange(wanted.left, {})) lines.emplace(at, std::string());
    if (lines.empty() || !lines.rbegin()->second.empty()) return {};
    const auto read = read_lines(file, [&](std::streamoff at, const std::string& l) {
      if (const auto wanted = lines.find(at); wanted != lines.end()) wanted->second = l;
      return at <= lines.rbegin()->first;
    });
    if (!read) return std::unexpected(read.error());
    return {};
  }

  std::vector<log_file> files_;
  std::vector<wanted_of_file> wanted_;  // by file
  std::ifstream in_;
  std::uint32_t open_ = 0xffffffff;
};

}  // namespace

result<std::size_t> query(const std::vector<std::string>& directories, const filter& f, const std::function<bool(const std::string&)>& line) {
  newest_lines found(f);
  line_store lines;
  auto done = each_line(directories, [&](const log_file& file, std::streamoff at, const std::string& l) {
    // The id is unique enough to spare a parse of every other line.
    if (!f.decision.empty() && l.find(f.decision) == std::string::npos) return true;
    if (!of_the_time(l, f)) return true;
    const auto r = parse_bounded<json>(l, record_bounds);
    if (r.is_discarded() || !fits(r, f)) return true;
    found.add({parse_time(word(r, "time")).value_or(wall_time{}), lines.add(file), at});
    return true;
  }, [&](const std::vector<log_file>& files, std::size_t i) -> result<bool> {
    const auto last = f.had ? f.had(files[i].node, files[i].boot) : std::nullopt;
    return last ? holds_none_behind(files, i, *last) : result<bool>(false);
  });
  if (!done) return std::unexpected(done.error());
  if (auto given = lines.read(found.take(), line); !given) return std::unexpected(given.error());
  return found.fitting();
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
