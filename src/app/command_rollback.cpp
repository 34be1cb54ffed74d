// sluice rollback: an older version again, as a newer activation.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "bundle_input.hpp"
#include "ended_by.hpp"
#include "node_answers.hpp"
#include "node_wait.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/printable.hpp"

namespace sluice::app {
namespace {

struct rollback_options {
  ring_options ring;
  signing_options signing;
  wait_options wait;
  std::string to, note, actor;
  bool revoke = false;
};

// Which entries of a history some node took, as far as anybody knows: answers are kept for 30 days, and one that could not keep it on disk runs it.
struct taken_entries {
  const std::vector<store::head_record>& history;  // the newest first
  std::vector<answer_count> answers;
  bool named = false;     // somebody named the version: what nobody answered to may have been live, and nodes see for themselves
  bool answered = false;  // nodes of this ring do answer

  [[nodiscard]] bool taken(std::size_t i) const {
    const auto& n = answers[i];
    if (n.refused_by_all()) return n.gone_taken > 0;
    const auto at = parse_time(history[i].time);
    const bool recent = at && now().wall - *at < answers_kept;
    const bool nobody = n.taken + n.refused + n.open + n.gone == 0;
    return named || !answered || !recent || !nobody;
  }
  [[nodiscard]] std::string why_not(std::size_t i) const {
    return (answers[i].refused > 0 ? "every node refused it, as " : "no node has answered to it, as ") + policy::to_string(history[i].activation);
  }
  static constexpr std::chrono::hours answers_kept{30 * 24};
};
result<taken_entries> read_taken(store::publisher& ring, const std::vector<store::head_record>& history, bool named) {
  const auto all = ring.acknowledgements(history);
  if (!all) return std::unexpected(all.error());
  taken_entries out{.history = history, .answers = {}, .named = named};
  for (const auto& each : *all) {
    out.answers.push_back(counted(each));
    out.answered = out.answered || out.answers.back().taken + out.answers.back().refused > 0;
  }
  return out;
}

// The entry by which it goes back to a version, or why it does not.
struct way_back {
  std::optional<store::head_record> entry = {};
  std::string why = {};
  bool revoked = false;
};

// By `named` where some node took it, else by the newest entry of its version that one took: the manifest of an entry is what nodes look at, and one that
// every node refused they refuse again, whatever they thought of the version under another.
way_back way_back_to(const taken_entries& in, const std::vector<std::string>& revoked, std::size_t named) {
  const auto& version = in.history[named].version;
  if (std::ranges::find(revoked, version) != revoked.end()) return {.why = "it is revoked; sluice unrevoke takes that back", .revoked = true};
  if (in.taken(named)) return {.entry = in.history[named]};
  auto last = named;
  for (std::size_t i = 0; i < in.history.size(); ++i) {
    if (in.history[i].version != version || i == named) continue;
    if (in.taken(i)) return {.entry = in.history[i]};
    last = i;
  }
  return {.why = in.why_not(last)};
}

// The entry to go back to: of the version that `to` names by its first digits or by an activation, or of the newest that is not live, was live and is not
// revoked. Nothing: there is none, or it was complained about.
result<std::optional<store::head_record>> choose(store::publisher& ring, const std::vector<store::head_record>& history, const std::string& to) {
  auto revoked = ring.revoked();
  if (!revoked) return std::unexpected(revoked.error());
  // Whoever names a version knows better than what nobody has signed.
  const auto before = to.empty() ? ring.revoked_before_loss() : std::vector<std::string>();
  if (!before) return std::unexpected(before.error());
  revoked->insert(revoked->end(), before->begin(), before->end());
  const auto in = read_taken(ring, history, !to.empty());
  if (!in) return std::unexpected(in.error());
  std::set<std::string> skipped;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const auto& e = history[i];
    const bool is_live = e.version == history.front().version;
    const bool named = to.empty() ? !is_live : e.version.starts_with(to) || policy::to_string(e.activation) == to;
    if (!named || skipped.contains(e.version)) continue;
    auto way = way_back_to(*in, *revoked, i);
    if (way.entry) return std::move(way.entry);
    if (is_live) return e;  // once more what is live, for whoever names it
    skipped.insert(e.version);
    complain("version " + short_version(e.version) + " is passed over: " + way.why, way.revoked ? "see: sluice history" : "see: sluice history; sluice activate makes it live where its manifest and its approval let it");
  }
  return std::nullopt;
}

// A retry of a rollback must not undo it: what "the one before" is then is for a person to say.
bool repeats(const std::vector<store::head_record>& history, const std::string& to) {
  if (!to.empty() || history.empty() || (history.front().kind != "rollback" && !history.front().back)) return false;
  const auto& last = history.front();
  const std::string is = last.kind == "rollback" ? ", is a rollback already (to " : ", goes on with a rollback (to ";
  complain("the last activation, " + policy::to_string(last.activation) + " by " + printable(last.actor) + " at " + printable(last.time) + is + short_version(last.version) + ")",
           "name the version to go back to: --to VERSION, or --to EPOCH-GENERATION as sluice history lists them");
  return true;
}

// Forbids what was left, once there is a node that runs what it was left for: where every node refuses that, the version that was left is all they have.
// False: it was complained about.
bool revoke_left(store::publisher& ring, const rollback_options& options, const std::string& left, const store::head_record& head, bool json) {
  constexpr milliseconds answers_within{10'000};
  constexpr milliseconds look_every{100};
  const auto until = mono_now() + answers_within;
  for (;;) {
    const auto nodes = ring.nodes();
    const auto answers = ring.acknowledgements(head.activation, head.version);
    if (!nodes || !answers) return complain_ring(nodes ? answers.error() : nodes.error()), false;
    const auto n = counted(*answers, head, *nodes);
    const bool nobody = std::ranges::none_of(*nodes, [](const auto& each) { return each.alive; });
    if (n.taken > 0 || nobody) break;
    if (n.open == 0 || mono_now() >= until) {
      complain("version " + short_version(left) + " was not revoked: no node has taken version " + short_version(head.version) + " yet (" + told(n) + ")", "when one has: sluice revoke " + short_version(left));
      return false;
    }
    std::this_thread::sleep_for(look_every);
  }
  if (const auto done = ring.revoke(left, actor_name(options.actor), options.note); !done) return complain_ring(done.error()), false;
  if (!json) std::cout << "version " << short_version(left) << " will not be activated again\n" << std::flush;
  return kept_by_replicas(ring, "the revocation");
}

// The end of it for machines. `revoked`: whether what was left is; none: nobody asked for that, or nothing was left.
void print_outcome(const wait_outcome& waited, const std::string& version, std::optional<bool> revoked, const std::vector<std::string>& warnings) {
  nlohmann::ordered_json out = {{"ok", waited.reached && revoked.value_or(true)}, {"version", version}, {"activation", policy::to_string(waited.head.activation)}, {"revoked", nullptr},
                                {"nodes", parse_bounded<nlohmann::ordered_json>(answers_json(waited))}, {"warnings", warnings}};
  if (revoked) out["revoked"] = *revoked;
  std::cout << out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

int rollback(const rollback_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.activate = activating})) return 1;
  const auto live = ring->head();
  if (!live && live.error().code != errc::not_found && live.error().code != errc::integrity) return complain_ring(live.error()), 1;
  auto history = ring->history(0);
  if (!history) return complain_ring(history.error()), 1;
  // Back to what somebody made live whose word counts, and not to what was written between.
  const auto written = std::erase_if(*history, [](const store::head_record& e) { return !e.doubt.empty(); });
  if (written > 0) complain(std::to_string(written) + " activations of the history are passed over: they are damaged, or no key that counts here has signed them", "--trust FILE (or SLUICE_TRUST) names those that do");
  if (history->empty() && written > 0) return complain("there is no version to go back to", "see: sluice history; sluice activate VERSION"), 1;
  if (history->empty()) return say_why_empty(*ring, options.ring.ring), 1;
  if (repeats(*history, options.to)) return 1;
  if (!options.to.empty() && !options.to.contains('-') && options.to.size() < version_digits_min) {
    return complain("--to '" + options.to + "' is too short for a version", "give at least its first " + std::to_string(version_digits_min) + " digits, or its activation, as 1-17"), 1;
  }
  const auto to = choose(*ring, *history, options.to);
  if (!to) return complain_ring(to.error()), 1;
  if (!*to) {
    const bool known = std::ranges::any_of(*history, [&](const store::head_record& e) { return e.version.starts_with(options.to) || policy::to_string(e.activation) == options.to; });
    complain(options.to.empty() ? "there is no older version to go back to" : known ? "nothing goes back to " + options.to + ", so nothing was changed" : "no version that was ever live begins with " + options.to,
             "see: sluice history");
    return 1;
  }
  const auto* version = &(*to)->version;
  if (options.revoke && *version == history->front().version) {
    complain("version " + short_version(*version) + " is live already: nothing is left by this, and so nothing is revoked or changed", "to forbid another one: sluice revoke VERSION");
    return 1;
  }
  const auto head = ring->activate({.version = *version, .kind = "rollback", .actor = actor_name(options.actor), .note = options.note, .manifest = (*to)->manifest, .only_after = live ? live->activation : policy::activation{}});
  if (!head) return complain_ring(head.error()), 1;
  if (!json) std::cout << "from " << short_version(history->front().version) << " back to version " << short_version(*version) << ", active as " << policy::to_string(head->activation) << '\n' << std::flush;
  warn_about(*head);
  const auto ended = live ? ended_by(*ring, *live, *head) : std::vector<std::string>{};
  const auto& left = history->front().version;
  std::optional<bool> revoked;
  if (options.revoke && left != *version) revoked = revoke_left(*ring, options, left, *head, json);
  const auto waited = wait_for_nodes(*ring, options.ring.ring, *head, options.wait, json);
  if (json) print_outcome(waited, *version, revoked, ended);
  return waited.reached && revoked.value_or(true) ? 0 : 1;
}

}  // namespace

void add_rollback(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("rollback", "Make an older version live again");
  auto options = std::make_shared<rollback_options>();
  add_ring_options(*command, options->ring);
  must_name(*command->add_option("--to", options->to, "The version or its first digits, or its activation (1-17); by default the one before"), "version");
  add_history_options(*command, options->actor, options->note);
  command->add_flag("--revoke", options->revoke, "Forbid that the version that was left is ever activated again, once a node runs the other");
  add_signing_options(*command, options->signing, false);
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer("A rollback is a newer activation of an older version; it revokes nothing.\n\nExample:\n"
                  "  sluice rollback --redis redis://127.0.0.1:6379 --ring prod --wait all");
  command->callback([options, &call] { call.exit_code = rollback(*options, call.json); });
}

}  // namespace sluice::app
