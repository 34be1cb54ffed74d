// sluice push: validate, compile, test, upload, activate, and hear what each node says.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "commit.hpp"
#include "ended_by.hpp"
#include "gate_report.hpp"
#include "node_answers.hpp"
#include "node_wait.hpp"
#include "provenance.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

struct push_options {
  std::string bundle, note, actor, commit;
  ring_options ring;
  signing_options signing;
  wait_options wait;
  bool stage_only = false;
  std::string canary;  // a percentage, or nodes=LABEL=VALUE
  bool shadow = false, again = false;
  gate_request gate;
  report_files reports;
};

constexpr int push_tries = 25;  // each time it is held against what another publisher activated meanwhile

std::int64_t ms_since(mono_time from) { return std::chrono::duration_cast<milliseconds>(mono_now() - from).count(); }

// What the candidate is held against.
struct comparison {
  store::head_record head;             // what is live; 0-0: nothing is
  std::string version;                 // that; "": nothing is, or nobody vouches for it
  std::optional<bundle_input> active;  // what is live, built here, where one of the two has a `gate` block
  bool weaker = false;                 // the candidate is, or may be, or nobody can tell
  std::string unknown, advice = {};    // why nobody can tell, and what to do about it where that is more than to have it approved
  bool other_golden = false;           // it is live already, with other golden sets
};

// What is live, as far as its bundle is read and checked; `unknown` says why not.
std::optional<policy::bundle_source> live_files(const store::head_record& head, const bundle_input& candidate, store::publisher& ring, bool emergency, std::string& unknown) {
  auto source = ring.fetch(head.version);
  if (source) return std::move(*source);
  // What was damaged in Redis is mended by pushing it again, and a version need not be held against itself.
  if (head.version == policy::version_of(candidate.source)) return candidate.source;
  if (unknown.empty() && !emergency) complain_ring(source.error());
  else unknown += (unknown.empty() ? "" : "; ") + source.error().message;
  return std::nullopt;
}

// Where Redis has lost what is live, only the nodes know which version that was.
void look_at_nodes(store::publisher& ring, const std::string& candidate, const std::string& live, comparison& out) {
  const auto nodes = ring.nodes();
  if (!nodes) return;
  const auto other = std::ranges::find_if(*nodes, [&](const auto& n) { return n.alive && !n.version.empty() && n.version != candidate && n.version != live; });
  if (other == nodes->end()) return;
  out.weaker = true;
  out.unknown = "node " + printable(other->id) + " runs version " + short_version(other->version) + ", of which this Redis knows nothing any more";
  out.advice = "push version " + short_version(other->version) + " first, which they run: this one is then held against it. Otherwise nodes with require_approval want a second key: sluice approve";
}

// A head that nodes are ahead of is not what they run.
void look_past(store::publisher& ring, const store::head_record& head, const std::string& candidate, comparison& out) {
  const auto ahead = ring.ahead_of(head);
  if (ahead && !ahead->nodes.empty()) look_at_nodes(ring, candidate, head.version, out);
}

// Holds the candidate against what is live, also where the gate is not asked: nodes may want a second key for what is weaker. A candidate does
// not get rid of a gate by leaving the block out. Nothing: it was complained about.
std::optional<comparison> compare(const bundle_input& candidate, store::publisher& ring, bundle_compiler& compiler, bool emergency) {
  comparison out;
  const auto head = ring.head();
  if (!head && head.error().code == errc::not_found) {
    look_at_nodes(ring, policy::version_of(candidate.source), {}, out);
    return out;
  }
  if (!head && head.error().code != errc::integrity) return complain_ring(head.error()), std::nullopt;
  out.weaker = true;
  out.unknown = head ? head->doubt : head.error().message;
  if (head) out.head = *head;
  const auto against = measure_of(ring, head);
  if (!against) return complain_ring(against.error()), std::nullopt;
  if (!*against) return out;
  const auto& measured = **against;
  if (out.unknown.empty()) out.version = measured.version;
  // To make what they run the head again makes nobody's rules weaker.
  if (head && run_instead_of(ring, *head) == policy::version_of(candidate.source)) {
    out.unknown = "every node refused what is at the head, version " + short_version(head->version) + ", and runs this one";
    out.advice = "it goes live as it runs. A node that was never there, and the versions that follow, want a second key for it: sluice approve " + short_version(policy::version_of(candidate.source));
    return out;
  }
  const bool must = out.unknown.empty() && !emergency;  // what nobody vouches for stops no repair
  auto source = live_files(measured, candidate, ring, emergency, out.unknown);
  if (!source) return must ? std::nullopt : std::optional(std::move(out));
  out.other_golden = out.version == policy::version_of(candidate.source) && policy::golden_digest_of(*source) != policy::golden_digest_of(candidate.source);
  policy::diagnostics found;
  auto live = policy::parse(*source, found);
  policy::check(live, now().wall, found, policy::expired_exceptions::leave_out);
  if (policy::has_errors(found)) out.unknown += (out.unknown.empty() ? "" : "; ") + ("version " + short_version(measured.version) + " does not pass its checks here any more");
  if (out.unknown.empty() && ring.owes_approval(measured.version)) out.unknown = "version " + short_version(measured.version) + " counts as weaker itself, and no second key that counts here has approved it";
  if (out.unknown.empty()) look_past(ring, *head, policy::version_of(candidate.source), out);
  out.weaker = !out.unknown.empty() || rollout::weaker(live, candidate.report.bundle);
  if (emergency || (!candidate.report.bundle.gate && !live.gate)) return out;
  auto active = build_published("version " + short_version(measured.version), std::move(*source), compiler);
  if (active.report.snapshot != nullptr) out.active = std::move(active);
  if (out.active || !must) return out;
  complain("the active version " + short_version(measured.version) + " does not compile here any more, so nothing can be held against it", "sluice version here and on the nodes may differ");
  return std::nullopt;
}

// "5" or "nodes=zone=a".
std::optional<store::canary_version> canary_of(const std::string& text) {
  if (text.starts_with("nodes=")) {
    const auto label = text.substr(6);
    const auto sign = label.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == label.size()) return std::nullopt;
    return store::canary_version{.version = {}, .basis_points = 10'000, .salt = {}, .nodes = label};
  }
  double percent = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || !(percent >= 0.01 && percent <= 99.99)) return std::nullopt;
  return store::canary_version{.version = {}, .basis_points = static_cast<std::uint32_t>(percent * 100 + 0.5), .salt = {}, .nodes = {}};
}

// What a push makes live: the version for everybody, or beside what is live for some, or for nobody. `held_against`: that, and nothing that
// came after it.
std::optional<store::activate_request> request_of(const push_options& options, store::publisher& ring, const std::string& staged, policy::activation held_against) {
  store::activate_request out{.version = staged, .kind = "activate", .actor = actor_name(options.actor),
                                 .note = options.gate.emergency ? "EMERGENCY, golden sets not asked: " + options.note : options.note, .only_after = held_against};
  if (options.canary.empty() && !options.shadow) return out;
  const auto live = ring.vouched_head();
  if (!live) {
    complain_ring(live.error());
    return std::nullopt;
  }
  if (options.shadow && live->canary && live->canary->version == staged) {
    complain("version " + short_version(staged) + " is the canary: it decides for some already, so there is nothing to judge in shadow; nothing was changed", "sluice promote, or sluice abort first");
    return std::nullopt;
  }
  if (live->version == staged) {
    complain("version " + short_version(staged) + " is live for everybody already, so there is nothing to try out; but something runs beside it, or a node does not run it", "see: sluice status");
    return std::nullopt;
  }
  out.version = live->version;
  out.canary = live->canary;
  out.shadow = live->shadow == staged ? "" : live->shadow;
  out.kind = options.shadow ? "shadow" : "canary";
  if (options.shadow) {
    out.shadow = staged;
    return out;
  }
  // The salt follows the version: a larger share of the same canary holds all who had it in the smaller one.
  out.canary = canary_of(options.canary);  // checked when the command line was read
  out.canary->version = staged;
  out.canary->salt = staged.substr(0, 16);
  return out;
}

// The activation by which the version is live for everybody already and runs on every living node: then there is nothing to make live. Nothing
// where something runs beside it, which a push ends, where somebody else signed for it, or where a node refused it, runs another or has seen a newer one.
std::optional<store::head_record> active_everywhere(store::publisher& ring, const std::string& version) {
  auto head = ring.head();
  if (!head || !head->doubt.empty() || head->version != version || head->canary || !head->shadow.empty() || head->signed_by != ring.signs_as()) return std::nullopt;
  const auto nodes = ring.nodes();
  const auto runs_it = [&](const store::node_status& n) { return !n.alive || (n.version == version && n.activation == policy::to_string(head->activation)); };
  if (!nodes || !std::ranges::all_of(*nodes, runs_it)) return std::nullopt;
  const auto answers = ring.acknowledgements(head->activation, head->version);
  if (!answers || std::ranges::any_of(*answers, [](const auto& a) { return a.state == "NACK"; })) return std::nullopt;
  const auto ahead = ring.ahead_of(*head);
  return ahead && ahead->nodes.empty() ? std::optional(std::move(*head)) : std::nullopt;
}

// What it made live, for a person.
void tell(const push_options& options, const std::string& staged, const store::head_record& head) {
  std::cout << "version " << short_version(staged);
  if (options.shadow) {
    std::cout << " is judged in shadow as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << " and changes nothing; next: sluice shadow report, then sluice promote " << short_version(staged) << ", or sluice abort " << short_version(staged) << '\n';
  } else if (!options.canary.empty()) {
    const auto whom = head.canary->nodes.empty() ? options.canary + " % of conversations" : "everybody on nodes with " + head.canary->nodes;
    std::cout << " decides for " << whom << " as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << "; next: sluice promote " << short_version(staged) << ", or sluice abort " << short_version(staged) << '\n';
  } else {
    std::cout << " is active as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << '\n';
  }
  std::cout << std::flush;
}

// As `sluice test` judges, against what is live where the bundle has a `gate` block. Nothing when it may not go live: it was complained
// about.
std::optional<gate_run> pass_gate(const bundle_input& input, const push_options& options, const comparison& with, bundle_compiler& compiler) {
  const bool has_block = input.report.bundle.gate.has_value() || with.active;
  gate_request asked = options.gate;
  asked.actor = actor_name(options.actor);
  asked.from_nothing = has_block || asked.emergency;
  auto run = run_gate(input, with.active ? &*with.active : nullptr, asked, now().wall, compiler);
  if (!run) return std::nullopt;
  const bool written = write_reports(options.reports, input, *run);  // what the gate says is told in any case
  const auto verdict = run->report.verdict;
  if (verdict == rollout::verdict::pass || verdict == rollout::verdict::emergency || (verdict == rollout::verdict::insufficient && !has_block)) {
    if (verdict == rollout::verdict::emergency) complain("the gate says EMERGENCY: not asked were " + join(rollout::skipped_checks(run->report, run->terms)), "push it once more without --emergency when its golden sets hold: that counts as passed, and the history keeps both");
    if (!has_block) complain("the gate did not hold it against what is live: neither version has a `gate` block" + std::string(asked.approved_by.empty() ? "" : ", and --approved-by approves nothing"), "with one, rules that are weaker need a second person: docs/gate.md");
    if (!with.unknown.empty()) complain("whether it is weaker than what is live, nobody can tell (" + with.unknown + "), so it counts as weaker", with.advice.empty() ? "nodes with require_approval want a second key: sluice approve. --trust FILE names the keys that count" : with.advice);
    else if (with.weaker && !has_block) complain("it is weaker than what is live, or may be", "see: sluice diff. Nodes with require_approval want a second key: sluice approve");
    return written ? std::move(run) : std::nullopt;
  }
  print_checks(*run, std::cerr);
  complain("the gate says " + std::string(rollout::to_string(verdict)) + ", so nothing was uploaded", keep_refused(input, with.active ? &*with.active : nullptr, asked, *run) + (asked.emergency ? "" : "; in an emergency: --emergency --note WHY"));
  return std::nullopt;
}

// What passed its gate, and what came of it.
struct pushed {
  gate_run gate;
  std::string version = {};
  std::optional<store::head_record> head = {};  // none: it was uploaded only
  bool unchanged = false;                  // it was live everywhere already
  std::vector<std::string> ended = {};     // trials, in words
  std::int64_t golden_ms = 0, upload_ms = 0, activate_ms = 0;
};

// A version that is live is no weaker than itself, and that says nothing of what it follows: what it was held against when it came stays.
void held_as_before(store::publisher& ring, store::provenance& how) {
  const auto came = ring.vouched_origin(how.against);
  if (!came) return;  // nobody's word is not signed
  how.ring = came->ring;
  how.against = came->against;
  how.weaker = came->weaker;
  if (how.approved_by.empty()) how.approved_by = came->approved_by;
}

// Where a version is in the ring already, its manifest may stay as it is; the history goes by that one. `is`: by what was activated, or else by what was staged.
void say_what_stays(const store::provenance& is, const std::string& version, const store::provenance& how) {
  if (is.commit == how.commit && is.gate_report == how.gate_report) return;
  const std::string report = is.gate_report == how.gate_report ? "" : is.gate_report.empty() ? " without a gate report" : " with gate report " + short_version(is.gate_report);
  complain("version " + short_version(version) + " was published before from " + (is.commit.empty() ? "no commit that is known" : "commit " + printable(is.commit)) + report + ", and its manifest stays: so does what the history says of it",
           "nothing that decides is another; golden sets, the commit and the report come with the next version");
}

// A second key has signed the emergency's manifest, and no other: what passed takes its place when it has one, too.
bool waits_for_second_key(store::publisher& ring, const std::string& version, const store::provenance& how) {
  if (how.emergency || !ring.awaits_approval(version)) return false;
  complain("version " + short_version(version) + " has passed its gate and stays on record as an emergency: the second key has signed the emergency's manifest, and this one owes its own",
           "sluice approve " + short_version(version) + ", then push it once more");
  return true;
}

// Once. errc::conflict: another publisher was faster, and what passed its gate was held against what is live no more. Other failures are
// complained about and give an error without words.
result<pushed> push_once(const push_options& options, store::publisher& ring, const bundle_input& input, const std::string& commit, bundle_compiler& compiler) {
  const auto said = [] { return fail(errc::refused, ""); };
  auto mark = mono_now();
  const auto with = compare(input, ring, compiler, options.gate.emergency);
  if (!with) return said();
  auto gate = pass_gate(input, options, *with, compiler);
  if (!gate) return said();
  auto how = provenance_of(*gate, options.gate, commit, with->weaker, options.ring.ring, with->version);
  if (with->version == policy::version_of(input.source)) held_as_before(ring, how);
  if (with->other_golden) complain("its golden sets are not those that it is live with, and those stay: what is live is not changed without an activation of another version", "they come with the next one");
  pushed out{.gate = std::move(*gate), .golden_ms = ms_since(mark)};
  mark = mono_now();
  auto staged = ring.stage(input.source, how);
  if (!staged) return complain_ring(staged.error()), said();
  out.version = std::move(*staged);
  out.upload_ms = ms_since(mark);
  const bool waits = waits_for_second_key(ring, out.version, how);
  if (options.stage_only) {
    if (const auto is = ring.origin(out.version)) say_what_stays(*is, out.version, how);
    return out;
  }
  mark = mono_now();
  // A commit of golden sets alone comes through the same pipeline, canary or not.
  out.head = options.again ? std::nullopt : active_everywhere(ring, out.version);
  if (out.head && out.head->how.emergency && !how.emergency && !waits) out.head.reset();  // its sets hold now: the history is to say so
  out.unchanged = out.head.has_value();
  if (out.unchanged) return say_what_stays(out.head->how, out.version, how), out;
  auto request = request_of(options, ring, out.version, with->head.activation);
  if (!request) return said();
  request->approved_by = options.gate.approved_by;
  auto head = ring.activate(*request);
  if (!head && head.error().code == errc::not_found && ring.stage(input.source, how)) head = ring.activate(*request);  // a failover lost what was uploaded
  if (!head && head.error().code == errc::conflict) return std::unexpected(head.error());
  if (!head) return complain_ring(head.error()), said();
  warn_about(*head);
  say_what_stays(head->how, out.version, how);
  out.ended = ended_by(ring, with->head, *head);
  out.head = std::move(*head);
  out.activate_ms = ms_since(mark);
  return out;
}

int push(const push_options& options, bool json) {
  if (options.gate.emergency && options.note.empty()) {
    complain("--emergency needs --note", "say why golden sets are not asked: it stands in the history");
    return 2;
  }
  if (refused_as_own_approval(actor_name(options.actor), options.gate.approved_by, "nothing was uploaded")) return 1;
  const auto begin = mono_now();
  auto compiler = make_bundle_compiler();
  const auto before = options.commit.empty() ? checkout_of(options.bundle) : checkout{};
  const auto input = need_bundle(options.bundle, "", compiler, held_against::harmless_texts);
  if (!input) return 1;
  const auto commit = options.commit.empty() ? commit_of(options.bundle, before, input->source) : options.commit;
  const auto build_ms = ms_since(begin);
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing, {.build = static_cast<unsigned>(store::key_role::build), .activate = options.stage_only ? 0 : activating})) return 1;
  if (refused_as_revoked(*ring, policy::version_of(input->source), "nothing was uploaded")) return 1;
  wait_for_return(*ring, options.ring.ring, options.wait, json);
  auto done = push_once(options, *ring, *input, commit, compiler);
  for (int i = 1; i < push_tries && !done && done.error().code == errc::conflict; ++i) {
    complain("another publisher was faster, so this bundle is held against what that one has activated");
    done = push_once(options, *ring, *input, commit, compiler);
  }
  if (!done && done.error().code == errc::conflict) complain_ring(done.error());
  if (!done) return 1;
  if (options.stage_only) {
    if (json) std::cout << nlohmann::ordered_json{{"ok", true}, {"version", done->version}, {"activation", nullptr}, {"ring", options.ring.ring}}.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    else std::cout << "version " << short_version(done->version) << " is in ring " << options.ring.ring << " and not live; next: sluice activate " << short_version(done->version) << '\n';
    return 0;
  }
  const auto& head = *done->head;
  const auto mark = mono_now();
  if (!json && !done->unchanged) tell(options, done->version, head);
  if (!json && done->unchanged) std::cout << "version " << short_version(done->version) << " is already active as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << "; " << (options.canary.empty() && !options.shadow ? "nothing to do (--again activates it once more)" : "nothing to try out") << '\n' << std::flush;
  auto warnings = std::move(done->ended);
  std::ranges::move(canary_warnings(*ring, options.ring.ring, head, "nobody gets the canary"), std::back_inserter(warnings));
  auto to_wait_for = head;
  if (options.wait.who.empty()) to_wait_for.from_nothing = false;  // it was waited for before
  const auto waited = wait_for_nodes(*ring, options.ring.ring, to_wait_for, options.wait, json, done->unchanged);
  const auto wait_ms = ms_since(mark);
  if (json) {
    const auto nodes = parse_bounded<nlohmann::ordered_json>(answers_json(waited));
    const nlohmann::ordered_json out = {{"ok", waited.reached}, {"version", done->version}, {"activation", policy::to_string(waited.head.activation)}, {"ring", options.ring.ring}, {"unchanged", done->unchanged}, {"nodes", nodes}, {"warnings", warnings},
                                        {"gate", {{"verdict", rollout::to_string(done->gate.report.verdict)}, {"report", done->gate.report.digest}, {"skipped", rollout::skipped_checks(done->gate.report, done->gate.terms)}}},
                                        {"ms", {{"build", build_ms}, {"golden", done->golden_ms}, {"upload", done->upload_ms}, {"activate", done->activate_ms}, {"wait", wait_ms}}}};
    std::cout << out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  } else {
    std::cout << "took " << ms_since(begin) << " ms: build " << build_ms << ", gate " << done->golden_ms << ", upload " << done->upload_ms << ", activate " << done->activate_ms << ", wait " << wait_ms << "; gate report " << short_version(done->gate.report.digest) << '\n';
  }
  return waited.reached ? 0 : 1;
}

}  // namespace

void add_push(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("push", "Validate a bundle, upload it to Redis and make it live");
  auto options = std::make_shared<push_options>();
  command->add_option("bundle", options->bundle, "Folder with a bundle.yaml")->required();
  add_ring_options(*command, options->ring);
  add_history_options(*command, options->actor, options->note);
  command->add_option("--commit", options->commit, "From which commit, for the history; by default what git says of the folder");
  add_signing_options(*command, options->signing, true);
  auto* stage_only = command->add_flag("--no-activate", options->stage_only, "Upload only: sluice activate makes it live");
  add_wait_options(*command, options->wait);
  stage_only->excludes(command->get_option("--wait"));
  auto* canary = command->add_option("--canary", options->canary, "Only for this percentage of conversations, or with nodes=LABEL=VALUE on nodes with that label, beside what is live");
  canary->check([](const std::string& text) { return canary_of(text) ? std::string() : "'" + text + "' is neither a percentage from 0.01 to 99.99 nor nodes=LABEL=VALUE"; })->excludes(stage_only);
  command->add_flag("--shadow", options->shadow, "Judge live traffic by it and change nothing: sluice shadow report tells what it would have done")->excludes(stage_only)->excludes(canary);
  command->add_option("--approved-by", options->gate.approved_by, "The second person, who agrees that rules may be weaker than those in force");
  command->add_option("--expected-change", options->gate.expected_change, "Why benign golden cases are decided otherwise than by what is in force");
  add_replay_options(*command, options->gate.replay);
  command->add_option("--report", options->reports.json, "Write the gate's report to this file, as `sluice test --json` prints it; of a gate that fails it is kept in any case");
  command->add_option("--html", options->reports.html, "Also as one page with charts");
  command->add_option("--junit", options->reports.junit, "Also as JUnit XML");
  command->add_flag("--again", options->again, "Activate also a version that is live already and runs on every node")->excludes(stage_only)->excludes(canary);
  command->add_flag("--emergency", options->gate.emergency, "Without golden sets; never without schema, inline tests, self-test and cost bounds. Say why with --note");
  add_json(*command, call);
  command->footer(
      "Nothing is uploaded unless the bundle passes its gate, as `sluice test` shows it; where it has a `gate` block, too little evidence is no pass.\n\nExample:\n"
      "  sluice push policies --redis redis://127.0.0.1:6379 --ring prod --wait all --note 'rival names for the campaign'");
  command->callback([options, &call] { call.exit_code = push(*options, call.json); });
}

}  // namespace sluice::app
