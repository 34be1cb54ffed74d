// sluice approve: the second key of a version that is weaker than the one before it, in a ring or in an archive.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "bundle_input.hpp"
#include "gateway_setup.hpp"
#include "node_answers.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/store/archive.hpp"

namespace sluice::app {
namespace {

struct approve_options {
  std::string version, after, archive, out, key_file, trust_file;
  ring_options ring;
};

// Who approves, and whose manifests.
struct approver {
  crypto::signing_key key;
  std::optional<std::vector<store::trusted_key>> trusted;
};
std::optional<approver> read_approver(const approve_options& options) {
  auto key = read_signing_key(options.key_file);
  if (!key) return std::nullopt;
  approver out{.key = std::move(*key), .trusted = {}};
  if (options.trust_file.empty()) return out;
  out.trusted = read_trust_file(options.trust_file);
  if (!out.trusted) return std::nullopt;
  const auto why = refused_by_nodes(out.key, *out.trusted, options.trust_file, static_cast<unsigned>(store::key_role::approve));
  if (why.empty()) return out;
  complain("the key " + options.key_file + why + ", so nodes would not count it; nothing was written", "sluice keygen --role approve makes one that may");
  return std::nullopt;
}

void tell(nlohmann::ordered_json facts, const std::string& version, const approver& by, const store::provenance& how, const std::string& next, bool json) {
  const auto key = crypto::key_id(by.key.public_key());
  if (json) {
    facts.update({{"version", version}, {"key", key}, {"weaker", how.weaker}, {"commit", how.commit}, {"gate_report", how.gate_report}});
    std::cout << facts.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  } else {
    std::cout << "version " << short_version(version) << " is approved with key " << key << (how.weaker ? "" : "; its manifest does not say that it is weaker") << "; next: " << next << '\n';
  }
}

int approve_in_ring(const approve_options& options, bool json) {
  auto ring = connect_ring(options.ring);
  if (!ring) return 1;
  const auto version = staged_version(*ring, options.version);
  if (!version) return 1;
  auto by = read_approver(options);
  if (!by) return 1;
  if (by->trusted) ring->trust_only(*by->trusted);
  std::optional<std::string> after;
  if (!options.after.empty()) {
    after = policy::is_version(options.after) ? options.after : staged_version(*ring, options.after);
    if (!after) return 1;
  }
  // Where every node refused what is at the head, the step is another one for them than for a node that was never there.
  const auto head = ring->head();
  const auto also = after || !head ? std::nullopt : run_instead_of(*ring, *head);
  std::vector<std::string> places;
  std::string words;
  std::optional<store::provenance> how;
  for (const auto& each : {std::optional<std::string>(), after, also}) {
    if (how && (!each || *each == *version || std::ranges::find(places, *each) != places.end())) continue;
    auto done = ring->approve(*version, by->key, each);
    if (!done) return complain_ring(done.error()), 1;
    how = std::move(done->how);
    places.push_back(done->place.after);
    words += (words.empty() ? "to follow " : " or ") + (places.back().empty() ? std::string("nothing") : "version " + short_version(places.back()));
  }
  if (!json) std::cout << words << " in ring " << options.ring.ring << ": ";
  tell({{"ok", true}, {"ring", options.ring.ring}, {"after", places}}, *version, *by, *how, head && head->canary && head->canary->version == *version ? "push it again with --canary; sluice activate makes it live for everybody" : "sluice activate " + short_version(*version), json);
  return 0;
}

int approve_in_archive(const approve_options& options, bool json) {
  const auto bytes = read_file(options.archive, "--archive");
  auto archive = bytes ? store::read_archive(*bytes, {}) : std::unexpected(bytes.error());
  if (!archive) return complain(archive.error().message, "--archive takes one that sluice pack made"), 1;
  const auto version = policy::version_of(archive->source);
  if (!version.starts_with(options.version)) return complain(options.archive + " holds version " + short_version(version) + " and not " + options.version + "; nothing was written", "look at it again"), 1;
  const auto by = read_approver(options);
  if (!by) return 1;
  const auto how = store::approve_archive(*archive, by->trusted ? store::publisher_trust(by->trusted, {}, {}) : std::nullopt, by->key);
  if (!how) return complain(printable(how.error().message)), 1;
  const auto signed_twice = store::write_archive(*archive);
  if (!signed_twice) return complain(signed_twice.error().message), 1;
  const auto& out = options.out.empty() ? options.archive : options.out;
  if (const auto written = replace_file(out, *signed_twice); !written) return complain(written.error().message), 1;
  tell({{"ok", true}, {"file", out}, {"activation", policy::to_string(store::activation_in(*archive))}}, version, *by, *how, "serve " + out, json);
  return 0;
}

int approve(const approve_options& options, bool json) {
  if (!options.archive.empty()) return approve_in_archive(options, json);
  if (options.version.empty() || options.ring.url.empty()) {
    return complain(options.version.empty() ? "no version is named" : "no ring is named", "sluice approve VERSION --redis redis://… for one in a ring; sluice approve --archive FILE for one that a web server hands out"), 2;
  }
  return approve_in_ring(options, json);
}

}  // namespace

void add_approve(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("approve", "Put a second key's signature on a version that is weaker than the one before it");
  auto options = std::make_shared<approve_options>();
  command->add_option("version", options->version, "The version or its first digits; may be left out with --archive");
  command->add_option("--key", options->key_file, "Your private key (sluice keygen --role approve)")->required();
  must_name(*command->add_option("--after", options->after, "A version that it may follow as well, or its first digits: beside what is live, or, of what is live, what that followed; and, where every node refused what is live, what they run"), "version");
  add_trust_option(*command, options->trust_file, "The file of the keys that may build, as policy.trust.keys_file of the nodes: only what one of them built is approved; also from SLUICE_TRUST");
  add_optional_ring(*command, options->ring, "where the version is; also from SLUICE_REDIS");
  auto* archive = command->add_option("--archive", options->archive, "The archive (sluice pack) that holds the version, for nodes that fetch it by HTTPS");
  archive->excludes(command->get_option("--redis"))->excludes(command->get_option("--after"));
  command->add_option("--out", options->out, "Where the approved archive goes; by default in place of --archive. A reader never sees half of it")->needs(archive);
  add_json(*command, call);
  command->footer("Nodes with policy.trust.require_approval take no weaker version without it. Another key than the one that built the version is wanted.\n"
                  "It holds for one step: in this ring, after that version; of an archive, under the number that it has.\n\nExamples:\n"
                  "  sluice diff deployed policies\n  sluice approve 3f0c1d2e4a5b --redis redis://127.0.0.1:6379 --ring prod --key mine.pem\n"
                  "  sluice approve --archive prod.tar.gz --key mine.pem --trust trusted_keys.yaml");
  command->callback([options, &call] {
    if (options->archive.empty()) take_ring_of_environment(options->ring);
    call.exit_code = approve(*options, call.json);
  });
}

}  // namespace sluice::app
