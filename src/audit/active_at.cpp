// Which version each node enforced at a time: by the order of its chain, for a clock may be set back.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "files.hpp"
#include "standing.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"

namespace sluice::audit {
namespace {

using nlohmann::json;

// What one node runs, event by event.
class running {
 public:
  void take(const json& event, const std::string& line, const std::string& boot, wall_time at) {
    const auto kind = word(event, "event");
    if (kind == "standing") {
      state_.restate(line);
    } else {
      state_.take({.kind = kind, .time = at, .activation = word(event, "activation"), .version = word(event, "version"), .freshness = word(event, "state"), .detail = word(event, "detail")});
    }
    node_ = word(event, "node");
    boot_ = boot;
    shadow_ = word(event, "mode") == "shadow";
  }
  [[nodiscard]] active_version now_active() const {
    const auto& is = state_.is();
    return {.node = node_, .boot = boot_, .activation = is.activation, .version = is.version, .freshness = is.freshness, .since = is.since, .state_since = is.state_since, .shadow = shadow_,
            .demoted = state_.demoted(is.version), .canary = is.canary, .canary_share = is.canary_share,
            .canary_demoted = is.canary.empty() ? std::vector<std::string>() : state_.demoted(is.canary)};
  }
  [[nodiscard]] bool runs() const { return state_.runs(); }

 private:
  standing_state state_;
  std::string node_, boot_;
  bool shadow_ = false;
};

// How long a log is silent at most while its node runs, as a checkpoint tells; 0: it is none.
milliseconds silence_of(std::string_view line) {
  constexpr std::string_view member = "\"every_ms\":";
  const auto at = line.find(member);
  std::int64_t out = 0;
  if (at != std::string_view::npos) std::from_chars(line.data() + at + member.size(), line.data() + line.size(), out);
  return milliseconds(out);
}

// No text in a record can look like these: its quotes are escaped.
constexpr std::string_view of_exchanges[] = {R"("event":"decision")", R"("event":"closed")", R"("event":"opened")", R"("event":"aborted")", R"("event":"shadow")"};

// An event waits for its place in the chain: so much later than one behind it is no clock that was set back.
constexpr seconds waits_at_most{2};

// One node's chain, told off against one time of its own clock. As long as the clock goes forward there is one answer. Where it was set back a
// stretch ends and the next one begins: a time may lie in several of them, and in each of them something else was in force.
class stretches {
 public:
  explicit stretches(wall_time when) : when_(when) {}

  // False: this line was there already, in a copy of the log.
  bool is_next(const std::string& boot, std::uint64_t sequence) {
    auto& last = last_of_[boot];
    if (std::exchange(last, std::max(last, sequence)) >= sequence) return false;
    whole_ = whole_ || sequence == 1;
    restarted_ = restarted_ || (!boot_.empty() && boot_ != boot);
    boot_ = boot;
    return true;
  }
  // An exchange stands where its answer ended, under the time at which it was asked: it is no step of the clock, and yet within a stretch.
  void see_exchange(wall_time at) {
    end_ = std::max(end_, at);
    first_asked_ = std::min(first_asked_, at);
    earliest_ = std::min(earliest_, at);
  }
  // What the log writes under the time at which it does.
  void see(wall_time at) {
    if (begin_ && at + waits_at_most < end_) {
      end_stretch();
      set_back_ = std::max(set_back_, std::chrono::duration_cast<seconds>(end_ - at));
      begin_.reset();
      lost_until_.reset();
    }
    if (!begin_) {
      begin_ = end_ = std::min(at, first_asked_);
      then_.reset();
    }
    if (at > when_ && !then_) then_ = restarted_ ? told(at) : told_then{.what = now_, .last_seen = {}, .goes_on = {}};
    if (std::exchange(restarted_, false)) now_ = {};  // what ran before is gone, also where nothing says that it was stopped
    end_ = std::max(end_, at);
    earliest_ = std::min(earliest_, at);
    first_asked_ = wall_time::max();
  }
  void see_checkpoint(const std::string& line) {
    if (const auto told = silence_of(line); told > milliseconds(0)) silent_for_ = told;
  }
  void take(const json& event, const std::string& line, const std::string& boot, wall_time at) {
    const auto kind = word(event, "event");
    const auto before = kind == "lost" ? last_event_ : std::exchange(last_event_, at);
    if (kind == "lost" && before <= when_ && when_ <= at && word(event, "detail").ends_with(lost_events)) lost_until_ = at;
    if (kind == "start" || kind == "stop") now_ = {};  // a node that is not running enforces nothing
    if (kind != "stop") now_.take(event, line, boot, at);
  }
  // The last stretch goes on.
  [[nodiscard]] std::vector<active_version> answers(const std::string& node) {
    if (begin_ && *begin_ <= when_) keep();
    if (found_.empty() && !whole_ && when_ < earliest_) {
      found_.push_back({});
      found_.back().node = node;
      found_.back().log_begins = earliest_;
    }
    for (auto& each : found_) {
      each.set_back = set_back_;
      each.one_of = found_.size();
    }
    return std::move(found_);
  }

 private:
  void end_stretch() {
    if (*begin_ <= when_ && when_ <= end_) keep();
  }
  // What was in force when the time had come, and whether anybody knows. `restart`: what is read next is of another boot, which began then.
  struct told_then {
    running what;
    std::optional<wall_time> last_seen, goes_on;
  };
  [[nodiscard]] told_then told(std::optional<wall_time> restart) const {
    if (when_ <= end_ + silent_for_ + waits_at_most) return {.what = now_, .last_seen = {}, .goes_on = {}};
    return {.what = now_, .last_seen = end_, .goes_on = restart};
  }
  void keep() {
    const auto of = then_ ? *then_ : told({});
    if (!of.what.runs()) return;
    found_.push_back(of.what.now_active());
    found_.back().lost_until = lost_until_;
    found_.back().last_seen = of.last_seen;
    found_.back().goes_on = of.goes_on;
  }

  wall_time when_;
  std::map<std::string, std::uint64_t> last_of_;        // by boot: the last record that was read
  std::optional<wall_time> begin_;                      // of this stretch
  wall_time end_{}, first_asked_ = wall_time::max();    // asked: of exchanges since the log's last word of its own
  running now_;
  std::optional<told_then> then_;                       // as it was at the time, once this stretch is past it
  std::string boot_;                                    // of the last record that was read
  bool restarted_ = false;                              // and it is another than that of the last word of the log's own
  bool whole_ = false;                                  // the log's first record was among them
  wall_time earliest_ = wall_time::max();               // of any record
  milliseconds silent_for_{0};                          // at most, while the node runs; 0: the log does not tell
  wall_time last_event_{};                              // before what was lost
  std::optional<wall_time> lost_until_;                 // between it and this some events were lost, and the time lies there
  seconds set_back_{0};
  std::vector<active_version> found_;
};

}  // namespace

result<std::vector<active_version>> active_at(const std::vector<std::string>& directories, wall_time when) {
  std::map<std::string, stretches> nodes;
  auto done = each_line(directories, [&](const log_file& file, std::streamoff, const std::string& l) {
    const auto at = parse_time(first_text(l, "time"));
    if (!at) return true;
    auto& node = nodes.try_emplace(file.node, when).first->second;
    if (!node.is_next(file.boot, sequence_of(l))) return true;
    if (std::ranges::any_of(of_exchanges, [&](std::string_view event) { return l.contains(event); })) return node.see_exchange(*at), true;  // most lines
    node.see(*at);
    if (first_text(l, "event") == "checkpoint") return node.see_checkpoint(l), true;
    if (const auto r = parse_bounded<json>(l, record_bounds); !r.is_discarded()) node.take(r, l, file.boot, *at);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  std::vector<active_version> out;
  for (auto& [name, node] : nodes) std::ranges::move(node.answers(name), std::back_inserter(out));
  return out;
}

}  // namespace sluice::audit
