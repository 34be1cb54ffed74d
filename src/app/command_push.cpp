// sluice push: validate, compile, test, upload, activate, and hear what each node says.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct push_options {
  std::string bundle, note, actor;
  ring_options ring;
  wait_options wait;
};

std::int64_t ms_since(mono_time from) { return std::chrono::duration_cast<milliseconds>(mono_now() - from).count(); }

nlohmann::ordered_json to_json(const store::acknowledgement& a) {
  return {{"node", a.node}, {"state", a.state}, {"phase", a.phase}, {"message", a.message}, {"compile_ms", a.compile.count()}};
}

// The bundle's golden sets, as `sluice test` judges them. False: they were complained about.
bool judge_golden(const bundle_input& input) {
  const auto cases = golden_cases(input, {});
  if (!cases) return false;
  const auto results = policy::run_golden(*cases, input.report.snapshot);
  std::size_t failed = 0;
  for (const auto& each : results) {
    if (each.passed) continue;
    ++failed;
    std::cerr << to_string(each.place) << ": golden case " << each.id << " of " << each.set << " fails: " << each.what << '\n';
  }
  if (failed == 0) return true;
  complain(std::to_string(failed) + " golden cases fail, so nothing was uploaded", "see them all: sluice test " + input.path);
  return false;
}

int push(const push_options& options, bool json) {
  const auto begin = mono_now();
  auto compiler = make_bundle_compiler();
  const auto input = need_bundle(options.bundle, "", compiler, held_against::harmless_texts);
  if (!input) return 1;
  const auto build_ms = ms_since(begin);
  const bool golden_passes = judge_golden(*input);
  if (!golden_passes) return 1;
  const auto golden_ms = ms_since(begin) - build_ms;
  auto mark = mono_now();
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  auto staged = ring->stage(input->source);
  if (!staged) return complain_ring(staged.error()), 1;
  const auto upload_ms = ms_since(mark);
  mark = mono_now();
  auto head = ring->activate({.version = *staged, .kind = "activate", .actor = options.actor.empty() ? actor_name() : options.actor, .note = options.note});
  if (!head) return complain_ring(head.error()), 1;
  const auto activate_ms = ms_since(mark);
  mark = mono_now();
  if (!json) std::cout << "version " << short_version(*staged) << " is active as " << policy::to_string(head->activation) << " in ring " << options.ring.ring << '\n' << std::flush;
  const auto waited = wait_for_nodes(*ring, options.ring.ring, *head, options.wait, json);
  const auto wait_ms = ms_since(mark);
  if (json) {
    auto nodes = nlohmann::ordered_json::array();
    for (const auto& a : waited.answers) nodes.push_back(to_json(a));
    const nlohmann::ordered_json out = {{"ok", waited.reached}, {"version", *staged}, {"activation", policy::to_string(waited.head.activation)}, {"ring", options.ring.ring}, {"nodes", nodes},
                                        {"ms", {{"build", build_ms}, {"golden", golden_ms}, {"upload", upload_ms}, {"activate", activate_ms}, {"wait", wait_ms}}}};
    std::cout << out.dump(2) << '\n';
  } else {
    std::cout << "took " << ms_since(begin) << " ms: build " << build_ms << ", golden sets " << golden_ms << ", upload " << upload_ms << ", activate " << activate_ms << ", wait " << wait_ms << '\n';
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
  add_wait_options(*command, options->wait);
  add_json(*command, call);
  command->footer(
      "Nothing is uploaded unless the bundle builds, its inline tests pass and no case of its golden sets fails.\n\nExample:\n"
      "  sluice push policies --redis redis://127.0.0.1:6379 --ring prod --wait all --note 'rival names for the campaign'");
  command->callback([options, &call] { call.exit_code = push(*options, call.json); });
}

}  // namespace sluice::app
