// sluice approve: the second key of a version that is weaker than the one before it.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

struct approve_options {
  std::string version, key_file, trust_file;
  ring_options ring;
};

int approve(const approve_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  const auto version = staged_version(*ring, options.version);
  if (!version) return 1;
  const auto key = read_signing_key(options.key_file);
  if (!key) return 1;
  if (!options.trust_file.empty()) {
    const auto trusted = read_trust_file(options.trust_file);
    if (!trusted) return 1;
    const auto why = refused_by_nodes(*key, *trusted, options.trust_file, static_cast<unsigned>(store::key_role::approve));
    if (!why.empty()) return complain("the key " + options.key_file + why + ", so nodes would not count it; nothing was written", "sluice keygen --role approve makes one that may"), 1;
    ring->trust_only(*trusted);
  }
  const auto how = ring->approve(*version, *key);
  if (!how) return complain_ring(how.error()), 1;
  if (json) {
    std::cout << nlohmann::ordered_json{{"ok", true}, {"version", *version}, {"key", crypto::key_id(key->public_key())}, {"weaker", how->weaker}, {"commit", how->commit}, {"gate_report", how->gate_report}}.dump(2) << '\n';
  } else {
    std::cout << "version " << short_version(*version) << " is approved with key " << crypto::key_id(key->public_key()) << (how->weaker ? "" : "; nothing in it is weaker, so that it did not need to be")
              << "; next: sluice activate " << short_version(*version) << '\n';
  }
  return 0;
}

}  // namespace

void add_approve(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("approve", "Put a second key's signature on a version that is weaker than the one before it");
  auto options = std::make_shared<approve_options>();
  command->add_option("version", options->version, "The version or its first digits")->required();
  command->add_option("--key", options->key_file, "Your private key (sluice keygen --role approve)")->required();
  add_trust_option(*command, options->trust_file, "The file of the keys that may build, as policy.trust.keys_file of the nodes: only what one of them built is approved; also from SLUICE_TRUST");
  add_ring_options(*command, options->ring);
  add_json(*command, call);
  command->footer("Nodes with policy.trust.require_approval take no weaker version without it. Another key than the one that built the version is wanted.\n\nExample:\n"
                  "  sluice diff deployed policies\n  sluice approve 3f0c1d2e4a5b --redis redis://127.0.0.1:6379 --ring prod --key mine.pem");
  command->callback([options, &call] { call.exit_code = approve(*options, call.json); });
}

}  // namespace sluice::app
