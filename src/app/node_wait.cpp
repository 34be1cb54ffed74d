// See node_wait.hpp.
#include "node_wait.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "screen_block.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {

void add_wait_options(CLI::App& command, wait_options& options) {
  const auto who = [](const std::string& text) {
    std::uint32_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool counts = read.ec == std::errc{} && read.ptr == text.data() + text.size() && number > 0;
    return counts || text == "all" ? std::string() : "takes all or a number of nodes, not '" + text + "'";
  };
  const auto duration = [](const std::string& text) {
    const auto read = parse_duration(text);
    if (!read) return read.error().message;
    return read->count() > 0 ? std::string() : std::string("must be longer than nothing");
  };
  auto* wait = command.add_option("--wait", options.who, "Wait until all nodes, or this many, have answered: all or a number");
  wait->check(CLI::Validator(who, ""));
  auto* timeout = command.add_option("--timeout", options.timeout, "How long to wait: 10s, 1m");
  timeout->capture_default_str()->check(CLI::Validator(duration, ""))->needs(wait);
}

std::string phase_of(const store::acknowledgement& answer) {
  if (answer.state == "ACK") return "active";
  return answer.state == "NACK" ? "refused in " + answer.phase : lower(answer.phase);
}

namespace {

// What to do about refusals, by where nodes stopped.
std::string advice(const std::vector<store::acknowledgement>& answers) {
  const auto in = [&](const char* phase) { return std::ranges::any_of(answers, [&](const auto& a) { return a.state == "NACK" && a.phase == phase; }); };
  std::string out;
  const auto add = [&](const char* what) { out += (out.empty() ? "" : "; ") + std::string(what); };
  if (in("STORE")) add("who could not store it says whether it is in force, and tries again by itself: give the state directory room");
  if (in("VERIFY")) add("who could not verify it keeps what it had: sign with a key that nodes trust (policy.trust), or have it approved where it is weaker");
  if (in("GEN_FORK")) add("two servers gave one number: push again");
  const bool other = std::ranges::any_of(answers, [](const auto& a) { return a.state == "NACK" && a.phase != "STORE" && a.phase != "VERIFY" && a.phase != "GEN_FORK"; });
  if (other) add("who could not build it keeps what it had: correct the bundle and push again");
  return out;
}

}  // namespace

std::string answers_json(const wait_outcome& of) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& a : of.answers) {
    const auto after = of.after.find(a.node);
    out.push_back({{"node", a.node}, {"state", a.state}, {"phase", a.phase}, {"message", a.message}, {"version", a.version}, {"compile_ms", a.compile.count()},
                   {"after_ms", after == of.after.end() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(after->second.count())}});
  }
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

namespace {

// What a node says of a refusal may have lines; none of them looks like another node's answer.
std::string inset(const std::string& message) {
  std::string out;
  for (const char c : printable_lines(message)) out += c == '\n' ? "\n      " : std::string(1, c);
  return out;
}

constexpr milliseconds ask_answers_every{10};  // Redis tells publishers nothing by itself
constexpr milliseconds ask_nodes_every{100};
constexpr milliseconds overtaken_answers_within{3000};
constexpr int again_max = 5;  // above what nodes say they have seen; those that come back late make it more than one

// What people see while nodes answer.
class node_progress {
 public:
  explicit node_progress(bool quiet) : quiet_(quiet), in_place_(!quiet && screen_block::possible()) {}

  void say(const std::string& line) {
    if (quiet_) return;
    block_.leave();
    std::cout << line << '\n' << std::flush;
  }
  // A node that is there, and what it runs by its last heartbeat.
  void there(const store::node_status& node) {
    if (!in_place_) return;
    auto& row = rows_[node.id];
    if (!row.answered) row.version = node.version;
  }
  // On its way: received, verified.
  void on_its_way(const store::acknowledgement& a) {
    if (!in_place_) return;
    auto& row = rows_[a.node];
    if (!row.answered) row.phase = phase_of(a);
  }
  void answered(const store::acknowledgement& a, std::optional<milliseconds> after) {
    if (quiet_) return;
    if (in_place_) {
      rows_[a.node] = {.answered = true, .phase = phase_of(a), .version = a.version, .after = after ? std::to_string(after->count()) : "-", .built = std::to_string(a.compile.count()), .message = a.message};
      return;
    }
    std::cout << "  " << printable(a.node + ": " + phase_of(a));
    if (after) std::cout << " after " << after->count() << " ms";
    if (a.state == "ACK") std::cout << ", built in " << a.compile.count() << " ms";
    if (!a.message.empty()) std::cout << ": " << inset(a.message);
    std::cout << '\n' << std::flush;
  }
  void again() {
    rows_.clear();
    block_.leave();
  }
  void draw() {
    if (!in_place_ || rows_.empty()) return;
    std::vector<std::vector<std::string>> cells = {{"node", "phase", "version", "ms", "built", ""}};
    for (const auto& [id, row] : rows_) cells.push_back({id, row.phase, short_version(row.version), row.after, row.built, row.message.substr(0, row.message.find('\n'))});
    block_.draw(table(cells));
  }
  // Refusals at length, once the table stands still.
  void finish() {
    draw();
    for (const auto& [id, row] : rows_) {
      if (!row.message.empty()) std::cout << printable(id) << ": " << inset(row.message) << '\n';
    }
    std::cout << std::flush;
  }

 private:
  struct row {
    bool answered = false;
    std::string phase = "waiting", version = {}, after = "-", built = "-", message = {};
  };
  const bool quiet_, in_place_;
  std::map<std::string, row> rows_;
  screen_block block_;
};

class node_wait {
 public:
  node_wait(store::publisher& ring, const std::string& name, const store::head_record& head, const wait_options& options, bool quiet, bool found)
      : ring_(ring), options_(options), progress_(quiet), all_(options.who == "all"), found_(found), begin_(mono_now()) {
    out_.ring = name;
    out_.head = head;
    out_.reached = false;
    activated_ = parse_time(head.time).value_or(now().wall);  // this machine's time, of this command
  }

  wait_outcome run() {
    end_ = begin_ + parse_duration(options_.timeout).value_or(milliseconds(30'000));  // checked when the command line was read
    (void)std::from_chars(options_.who.data(), options_.who.data() + options_.who.size(), wanted_);  // "all" is no number
    // Whoever is not back yet cannot have said what it has seen.
    watch_until_ = out_.head.from_nothing ? begin_ + store::return_max : begin_;
    if (!options_.who.empty()) watch_until_ = std::min(watch_until_, end_);
    if (out_.head.from_nothing) {
      const auto watched = std::chrono::duration_cast<seconds>(watch_until_ - begin_);
      progress_.say("ring '" + out_.ring + "' held nothing before: watching " + std::to_string(watched.count()) + " s for nodes that have seen a newer activation" +
                    (watch_until_ - begin_ < store::return_max ? " (--timeout ends it; nodes may need " + std::to_string(store::return_max.count() / 1000) + " s to come back)" : ""));
    }
    for (;;) {
      if (mono_now() >= next_nodes_) look_at_nodes();
      read_answers();
      progress_.draw();
      const bool enough = answered_ >= wanted_ && (mono_now() >= watch_until_ || (!all_ && wanted_ > 0));
      if (enough) return finish();
      if (mono_now() >= end_ && answered_ < wanted_) return give_up();
      std::this_thread::sleep_for(ask_answers_every);
    }
  }

 private:
  void look_at_nodes() {
    next_nodes_ = mono_now() + ask_nodes_every;
    if (const auto nodes = ring_.nodes()) {
      for (const auto& n : *nodes) {
        if (!n.alive) continue;
        progress_.there(n);
        // Whoever was there once is waited for, whatever becomes of it.
        if (all_ && (first_look_ || mono_now() < watch_until_)) expected_.insert(n.id);
      }
      first_look_ = false;
    }
    if (all_) wanted_ = expected_.size();
    const auto& head = out_.head;
    if (const auto live = ring_.head(); live && live->activation > head.activation && overtaken_.empty()) {
      // Nodes that were busy with it still answer; the others go straight on to the newer one.
      overtaken_ = policy::to_string(live->activation) + " by " + printable(live->actor);
      end_ = std::min(end_, mono_now() + overtaken_answers_within);
    }
    if (const auto ahead = ring_.ahead_of(head); ahead && !ahead->nodes.empty() && again_ <= again_max) activate_above(*ahead);
  }

  // What it was held against was not what nodes run: nobody can tell whether it is weaker than that.
  [[nodiscard]] bool others_run_another() {
    const auto nodes = ring_.nodes();
    const auto other = [&](const store::node_status& n) { return n.alive && !n.version.empty() && n.version != out_.head.version; };
    return !nodes || std::ranges::any_of(*nodes, other);
  }

  // Redis has lost what nodes have seen: they follow nothing below it.
  void activate_above(const store::publisher::nodes_ahead& ahead) {
    const auto& head = out_.head;
    if (again_++ == again_max) return say_who_claims(ahead);
    auto again = ring_.activate({.version = head.version, .kind = head.kind, .actor = head.actor, .note = head.note, .weaker = head.how.weaker || others_run_another(), .approved_by = head.how.approved_by, .manifest = head.manifest, .canary = head.canary, .shadow = head.shadow,
                                 .rearm = head.rearmed, .rearm_rule = head.rearmed_rule, .instead_of = head.activation});
    if (!again) {
      again_ = again_max + 1;
      failed_ = true;
      return complain_ring(again.error());
    }
    progress_.say("nodes have seen " + policy::to_string(ahead.highest) + ", which this Redis has lost: the version is active again as " + policy::to_string(again->activation));
    progress_.again();
    warn_of_revoked_again(*again);
    out_.after.clear();
    found_ = false;
    out_.head = *again;
    activated_ = parse_time(again->time).value_or(now().wall);
    told_.clear();
  }

  // What heartbeats say nobody signs: a node, or whoever writes in its name, may go on so for ever.
  void say_who_claims(const store::publisher::nodes_ahead& ahead) {
    complain("the version was activated " + std::to_string(again_max) + " times above what nodes say they have seen, and still there are some that say they have seen " + policy::to_string(ahead.highest) + ": " + printable(join(ahead.nodes)),
             "it stays " + policy::to_string(out_.head.activation) + ". Look at what these nodes run and at who may write their heartbeats (docs/deploy.md); sluice activate makes it live once more");
  }

  void read_answers() {
    const auto answers = ring_.acknowledgements(out_.head.activation, out_.head.version);
    if (!answers) return;
    out_.answers.clear();
    accepted_ = refused_ = answered_ = kept_ = 0;
    for (const auto& a : *answers) {
      if (a.state != "ACK" && a.state != "NACK") {
        progress_.on_its_way(a);
        continue;
      }
      out_.answers.push_back(a);
      // A node that could not store it, for one, refuses at first and takes it later.
      if (auto& told = told_[a.node]; told != a.state) {
        told = a.state;
        std::optional<milliseconds> after;
        if (!found_) after = out_.after[a.node] = std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(now().wall - activated_));
        progress_.answered(a, after);
      }
      accepted_ += a.state == "ACK" ? 1 : 0;
      refused_ += a.state == "NACK" ? 1 : 0;
      if (std::ranges::find(a.kept, options_.demoted, &store::rule_demotion::rule) != a.kept.end()) ++kept_;
      answered_ += !all_ || expected_.contains(a.node) ? 1 : 0;
    }
  }

  wait_outcome finish() {
    progress_.finish();
    if (all_ && expected_.empty()) {
      complain("there are no nodes in ring '" + out_.ring + "', so nobody has taken " + policy::to_string(out_.head.activation),
               "is --ring the fleet's name? see: sluice status. The version is active in Redis and nodes that come will take it");
      return std::move(out_);
    }
    out_.reached = !failed_ && refused_ == 0 && (options_.who.empty() || (kept_ == 0 && accepted_ >= wanted_));
    if (kept_ > 0) {
      complain("rule '" + options_.demoted + "' stays enforced on " + std::to_string(kept_) + " nodes: it is under never_demote, and no key that they trust with the role activate has signed that it is demoted",
               "sluice demote " + options_.demoted + " with such a key; to take this back: sluice rearm " + options_.demoted);
    }
    if (refused_ > 0) {
      complain(std::to_string(refused_) + " nodes refused " + policy::to_string(out_.head.activation), advice(out_.answers));
    }
    return std::move(out_);
  }

  wait_outcome give_up() {
    progress_.finish();
    if (!overtaken_.empty()) {
      complain("another push overtook " + policy::to_string(out_.head.activation) + " before all nodes had taken it: " + overtaken_ + " is live",
               "if yours should be, push it again; see: sluice history");
      return std::move(out_);
    }
    std::string missing;
    for (const auto& id : expected_) {
      if (!told_.contains(id)) missing += " " + printable(id);
    }
    complain(std::to_string(answered_) + " of " + std::to_string(wanted_) + " nodes answered within " + options_.timeout +
                 (missing.empty() ? "" : "; missing:" + missing),
             "the version is active in Redis all the same; see: sluice status");
    return std::move(out_);
  }

  store::publisher& ring_;
  const wait_options& options_;
  node_progress progress_;
  const bool all_;
  bool found_, first_look_ = true, failed_ = false;
  int again_ = 0;  // how often it was activated above what nodes say
  mono_time begin_, end_{}, watch_until_{}, next_nodes_{};
  wall_time activated_{};
  std::size_t wanted_ = 0, accepted_ = 0, refused_ = 0, answered_ = 0, kept_ = 0;
  std::set<std::string> expected_;
  std::map<std::string, std::string> told_;  // by node: its state
  std::string overtaken_;  // by which activation, and whose
  wait_outcome out_;
};

}  // namespace

void wait_for_return(store::publisher& ring, const std::string& name, const wait_options& options, bool quiet) {
  if (const auto head = ring.head(); head || head.error().code != errc::not_found) return;
  std::size_t wanted = 0;
  (void)std::from_chars(options.who.data(), options.who.data() + options.who.size(), wanted);
  const auto until = mono_now() + store::return_max;
  for (bool told = false; mono_now() < until; std::this_thread::sleep_for(ask_nodes_every)) {
    if (const auto ahead = ring.ahead_of(store::head_record{}); !ahead || !ahead->nodes.empty()) return;
    const auto nodes = ring.nodes();
    if (nodes && wanted > 0 && static_cast<std::size_t>(std::ranges::count_if(*nodes, &store::node_status::alive)) >= wanted) return;
    if (!told && !quiet) std::cout << "ring '" << name << "' holds nothing: watching up to " << store::return_max.count() / 1000 << " s for nodes that have seen an activation\n" << std::flush;
    told = true;
  }
}

wait_outcome wait_for_nodes(store::publisher& ring, const std::string& name, const store::head_record& head, const wait_options& options, bool quiet, bool found) {
  if (options.who.empty() && !head.from_nothing) return {.reached = true, .ring = name, .head = head, .answers = {}, .after = {}};
  return node_wait(ring, name, head, options, quiet, found).run();
}

int wait_and_tell(store::publisher& ring, const std::string& name, const std::string& version, const store::head_record& head, const wait_options& options, bool json, const std::vector<std::string>& warnings) {
  const auto waited = wait_for_nodes(ring, name, head, options, json);
  if (json) std::cout << nlohmann::ordered_json{{"ok", waited.reached}, {"version", version}, {"activation", policy::to_string(waited.head.activation)}, {"nodes", parse_bounded<nlohmann::ordered_json>(answers_json(waited))}, {"warnings", warnings}}.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  return waited.reached ? 0 : 1;
}

}  // namespace sluice::app
