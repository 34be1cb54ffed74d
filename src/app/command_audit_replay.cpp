// sluice audit replay: decisions again, one or all of a log, each from the version that made it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "audit_options.hpp"
#include "gateway_audit.hpp"
#include "kept_texts.hpp"
#include "log_sources.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/audit/replay.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/foreign_json.hpp"
#include "version_lookup.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

struct audit_replay_options {
  log_options logs;
  version_options versions;
  std::string decision, secret_file, since, until;
  std::vector<std::string> keys;
  bool all = false;
};

// What a record says of itself, as far as a replay asks for it.
struct record_head {
  std::string id, event, version;
  wall_time began;                   // its version is built as it was then
  std::vector<std::string> demoted;  // rules that were in shadow, whatever the version says
};

record_head head_of(const std::string& line) {
  const auto j = parse_bounded<json>(line, record_bounds);
  if (!j.is_object()) return {};
  std::vector<std::string> demoted;
  for (const auto& rule : member(j, "demoted")) {
    if (rule.is_string()) demoted.push_back(rule.get<std::string>());
  }
  const auto time = parse_time(word(j, "time")).value_or(wall_time{});
  return {.id = word(j, "id"), .event = word(j, "event"), .version = word(j, "version"), .began = audit::began(word(j, "event"), time, static_cast<std::int64_t>(natural(j, "latency_us"))),
          .demoted = std::move(demoted)};
}

struct replayed {
  record_head of;
  audit::replay_report report;
  std::string why_not_in_full;
  bool sealed = false;  // there is a text, and it did not open
};

// Replays records one by one; versions that were built once stay.
class replayer {
 public:
  replayer(const audit_replay_options& options, std::string master)
      : value_key_(master.empty() ? std::string() : audit_value_key(master)), texts_(std::move(master), options.keys, options.versions.states), versions_(options.versions) {}

  result<replayed> run(const std::string& line, record_head head) {
    replayed out{.of = std::move(head), .report = {}, .why_not_in_full = {}, .sealed = false};
    auto unasked = audit::replay_unasked(line);
    if (!unasked) return std::unexpected(unasked.error());
    if (*unasked) return of_unasked(std::move(out), std::move(**unasked));
    const auto built = versions_.find(out.of.version, out.of.began);
    if (!built) return std::unexpected(built.error());
    // Why the text is not at hand is part of the answer: without it the replay goes rule by rule.
    auto opened = texts_.open(line);
    if (!opened) out.why_not_in_full = opened.error().message;
    out.sealed = !opened && opened.error().code != errc::not_found;
    const auto text = opened ? std::optional(std::move(*opened)) : std::nullopt;
    auto done = out.of.demoted.empty() ? judged(line, (*built)->bundle, (*built)->snapshot, text) : demoted(line, **built, out.of.demoted, text);
    if (!done) return std::unexpected(done.error());
    out.report = std::move(*done);
    return out;
  }

 private:
  // Nothing to run again; but the version that is said to have been in force has to be one.
  result<replayed> of_unasked(replayed out, audit::replay_report report) {
    out.why_not_in_full = "no rule was asked";
    out.report = std::move(report);
    if (out.of.version == policy::snapshot::deny_all()->version()) {
      out.report.checked.push_back("no version was in force");
      return out;
    }
    const auto built = versions_.find(out.of.version, out.of.began);
    if (!built) return std::unexpected(built.error());
    out.report.checked.push_back("version " + short_version(out.of.version) + " was in force: its files are at hand and make this version");
    return out;
  }

  result<audit::replay_report> judged(const std::string& line, const policy::bundle_ast& bundle, std::shared_ptr<const policy::snapshot> snapshot,
                                      const std::optional<audit::kept_exchange>& text) const {
    return audit::replay({.line = line, .bundle = bundle, .snapshot = std::move(snapshot), .text = text, .value_key = value_key_});
  }

  result<audit::replay_report> demoted(const std::string& line, const built_version& built, const std::vector<std::string>& rules,
                                       const std::optional<audit::kept_exchange>& text) const {
    const auto as_it_ran = in_shadow(built, rules);
    return judged(line, as_it_ran.bundle, as_it_ran.snapshot, text);
  }

  std::string value_key_;
  kept_texts texts_;
  version_lookup versions_;
};

std::string_view way_of(const audit::replay_report& report) { return report.unasked ? "no rule was asked" : report.full ? "in full" : "rule by rule"; }

constexpr const char* wrong_secret = "name the master secret of the gateway that wrote the log, and its keys with --state or --keys; without --secret decisions are replayed rule by rule";

int replay_one(const audit_replay_options& o, const std::vector<std::string>& folders, replayer& with, bool raw) {
  const auto line = record_of_decision(folders, o.decision);
  if (!line) return complain(line.error().message), 1;
  const auto done = with.run(*line, head_of(*line));
  if (!done) return complain(done.error().message), 1;
  const auto& report = done->report;
  const bool same = report.differences.empty();
  // Whoever names a secret asks for more than was shown then.
  const bool opened = o.secret_file.empty() || !done->sealed;
  if (!opened) complain("--secret does not open the sealed text of this decision, so it was not replayed in full", wrong_secret);
  if (raw) {
    std::cout << json{{"decision", o.decision}, {"version", done->of.version}, {"replayed", way_of(report)}, {"why_not_in_full", done->why_not_in_full},
                      {"same", same}, {"checked", report.checked}, {"differences", report.differences}}
                     .dump(2)
              << '\n';
    return same && opened ? 0 : 1;
  }
  std::cout << "decision " << printable(o.decision) << " of version " << short_version(done->of.version) << (report.unasked ? ", made before a rule was asked" : ", replayed " + std::string(way_of(report)) + (report.full ? "" : ": " + printable(done->why_not_in_full))) << '\n';
  for (const auto& c : report.checked) std::cout << "  as recorded  " << printable(c) << '\n';
  for (const auto& d : report.differences) std::cout << "  DIFFERENT    " << printable(d) << '\n';
  std::cout << (same ? "the record is what comes out\n" : "the record is not what comes out\n");
  return same && opened ? 0 : 1;
}

constexpr std::size_t examples_max = 3;  // decisions named of a reason
constexpr std::size_t reasons_max = 5;   // of what was not replayed in full

// What came of many: figures, and by name only what was not as recorded.
struct replay_sum {
  std::size_t in_full = 0, rule_by_rule = 0, unasked = 0;
  std::set<std::string> versions;
  std::map<std::string, std::vector<std::string>> differing, failed;  // by decision
  std::map<std::string, std::size_t> not_in_full;                     // by reason
  std::size_t sealed = 0;                                             // of those, texts that are kept and did not open
  [[nodiscard]] std::size_t decisions() const { return in_full + rule_by_rule + unasked + failed.size(); }
  [[nodiscard]] bool same() const { return decisions() > 0 && differing.empty() && failed.empty(); }
};

// A version that is nowhere fails all of its decisions alike, which may be thousands: a reason stands once, with some of them.
void tell_failed(const std::map<std::string, std::vector<std::string>>& failed) {
  std::map<std::string, std::vector<std::string>> by_reason;
  for (const auto& [decision, why] : failed) {
    for (const auto& each : why) by_reason[each].push_back(decision);
  }
  for (const auto& [reason, decisions] : by_reason) {
    const auto shown = std::min(decisions.size(), examples_max);
    std::cout << "  NOT REPLAYED  " << decisions.size() << (decisions.size() == 1 ? " decision: " : " decisions: ") << printable(reason) << "\n               ";
    for (std::size_t i = 0; i < shown; ++i) std::cout << ' ' << printable(decisions[i]);
    std::cout << (decisions.size() > shown ? " and " + std::to_string(decisions.size() - shown) + " more; --json names them all\n" : "\n");
  }
}

// Of keys that are missing each day and tenant has a reason of its own: those of most decisions first.
void tell_not_in_full(const std::map<std::string, std::size_t>& reasons) {
  std::vector<std::pair<std::string, std::size_t>> most(reasons.begin(), reasons.end());
  std::ranges::sort(most, [](const auto& a, const auto& b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
  for (std::size_t i = 0; i < std::min(most.size(), reasons_max); ++i) std::cout << "  rule by rule   " << most[i].second << (most[i].second == 1 ? " decision: " : " decisions: ") << printable(most[i].first) << '\n';
  if (most.size() > reasons_max) std::cout << "  rule by rule   for " << most.size() - reasons_max << " more reasons; --json names them all\n";
}

void tell(const replay_sum& sum, bool raw) {
  if (raw) {
    std::cout << json{{"decisions", sum.decisions()}, {"versions", sum.versions.size()}, {"in_full", sum.in_full}, {"rule_by_rule", sum.rule_by_rule}, {"unasked", sum.unasked},
                      {"differing", sum.differing}, {"not_replayed", sum.failed}, {"why_not_in_full", sum.not_in_full}, {"same", sum.same()}}
                     .dump(2)
              << '\n';
    return;
  }
  std::cout << sum.decisions() << " decisions of " << sum.versions.size() << " versions: " << sum.in_full << " replayed in full, " << sum.rule_by_rule << " rule by rule, "
            << (sum.unasked > 0 ? std::to_string(sum.unasked) + " made before a rule was asked, " : "")
            << sum.differing.size() << " differ, " << sum.failed.size() << " were not replayed\n";
  for (const auto& [decision, why] : sum.differing) {
    for (const auto& each : why) std::cout << "  DIFFERENT     " << printable(decision) << "  " << printable(each) << '\n';
  }
  tell_not_in_full(sum.not_in_full);
  tell_failed(sum.failed);
}

// Whether there was anything that could have come out otherwise; complains where there was not.
bool proves(const replay_sum& sum, bool with_secret) {
  if (sum.decisions() == 0) {
    complain("these logs hold no decision of that time: nothing was replayed, and nothing is known to be as recorded", "give --from the folders of the gateways' logs, and a --since and --until between which they decided; sluice audit query shows what a log holds");
    return false;
  }
  if (!with_secret || sum.sealed == 0 || sum.in_full > 0) return true;
  complain("--secret opens none of the " + std::to_string(sum.sealed) + " sealed texts of these decisions: none was replayed in full",
           wrong_secret);
  return false;
}

// Of a stream what closed it; one that was only opened, on a node that was killed, has no decision yet.
int replay_all(const audit::filter& wanted, const std::vector<std::string>& folders, replayer& with, bool with_secret, bool raw) {
  replay_sum sum;
  const auto found = audit::query(folders, wanted, [&](const std::string& line) {
    const auto head = head_of(line);
    if (head.id.empty() || (head.event != "decision" && head.event != "closed" && head.event != "aborted")) return true;
    const auto done = with.run(line, head);
    sum.versions.insert(head.version);
    if (!done) {
      sum.failed[head.id].push_back(done.error().message);
      return true;
    }
    if (!done->report.unasked && !done->report.full) ++sum.not_in_full[done->why_not_in_full];
    if (done->sealed) ++sum.sealed;
    ++(done->report.unasked ? sum.unasked : done->report.full ? sum.in_full : sum.rule_by_rule);
    if (!done->report.differences.empty()) sum.differing[head.id] = done->report.differences;
    return true;
  });
  if (!found) return complain(found.error().message), 1;
  tell(sum, raw);
  return proves(sum, with_secret) && sum.same() ? 0 : 1;
}

int replay(const audit_replay_options& o, bool raw) {
  if (o.all == !o.decision.empty() || (!o.all && !(o.since.empty() && o.until.empty()))) {
    complain("replay one decision by its id, or every one of the logs with --all", "--since and --until go with --all");
    return 2;
  }
  audit::filter wanted;
  if (!parse_instant(o.since, wanted.from) || !parse_instant(o.until, wanted.to)) return 2;
  auto master = read_master(o.secret_file);
  if (!master) return 2;
  const auto logs = log_sources::open(o.logs);
  if (!logs) return 1;
  replayer with(o, std::move(*master));
  return o.all ? replay_all(wanted, logs->folders(), with, !o.secret_file.empty(), raw) : replay_one(o, logs->folders(), with, raw);
}

}  // namespace

void add_audit_replay(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<audit_replay_options>();
  auto* r = audit.add_subcommand("replay", "Run a decision again from the version that made it, or every one of a log");
  r->add_option("DECISION", o->decision, "The id that the client was given");
  r->add_flag("--all", o->all, "Every decision of these logs");
  r->add_option("--since", o->since, "With --all: from this time on, 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m");
  r->add_option("--until", o->until, "With --all: before this time, written as for --since");
  add_from(*r, o->logs);
  add_version_options(*r, o->versions);
  r->add_option("--secret", o->secret_file, "The file with the gateway's master secret: opens kept text, compares matched values");
  r->add_option("--keys", o->keys, "A folder of text keys; those of --state are looked into anyway");
  add_json(*r, call);
  r->footer(
      "In full where the log kept the text (audit.text: encrypted), otherwise rule by rule; it says which, and why. Exit code 1 when the record is not what comes out, when --all found no decision, and when\n"
      "--secret opens none of the sealed texts.\n\n"
      "Examples:\n  sluice audit replay 06h0mqn3047np0000cshjbwck3954r58 --from /var/lib/sluice/audit --state /var/lib/sluice --secret /var/lib/sluice/secret\n"
      "  sluice audit replay --all --since 24h --from /var/lib/sluice/audit --state /var/lib/sluice --secret /var/lib/sluice/secret");
  r->callback([o, &call] { call.exit_code = replay(*o, call.json); });
}

}  // namespace sluice::app
