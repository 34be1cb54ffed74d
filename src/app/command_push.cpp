// sluice push: validate, compile, test, upload, activate, and hear what each node says.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "commit.hpp"
#include "gate_run.hpp"
#include "node_wait.hpp"
#include "provenance.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

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
};

std::int64_t ms_since(mono_time from) { return std::chrono::duration_cast<milliseconds>(mono_now() - from).count(); }

// The version that is live in the ring, built here; nothing when there is none, or neither it nor the candidate has a `gate` block: a
// candidate does not get rid of a gate by leaving it out. False: it was complained about.
bool active_of(const bundle_input& candidate, store::publisher& ring, bundle_compiler& compiler, std::optional<bundle_input>& out) {
  auto head = ring.head();
  if (!head && head.error().code == errc::not_found) return true;
  if (!head) return complain_ring(head.error()), false;
  auto source = ring.fetch(head->version);
  // What was damaged in Redis is mended by pushing it again, and a version need not be held against itself.
  if (!source && head->version == policy::version_of(candidate.source)) return true;
  if (!source) return complain_ring(source.error()), false;
  policy::diagnostics ignored;  // what is wrong with it, building it says
  if (!candidate.report.bundle.gate && !policy::parse(*source, ignored).gate) return true;
  out = bundle_input{.path = "version " + short_version(head->version), .source = std::move(*source), .report = {}};
  out->report = policy::build(out->source, now().wall, *compiler.backend, *compiler.cache, policy::expired_exceptions::leave_out);
  if (out->report.snapshot != nullptr) return true;
  complain("the active version " + short_version(head->version) + " does not compile here any more, so nothing can be held against it", "sluice version here and on the nodes may differ");
  return false;
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

// What a push makes live: the version for everybody, or beside what is live for some, or for nobody.
std::optional<store::activate_request> request_of(const push_options& options, store::publisher& ring, const std::string& staged) {
  store::activate_request out{.version = staged, .kind = "activate", .actor = actor_name(options.actor),
                                 .note = options.gate.emergency ? "EMERGENCY, golden sets not asked: " + options.note : options.note};
  if (options.canary.empty() && !options.shadow) return out;
  const auto live = ring.vouched_head();
  if (!live) {
    complain_ring(live.error());
    return std::nullopt;
  }
  if (live->version == staged) {
    complain("version " + short_version(staged) + " is live for everybody already", "there is nothing to try out");
    return std::nullopt;
  }
  out.version = live->version;
  out.only_after = live->activation;
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
  const auto answers = ring.acknowledgements(head->activation);
  if (!answers || std::ranges::any_of(*answers, [](const auto& a) { return a.state == "NACK"; })) return std::nullopt;
  const auto ahead = ring.ahead_of(*head);
  return ahead && *ahead == policy::activation{} ? std::optional(std::move(*head)) : std::nullopt;
}

// What it made live, for a person.
void tell(const push_options& options, const std::string& staged, const store::head_record& head) {
  std::cout << "version " << short_version(staged);
  if (options.shadow) {
    std::cout << " is judged in shadow as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << " and changes nothing; next: sluice shadow report, then sluice promote, or sluice abort\n";
  } else if (!options.canary.empty()) {
    const auto whom = head.canary->nodes.empty() ? options.canary + " % of conversations" : "everybody on nodes with " + head.canary->nodes;
    std::cout << " decides for " << whom << " as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << "; next: sluice promote, or sluice abort\n";
  } else {
    std::cout << " is active as " << policy::to_string(head.activation) << " in ring " << options.ring.ring << '\n';
  }
  std::cout << std::flush;
}

// As `sluice test` judges, against what is live where the bundle has a `gate` block. Nothing when it may not go live: it was complained
// about.
std::optional<gate_run> pass_gate(const bundle_input& input, const push_options& options, store::publisher& ring, bundle_compiler& compiler) {
  std::optional<bundle_input> active;
  if (!options.gate.emergency && !active_of(input, ring, compiler, active)) return std::nullopt;
  const bool has_block = input.report.bundle.gate.has_value() || active;
  gate_request asked = options.gate;
  asked.actor = actor_name(options.actor);
  asked.from_nothing = has_block && !asked.emergency;
  auto run = run_gate(input, active ? &*active : nullptr, asked, now().wall, compiler);
  if (!run) return std::nullopt;
  const auto verdict = run->report.verdict;
  if (verdict == rollout::verdict::pass || (verdict == rollout::verdict::insufficient && !has_block)) {
    if (!has_block) complain("what is live was not compared with: neither version has a `gate` block" + std::string(asked.approved_by.empty() ? "" : ", and --approved-by approves nothing"), "with one, rules that are weaker need a second person: docs/gate.md");
    return run;
  }
  print_checks(*run, std::cerr);
  complain("the gate says " + std::string(rollout::to_string(verdict)) + ", so nothing was uploaded", "see the whole report: sluice test " + input.path + "; in an emergency: --emergency --note WHY");
  return std::nullopt;
}

// Nothing: it was complained about.
std::optional<store::head_record> make_live(const push_options& options, store::publisher& ring, const bundle_input& input, const store::provenance& how, const std::string& staged) {
  const auto request = request_of(options, ring, staged);
  if (!request) return std::nullopt;
  auto head = ring.activate(*request);
  if (!head && head.error().code == errc::not_found && ring.stage(input.source, how)) head = ring.activate(*request);  // a failover lost what was uploaded
  if (!head) return complain_ring(head.error()), std::nullopt;
  return std::move(*head);
}

int push(const push_options& options, bool json) {
  if (options.gate.emergency && options.note.empty()) {
    complain("--emergency needs --note", "say why golden sets are not asked: it stands in the history");
    return 2;
  }
  const auto begin = mono_now();
  auto compiler = make_bundle_compiler();
  const auto input = need_bundle(options.bundle, "", compiler, held_against::harmless_texts);
  if (!input) return 1;
  const auto build_ms = ms_since(begin);
  auto ring = connect_ring(options.ring);
  if (!ring || !sign_ring(*ring, options.signing)) return 1;
  const auto gate = pass_gate(*input, options, *ring, compiler);
  if (!gate) return 1;
  const auto golden_ms = ms_since(begin) - build_ms;
  auto mark = mono_now();
  const auto how = provenance_of(*gate, options.gate, options.commit.empty() ? commit_of(options.bundle) : options.commit);
  auto staged = ring->stage(input->source, how);
  if (!staged) return complain_ring(staged.error()), 1;
  const auto upload_ms = ms_since(mark);
  if (options.stage_only) {
    if (json) std::cout << nlohmann::ordered_json{{"ok", true}, {"version", *staged}, {"activation", nullptr}, {"ring", options.ring.ring}}.dump(2) << '\n';
    else std::cout << "version " << short_version(*staged) << " is in ring " << options.ring.ring << " and not live; next: sluice activate " << short_version(*staged) << '\n';
    return 0;
  }
  mark = mono_now();
  const bool may_be_there = !options.again && options.canary.empty() && !options.shadow;
  auto head = may_be_there ? active_everywhere(*ring, *staged) : std::nullopt;
  const bool unchanged = head.has_value();
  if (!head) head = make_live(options, *ring, *input, how, *staged);
  if (!head) return 1;
  if (!unchanged) warn_about(*head);
  const auto activate_ms = ms_since(mark);
  mark = mono_now();
  if (!json && !unchanged) tell(options, *staged, *head);
  if (!json && unchanged) std::cout << "version " << short_version(*staged) << " is already active as " << policy::to_string(head->activation) << " in ring " << options.ring.ring << "; nothing to do (--again activates it once more)\n" << std::flush;
  const auto waited = wait_for_nodes(*ring, options.ring.ring, *head, options.wait, json);
  const auto wait_ms = ms_since(mark);
  if (json) {
    const auto nodes = nlohmann::ordered_json::parse(answers_json(waited));
    const nlohmann::ordered_json out = {{"ok", waited.reached}, {"version", *staged}, {"activation", policy::to_string(waited.head.activation)}, {"ring", options.ring.ring}, {"unchanged", unchanged}, {"nodes", nodes},
                                        {"gate", {{"verdict", rollout::to_string(gate->report.verdict)}, {"report", gate->report.digest}}},
                                        {"ms", {{"build", build_ms}, {"golden", golden_ms}, {"upload", upload_ms}, {"activate", activate_ms}, {"wait", wait_ms}}}};
    std::cout << out.dump(2) << '\n';
  } else {
    std::cout << "took " << ms_since(begin) << " ms: build " << build_ms << ", gate " << golden_ms << ", upload " << upload_ms << ", activate " << activate_ms << ", wait " << wait_ms << "; gate report " << short_version(gate->report.digest) << '\n';
  }
  return waited.reached ? 0 : 1;
}

}  // namespace

void add_push(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("push", "Validate a bundle, upload it to Redis and make it live");
  auto options = std::make_shared<push_options>();
  command->add_option("bundle", options->bundle, "Folder with a bundle.yaml")->required();
  add_ring_options(*command, options->ring);
  command->add_option("--note", options->note, "Why, for the history");
  command->add_option("--actor", options->actor, "Who, for the history; by default user@host");
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
  command->add_flag("--again", options->again, "Activate also a version that is live already and runs on every node")->excludes(stage_only)->excludes(canary);
  command->add_flag("--emergency", options->gate.emergency, "Without golden sets; never without schema, inline tests, self-test and cost bounds. Say why with --note");
  add_json(*command, call);
  command->footer(
      "Nothing is uploaded unless the bundle passes its gate, as `sluice test` shows it; where it has a `gate` block, too little evidence is no pass.\n\nExample:\n"
      "  sluice push policies --redis redis://127.0.0.1:6379 --ring prod --wait all --note 'rival names for the campaign'");
  command->callback([options, &call] { call.exit_code = push(*options, call.json); });
}

}  // namespace sluice::app
