// sluice history: every activation of a ring, every freeze and every revocation, newest first.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "activation_subject.hpp"
#include "bundle_input.hpp"
#include "node_answers.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

// Twelve digits, and whether it is exactly that commit.
std::string short_commit(const std::string& commit) { return commit.substr(0, 12) + (commit.ends_with("-dirty") ? "-dirty" : ""); }

// A signature says nothing of itself: only who knows the keys can tell whether it is one.
std::string key_of(const store::head_record& e, bool verified) {
  if (e.signed_by.empty()) return "-";
  return e.signed_by + (!verified ? " (unverified)" : e.doubt.empty() ? "" : " (does not count)");
}

// What is known of an activation beside its record.
struct entry_facts {
  std::optional<answer_count> answers;                // none: they could not be read
  store::second_keys second = {};                     // that approved the version it is about (store::origin_of)
  bool revoked = false;                               // that version is, now
};

nlohmann::ordered_json tree_of(const entry_facts& of) {
  nlohmann::ordered_json out = {{"nodes", nullptr}, {"second_keys", nlohmann::ordered_json::array()}, {"revoked", of.revoked}};
  if (of.answers) out["nodes"] = {{"taken", of.answers->taken}, {"refused", of.answers->refused}, {"unanswered", of.answers->open}, {"gone", of.answers->gone}, {"refused_in", of.answers->phases}};
  out["second_keys_unknown"] = of.second.doubt.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(of.second.doubt);
  for (const auto& each : of.second.keys) out["second_keys"].push_back({{"key", each.key}, {"name", each.name}, {"verified", each.counts}, {"doubt", each.doubt}});
  return out;
}

nlohmann::ordered_json tree_of(const store::head_record& e, const activation_subject& about, bool verified, const entry_facts& facts) {
  const auto& how = e.how;
  nlohmann::ordered_json out = {{"activation", policy::to_string(e.activation)}, {"version", e.version}, {"canary", nullptr}, {"shadow", e.shadow}, {"kind", e.kind}, {"about", about.version}, {"rules", about.rules}, {"all_rules", about.all_rules}, {"actor", e.actor},
                                {"note", e.note}, {"time", e.time}, {"signed_by", e.signed_by}, {"verified", verified && !e.signed_by.empty() && e.doubt.empty()}, {"doubt", e.doubt}, {"ended_since", e.ended_since}, {"origin_of", store::origin_of(e)}, {"commit", how.commit}, {"gate_report", how.gate_report},
                                {"gate_verdict", how.gate_verdict}, {"emergency", how.emergency}, {"skipped", how.skipped}, {"weaker", how.weaker}, {"approved_by", how.approved_by}};
  if (e.canary) out["canary"] = {{"version", e.canary->version}, {"percent", e.canary->basis_points / 100.0}};
  out.update(tree_of(facts));
  return out;
}

// A name that somebody gave, and keys that signed: the one is a word, the other a proof.
std::string approvals_of(const store::head_record& e, const entry_facts& facts, bool verified) {
  std::vector<std::string> out;
  if (!e.how.approved_by.empty()) out.push_back("approved by " + e.how.approved_by);
  if (!facts.second.doubt.empty()) out.push_back("which keys approved it, nobody can tell (" + facts.second.doubt + ")");
  for (const auto& each : facts.second.keys) {
    out.push_back("approved with key " + (each.name.empty() ? each.key : each.name) + (!verified ? " (unverified)" : each.counts ? "" : " (does not count: it " + each.doubt + ")"));
  }
  return join(out);
}

void add_word(std::string& to, const std::string& more) { to += (to.empty() || more.empty() ? "" : "; ") + more; }

// What of the past of the version that it is about a reader must not miss.
std::string marks_of(const store::head_record& e, const entry_facts& facts, bool verified) {
  const auto& how = e.how;
  std::string out;
  const auto add = [&](const std::string& more) { add_word(out, more); };
  if (how.emergency) add(std::string(e.note.starts_with("EMERGENCY") ? "" : "EMERGENCY, ") + "not asked: " + (how.skipped.empty() ? "golden sets" : join(how.skipped)));
  if (how.weaker) add("may be weaker");
  add(approvals_of(e, facts, verified));
  if (facts.revoked) add("REVOKED: not to be activated again");
  return out;
}

// Whether its own word counts, which is no matter of any version.
std::string doubt_of(const store::head_record& e) {
  if (e.kind == store::damaged_kind || e.doubt.empty()) return e.doubt;
  return (e.ended_since ? "counted at that time, and does not any more: " : "DOES NOT COUNT: ") + e.doubt;
}

nlohmann::ordered_json tree_of(const store::ring_stop& s) {
  return {{"activation", nullptr}, {"version", s.version}, {"kind", s.kind}, {"actor", s.actor}, {"note", s.note}, {"time", s.time}};
}

std::vector<std::string> row_of(const store::ring_stop& s) {
  return {"-", s.version.empty() ? "-" : short_version(s.version), s.kind, s.time, s.actor, "-", "-", "-", "-", s.note};
}

// What puts a version beside the one that is live has a row of that version's own below its own: why, commit, report and marks are no matter of the one that is live.
std::vector<std::vector<std::string>> rows_of(const store::head_record& e, const activation_subject& about, bool verified, const entry_facts& facts) {
  const bool trial = store::origin_of(e) != e.version;
  const auto commit = or_dash(short_commit(e.how.commit)), report = or_dash(short_version(e.how.gate_report));
  auto why = e.note;
  if (e.kind != store::damaged_kind) add_word(why, marks_of(e, facts, verified));
  if (!trial) add_word(why, doubt_of(e));
  std::vector<std::vector<std::string>> out = {{policy::to_string(e.activation), short_version(e.version), told(e, about), e.time, e.actor, key_of(e, verified), trial ? "-" : commit,
                                                trial ? "-" : report, facts.answers ? told(*facts.answers) : "?", trial ? doubt_of(e) : why}};
  if (trial) out.push_back({"", short_version(store::origin_of(e)), "beside it", "", "", "", commit, report, "", why});
  return out;
}

// Of each entry. What cannot be read is complained about and left open: the history itself is worth more than the rest. Nothing: Redis is gone.
std::optional<std::vector<entry_facts>> facts_of(store::publisher& ring, const std::vector<store::head_record>& entries) {
  const auto revoked = ring.revoked();
  if (!revoked) return complain_ring(revoked.error()), std::nullopt;
  const auto second = ring.approvals(entries);
  if (!second) return complain_ring(second.error()), std::nullopt;
  const auto answers = ring.acknowledgements(entries);
  if (!answers) complain("what nodes answered is not shown: " + printable(answers.error().message), "see: sluice status");
  const auto nodes = ring.nodes();
  if (!nodes) complain("which nodes owe an answer is not shown: " + printable(nodes.error().message), "see: sluice status");
  std::vector<entry_facts> out;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entry_facts each{.answers = {}, .second = (*second)[i], .revoked = std::ranges::find(*revoked, store::origin_of(entries[i])) != revoked->end()};
    // Who has not answered is known of the head alone: an older one was overtaken before some came to it.
    if (answers) each.answers = i == 0 && nodes ? counted((*answers)[i], entries[i], *nodes) : counted((*answers)[i]);
    out.push_back(std::move(each));
  }
  return out;
}

// Activations stay in the order of their numbers. What was frozen or revoked stands among them by its time: before the first that is older.
// `entries`: one more than `limit`, so that the oldest is told by what it followed. `activation` gets which of them it is.
template <class Activation, class Stop>
void in_order(const std::vector<store::head_record>& entries, const std::vector<store::ring_stop>& stops, std::size_t limit, Activation&& activation, Stop&& stop) {
  std::size_t next = 0, told = 0;
  const auto full = [&] { return limit != 0 && told >= limit; };
  for (const auto& e : entries) {
    for (; next < stops.size() && !e.time.empty() && stops[next].time >= e.time && !full(); ++next, ++told) stop(stops[next]);
    if (full()) return;
    const bool known = &e != &entries.back() && (&e + 1)->kind != store::damaged_kind;
    activation(static_cast<std::size_t>(&e - entries.data()), subject_of(e, known ? &e + 1 : nullptr));
    ++told;
  }
  for (; next < stops.size() && !full(); ++next, ++told) stop(stops[next]);
}

int history(const ring_options& options, const std::string& trust_file, std::size_t limit, bool json) {
  auto ring = connect_ring(options);
  if (!ring || !trust_ring(*ring, trust_file)) return 1;
  const bool verified = !trust_file.empty();
  const auto entries = ring->history(limit == 0 ? 0 : limit + 1);
  if (!entries) return complain_ring(entries.error()), 1;
  const auto stops = ring->stops(limit);
  if (!stops) return complain_ring(stops.error()), 1;
  if (entries->empty()) say_why_empty(*ring, options.ring);
  const auto facts = facts_of(*ring, *entries);
  if (!facts) return 1;
  if (json) {
    auto out = nlohmann::ordered_json::array();
    in_order(*entries, *stops, limit, [&](std::size_t i, const auto& about) { out.push_back(tree_of((*entries)[i], about, verified, (*facts)[i])); }, [&](const auto& s) { out.push_back(tree_of(s)); });
    std::cout << out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"activation", "version", "kind", "time", "who", "key", "commit", "gate report", "nodes", "why"}};
  in_order(*entries, *stops, limit, [&](std::size_t i, const auto& about) { std::ranges::move(rows_of((*entries)[i], about, verified, (*facts)[i]), std::back_inserter(rows)); }, [&](const auto& s) { rows.push_back(row_of(s)); });
  std::cout << table(rows);
  return 0;
}

constexpr std::size_t limit_max = 1'000'000;

std::string check_limit(const std::string& text) {
  std::size_t count = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool fine = read.ec == std::errc{} && read.ptr == text.data() + text.size() && count <= limit_max;
  return fine ? std::string() : "takes a number from 0 to " + std::to_string(limit_max) + ", not '" + text + "'";
}

}  // namespace

void add_history(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("history", "Show who made which version live, froze or revoked what, when and why");
  struct given {
    ring_options ring;
    std::string trust_file;
    std::size_t limit = 20;
  };
  auto options = std::make_shared<given>();
  add_ring_options(*command, options->ring);
  command->add_option("--limit", options->limit, "At most this many, newest first; 0 for all")->capture_default_str()->check(CLI::Validator(check_limit, ""));
  add_trust_option(*command, options->trust_file, "The file of the keys whose signatures count, as policy.trust.keys_file of the nodes; also from SLUICE_TRUST. Without it signatures are shown as unverified");
  add_json(*command, call);
  command->footer("nodes: how many took an activation, refused it, or have not answered; of the newest all that are there now are meant. Answers are kept for 30 days; what a node answered that is "
                  "gone since, nobody can tell. No key signs them: they are the word of whoever may write to Redis in a node's name.\n\nExample:\n  sluice history --redis redis://127.0.0.1:6379 --ring prod --limit 5");
  command->callback([options, &call] { call.exit_code = history(options->ring, options->trust_file, options->limit, call.json); });
}

}  // namespace sluice::app
