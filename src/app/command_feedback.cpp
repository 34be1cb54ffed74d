// sluice feedback: what people say of decisions, who looked at it, what it says of rules, and what two of them propose.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "bundle_input.hpp"
#include "feedback_input.hpp"
#include "feedback_intake.hpp"
#include "feedback_patch.hpp"
#include "kept_texts.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/rollout/shares.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;
using rollout::judgement;

constexpr unsigned days_max = 180;  // of a proposed exception

struct options {
  feedback_options from;
  decision_options decisions;
  std::string decision, verdict, by, note;  // triage
  std::string bundle, out;                  // export
  unsigned days = 30;
  bool for_everybody = false;
  bool open = false;                        // list: only what is not settled
};

std::string state_of(const rollout::reviewed_decision& of) {
  if (of.settled) return std::string(to_string(*of.settled));
  if (of.disputed) return "disputed";
  return of.labels.empty() ? "open" : "one label of two";
}

std::string words_of(const rollout::reviewed_decision& of, const std::string& master) {
  std::string out;
  for (const auto* list : {&of.reports, &of.labels}) {
    for (const auto& each : *list) {
      const auto note = note_of(each, master);
      if (!note.empty()) out += (out.empty() ? "" : " | ") + note;
    }
  }
  return out;
}

json labels_of(const rollout::reviewed_decision& of) {
  json out = json::array();
  for (const auto& each : of.labels) out.push_back({{"by", each.by}, {"verdict", to_string(each.verdict)}, {"time", rfc3339(each.time)}});
  return out;
}

int list(const options& o, bool raw) {
  const auto entries = read_feedback_entries(o.from);
  const auto master = read_master(o.from.secret_file);
  if (!entries || !master) return 1;
  auto all = rollout::review(*entries);
  const bool some = !all.empty();
  if (o.open) std::erase_if(all, [](const auto& each) { return each.settled.has_value(); });
  if (raw) {
    json out = json::array();
    for (const auto& each : all) {
      out.push_back({{"decision", each.decision}, {"tenant", each.tenant}, {"first", rfc3339(each.first)}, {"false_positives", each.false_positives}, {"false_negatives", each.false_negatives},
                     {"state", state_of(each)}, {"labels", labels_of(each)}, {"notes", words_of(each, *master)}});
    }
    std::cout << out.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"DECISION", "FIRST", "WRONGLY STOPPED", "MISSED", "STATE", "NOTES"}};
  for (const auto& each : all) {
    rows.push_back({each.decision, rfc3339(each.first), std::to_string(each.false_positives), std::to_string(each.false_negatives), state_of(each), words_of(each, *master)});
  }
  std::cout << (rows.size() > 1 ? table(rows) : some ? "nothing is open: two people agree on all that was said\n" : "nobody has said anything\n");
  return 0;
}

// What a decision has come to by its labels.
std::string standing_of(const std::vector<rollout::reviewed_decision>& all, const std::string& decision) {
  const auto at = std::ranges::find(all, decision, &rollout::reviewed_decision::decision);
  if (at == all.end()) return "it is not known";
  const std::string unreported = at->reports.empty() ? "; nobody has reported it (is the id right?)" : "";
  if (at->settled) return "settled: " + std::to_string(at->labels.size()) + " people agree; next: sluice feedback export" + unreported;
  if (at->disputed) return "disputed: nothing is proposed while labels contradict each other" + unreported;
  return std::to_string(rollout::labels_needed) + " people must say so before anything is proposed; one has" + unreported;
}

int triage(const options& o, bool raw) {
  const auto body = json{{"decision_id", o.decision}, {"verdict", o.verdict}, {"note", o.note}, {"by", o.by}}.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto read = rollout::parse_feedback(body, true);
  if (!read) return complain(read.error().message), 2;
  auto entries = read_feedback_entries(o.from);
  if (!entries) return 1;
  const rollout::feedback_entry label{.what = rollout::feedback_entry::kind::label, .decision = read->decision, .verdict = read->verdict, .by = read->by,
                                      .note = rollout::masked_note(read->note), .sealed_note = {}, .tenant = {}, .node = {}, .account = actor_name(), .time = now().wall};
  if (!write_label(o.from, label)) return 1;
  entries->push_back(label);
  if (raw) std::cout << rollout::to_json(label) << '\n';
  else std::cout << "decision " << o.decision << ": " << o.verdict << ", says " << printable(read->by) << "; " << standing_of(rollout::review(*entries), read->decision) << '\n';
  return 0;
}

struct gathered {
  std::vector<rollout::reviewed_decision> reviewed;
  std::vector<rollout::logged_decision> logged;
  std::size_t opened = 0, sealed = 0;  // kept texts of labelled decisions: those that --secret opened, and those that it did not
};
std::optional<gathered> gather(const options& o) {
  const auto entries = read_feedback_entries(o.from);
  const auto master = read_master(o.from.secret_file);
  if (!entries || !master) return std::nullopt;
  gathered out{.reviewed = rollout::review(*entries), .logged = {}};
  auto logged = read_decisions(o.decisions, *master, out.reviewed);
  if (!logged) return std::nullopt;
  for (const auto& each : out.reviewed) {
    if (each.labels.empty()) continue;
    out.opened += logged->opened.count(each.decision);
    out.sealed += logged->sealed.count(each.decision);
  }
  out.logged = std::move(logged->all);
  return out;
}

int report(const options& o, bool raw) {
  const auto all = gather(o);
  if (!all) return 1;
  const auto rules = rollout::by_rule(all->reviewed, all->logged);
  const auto alike = rollout::clusters(all->reviewed, all->logged);
  if (raw) {
    json out = {{"decisions", all->logged.size()}, {"reported", all->reviewed.size()}, {"rules", json::array()}, {"clusters", json::array()}};
    for (const auto& each : rules) {
      out["rules"].push_back({{"rule", each.rule}, {"policy", each.policy}, {"hits", each.hits}, {"reported", each.reported}, {"reporters", each.reporters},
                              {"settled_right", each.right}, {"settled_wrong", each.wrong}, {"precision_low", each.precision_low}, {"precision_high", each.precision_high}});
    }
    for (const auto& each : alike) out["clusters"].push_back(each.decisions);
    std::cout << out.dump(2) << '\n';
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"RULE", "POLICY", "HITS", "REPORTED", "BY", "SETTLED RIGHT", "WRONG", "PRECISION"}};
  for (const auto& each : rules) {
    const bool known = each.right + each.wrong > 0;
    rows.push_back({each.rule, each.policy, std::to_string(each.hits), std::to_string(each.reported), std::to_string(each.reporters), std::to_string(each.right), std::to_string(each.wrong),
                    known ? rollout::percent(each.precision_low) + " to " + rollout::percent(each.precision_high) : "no label yet"});
  }
  std::cout << (rows.size() > 1 ? table(rows) : "no rule of these logs was reported\n");
  std::cout << "\nPrecision is of settled decisions alone, with 90 % confidence. Reports are no sample: whoever was not stopped says nothing.\n";
  for (const auto& each : alike) {
    if (each.decisions.size() < 2) continue;
    std::cout << "\n" << each.decisions.size() << " reported texts are alike:";
    for (const auto& id : each.decisions) std::cout << "\n  " << printable(id);
    std::cout << '\n';
  }
  return 0;
}

// The words of a range check do not say of which option, and a number below 0 does not even come that far.
std::string check_days(const std::string& text) {
  unsigned days = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), days);
  const bool fine = read.ec == std::errc{} && read.ptr == text.data() + text.size() && days >= 1 && days <= days_max;
  return fine ? std::string() : "takes 1 to " + std::to_string(days_max) + " days, not '" + text + "'";
}

// What of a proposal the bundle takes.
struct fitting {
  rollout::proposal taken;
  bundle_patch patch;
  std::shared_ptr<const policy::snapshot> with = {};  // the bundle as it is then; null: nothing is new
  std::vector<std::string> refused = {};              // what it does not take, and why
};

// Why the bundle with these lines is none; "" when it is one. Checking alone finds most of it, in no time.
std::string wrong_with(const bundle_patch& patch, bundle_compiler& compiler, bool built, std::shared_ptr<const policy::snapshot>& with) {
  policy::diagnostics found;
  if (built) {
    auto made = policy::build(patch.patched, now().wall, *compiler.backend, *compiler.cache);
    with = std::move(made.snapshot);
    if (with != nullptr) return {};
    found = std::move(made.found);
  } else {
    auto bundle = policy::parse(patch.patched, found);
    policy::check(bundle, now().wall, found);
    if (!policy::has_errors(found)) return {};
  }
  const auto first = std::ranges::find(found, policy::severity::error, &policy::diagnostic::severity);
  return first == found.end() ? "the bundle does not build with it" : policy::to_text(*first);
}

// One line that the bundle does not take must not keep the others from it: then each is tried with those that it has taken.
fitting fit(const bundle_input& bundle, const rollout::proposal& what, bundle_compiler& compiler) {
  fitting out{.taken = what, .patch = patch_of(bundle, what)};
  if (out.patch.text.empty() || wrong_with(out.patch, compiler, true, out.with).empty()) return out;
  for (const bool built : {false, true}) {
    const auto offered = std::exchange(out.taken, {.cases = {}, .exceptions = {}, .left_out = what.left_out});
    const auto takes = [&](auto& list, const auto& each, const std::string& name) {
      list.push_back(each);
      const auto why = wrong_with(patch_of(bundle, out.taken), compiler, built, out.with);
      if (why.empty()) return;
      list.pop_back();
      out.refused.push_back(name + " is refused, and the rest goes on without it: " + why);
    };
    for (const auto& each : offered.cases) takes(out.taken.cases, each, "golden case " + each.substr(0, each.find(',')));
    for (const auto& each : offered.exceptions) takes(out.taken.exceptions, each, "exception " + each.id + " of rule " + each.rule);
    out.patch = patch_of(bundle, out.taken);
    if (out.patch.text.empty() || wrong_with(out.patch, compiler, true, out.with).empty()) return out;
  }
  return out;
}

// Cases that stay red with the patch: an exception that does not fit, as of words that a rule found behind an encoding, is none.
std::vector<std::string> still_red(const std::vector<std::string>& lines, const std::shared_ptr<const policy::snapshot>& with) {
  std::string bytes;
  for (const auto& line : lines) bytes += line + '\n';
  policy::diagnostics found;
  const auto cases = policy::parse_golden("the patch", bytes, found);
  std::vector<std::string> out;
  for (const auto& each : policy::run_golden(cases, with, {.on = false})) {
    if (!each.passed) out.push_back("golden case " + each.id + " is in the patch and stays red with it (" + each.what + "): no exception for what was found makes it hold, so the rule is to be made narrower by hand");
  }
  return out;
}

int export_patch(const options& o, bool raw) {
  const auto all = gather(o);
  if (!all) return 1;
  // That nothing is new would be believed, and what an earlier run proposed be gone.
  if (all->sealed > 0 && all->opened == 0 && !o.from.secret_file.empty()) {
    complain("--secret opens none of the " + std::to_string(all->sealed) + " sealed texts of labelled decisions, so nothing can be made of them; " + o.out + " was left as it was",
             "name the master secret of the gateway that wrote the logs, and its keys with --state or --keys");
    return 1;
  }
  auto compiler = make_bundle_compiler();
  const auto bundle = need_bundle(o.bundle, "", compiler);
  if (!bundle) return 1;
  auto [proposal, patch, patched, refused] = fit(*bundle, rollout::propose(all->reviewed, all->logged, {.today = now().wall, .days = o.days, .for_everybody = o.for_everybody}), compiler);
  std::ofstream file(o.out, std::ios::binary);
  file << patch.text;
  file.close();
  if (!file) return complain(o.out + " cannot be written", "may this user write there?"), 1;
  patch.left_out.insert(patch.left_out.end(), proposal.left_out.begin(), proposal.left_out.end());
  const auto red = patched == nullptr ? std::vector<std::string>{} : still_red(proposal.cases, patched);
  if (raw) {
    std::cout << json{{"patch", o.out}, {"cases", proposal.cases.size()}, {"exceptions", patch.exceptions}, {"left_out", patch.left_out}, {"refused", refused}, {"red", red}}.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
    return refused.empty() ? 0 : 1;
  }
  std::cout << o.out << ": " << proposal.cases.size() << " golden cases and " << patch.exceptions << " exceptions that two people agree on";
  std::cout << (patch.text.empty() ? "; nothing is new\n" : "; next: git apply --directory " + o.bundle + " " + o.out + ", and sluice test\n");
  for (const auto& each : patch.left_out) std::cout << "left out: " << printable(each) << '\n';
  for (const auto& each : red) std::cout << printable(each) << '\n';
  for (const auto& each : refused) complain(printable(each), "add it by hand, in other words");
  return refused.empty() ? 0 : 1;
}

}  // namespace

void add_feedback(CLI::App& root, invocation& call) {
  auto* group = root.add_subcommand("feedback", "What people say of decisions: reports, labels, and what follows from them");
  group->require_subcommand(1);
  // Each has options of its own: what the environment says for one that is not called would stand above the command line of one that is.
  const auto command = [&](const char* name, const char* what, int (*body)(const options&, bool), bool reads_logs, const char* footer) {
    const auto o = std::make_shared<options>();
    auto* out = group->add_subcommand(name, what);
    add_feedback_options(*out, o->from, reads_logs);
    add_json(*out, call);
    out->footer(footer);
    out->callback([o, &call, body] {
      if (o->from.spools.empty()) take_ring_of_environment(o->from.ring);
      call.exit_code = body(*o, call.json);
    });
    return std::pair(out, o);
  };
  const auto [l, listed] = command("list", "Reported decisions, newest first, and who has looked at them", list, false, "Example:\n  sluice feedback list --redis redis://127.0.0.1:6379 --ring prod --open");
  l->add_flag("--open", listed->open, "Only those on which no two people agree yet");
  const auto [t, labelled] = command("triage", "Say what a decision was: the label of one person", triage, false,
                    "Example:\n  sluice feedback triage 06h0mqn3047np0000cshjbwck3954r58 --verdict false_positive --by 'Ada Byron' --redis redis://127.0.0.1:6379 --ring prod");
  t->add_option("DECISION", labelled->decision, "The id that the client was given")->required();
  t->add_option("--verdict", labelled->verdict, "false_positive, false_negative, or correct")->required()->check(CLI::IsMember({"false_positive", "false_negative", "correct"}));
  t->add_option("--by", labelled->by, "Who says so")->required();
  t->add_option("--note", labelled->note, "Why");
  const auto [r, reported] = command("report", "Rules by reported false positives, with what is known of their precision; texts that are alike", report, true,
                    "Example:\n  sluice feedback report --redis redis://127.0.0.1:6379 --ring prod --from /var/lib/sluice/audit");
  add_decision_options(*r, reported->decisions);
  const auto [e, exported] = command("export", "Golden cases and exceptions that two people agree on, as a patch to the bundle", export_patch, true,
                    "Nothing changes a policy by itself: the patch is for a pull request.\n\nExample:\n  sluice feedback export --bundle policies --out feedback.patch --redis redis://127.0.0.1:6379 "
                    "--ring prod --from /var/lib/sluice/audit --state /var/lib/sluice --secret /var/lib/sluice/secret");
  add_decision_options(*e, exported->decisions);
  e->add_option("--bundle", exported->bundle, "The folder that holds bundle.yaml")->required();
  e->add_option("--out", exported->out, "The patch")->required();
  e->add_flag("--for-everybody", exported->for_everybody, "Propose exceptions also where no tenant is known: they hold for everybody");
  e->add_option("--days", exported->days, "How long a proposed exception holds")->capture_default_str()->check(CLI::Validator(check_days, ""));
  group->footer("Example:\n  sluice feedback list --redis redis://127.0.0.1:6379 --ring prod --open");
}

}  // namespace sluice::app
