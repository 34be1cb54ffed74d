// sluice pack: a bundle as one signed file, for nodes that fetch it from a web server.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "commit.hpp"
#include "gate_report.hpp"
#include "gateway_setup.hpp"
#include "provenance.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/store/archive.hpp"

namespace sluice::app {
namespace {

struct pack_options {
  std::string bundle, out, against, ring = "default", activation, note, actor, commit;
  signing_options signing;
  gate_request gate;
};

// The archive that is served now: what the new one is held against, and whose number it follows.
struct served {
  std::optional<bundle_input> bundle;
  policy::activation activation;
  bool owes_approval = false;  // it counts as weaker itself, and nobody who may has approved it
};
std::optional<served> read_served(const pack_options& o, const std::optional<store::trust>& whom, bundle_compiler& compiler) {
  const auto& path = o.against;
  served out;
  if (path.empty()) return out;
  const auto bytes = read_file(path, "--against");
  auto archive = bytes ? store::read_archive(*bytes, {}) : std::unexpected(bytes.error());
  if (!archive) return complain(archive.error().message, "--against takes an archive that sluice pack made"), std::nullopt;
  if (whom) {
    const auto counts = store::check_archive(*archive, *whom, o.ring, now().wall);
    if (const auto ring = store::ring_in(*archive); !counts && !ring.empty() && ring != o.ring) {
      complain(path + " is an archive of ring '" + printable(ring) + "', and not of '" + o.ring + "': nothing was written", "is --ring the fleet's name? --against takes the archive that the same fleet is served; a fleet's first one is packed without it");
      return std::nullopt;
    }
    if (!counts) return complain(path + " is not gone on with: " + counts.error().message, "name the file of the keys that count: --trust, or SLUICE_TRUST"), std::nullopt;
    out.owes_approval = *counts;
  }
  out.activation = store::activation_in(*archive);
  out.bundle = build_published(path, std::move(archive->source), compiler);
  if (out.bundle->report.snapshot != nullptr) return out;
  complain(path + " does not compile here any more, so nothing can be held against it", "sluice version here and on the nodes may differ");
  return std::nullopt;
}

int pack(const pack_options& o, bool json) {
  if (refused_as_own_approval(actor_name(o.actor), o.gate.approved_by, "nothing was written")) return 1;
  auto compiler = make_bundle_compiler();
  const auto checked_out = o.commit.empty() ? checkout_of(o.bundle) : checkout{};
  const auto input = need_bundle(o.bundle, "", compiler, held_against::harmless_texts);
  if (!input) return 1;
  const auto commit = o.commit.empty() ? commit_of(o.bundle, checked_out, input->source) : o.commit;
  auto keys = read_signing_keys(o.signing);
  if (!keys || !keys_count(o.signing, *keys, {.build = static_cast<unsigned>(store::key_role::build), .activate = activating})) return 1;
  const auto whom = trusted_by(o.signing, *keys);
  if (!whom) return 1;
  const auto before = read_served(o, *whom, compiler);
  if (!before) return 1;
  auto asked = o.gate;
  asked.actor = actor_name(o.actor);
  const bool has_block = input->report.bundle.gate || (before->bundle && before->bundle->report.bundle.gate);
  asked.from_nothing = has_block;
  const auto gate = run_gate(*input, has_block && before->bundle ? &*before->bundle : nullptr, asked, now().wall, compiler);
  if (!gate) return 1;
  const auto verdict = gate->report.verdict;
  if (verdict == rollout::verdict::fail || (verdict == rollout::verdict::insufficient && has_block)) {
    print_checks(*gate, std::cerr);
    complain("the gate says " + std::string(rollout::to_string(verdict)) + ", so nothing was written", keep_refused(*input, has_block && before->bundle ? &*before->bundle : nullptr, asked, *gate));
    return 1;
  }
  store::sealing how{.ring = o.ring, .activation = {before->activation.epoch, before->activation.generation + 1}, .actor = asked.actor, .note = o.note, .how = {}};
  if (how.activation.epoch == 0) how.activation.epoch = 1;
  if (!o.activation.empty()) {
    const auto given = store::activation_from(o.activation);
    if (!given) return complain("--activation " + o.activation + " is none", "write 1-17: epoch and generation"), 2;
    how.activation = *given;
  }
  if (how.activation <= before->activation) return complain("--activation " + policy::to_string(how.activation) + " does not follow " + policy::to_string(before->activation), "nodes only go forward"), 2;
  // Without what is served nobody can tell; a first one has nothing to be weaker than.
  const bool weaker = before->bundle ? before->owes_approval || rollout::weaker(before->bundle->report.bundle, input->report.bundle) : how.activation != policy::activation{1, 1};
  how.how = provenance_of(*gate, o.gate, commit, weaker, o.ring, before->bundle ? policy::version_of(before->bundle->source) : std::string());
  const auto bytes = store::sealed_archive(input->source, how, keys->build, keys->activate);
  if (!bytes) return complain(bytes.error().message), 1;
  if (const auto written = replace_file(o.out, *bytes); !written) return complain(written.error().message), 1;
  if (weaker) {
    complain(before->bundle ? "it is weaker than " + o.against + ", or may be" : "there is no --against to hold it against, so it counts as weaker",
             "nodes with require_approval want a second key: sluice approve --archive " + o.out);
  }
  const auto version = policy::version_of(input->source);
  if (json) std::cout << nlohmann::ordered_json{{"file", o.out}, {"version", version}, {"activation", policy::to_string(how.activation)}, {"bytes", bytes->size()}, {"weaker", weaker}, {"gate_report", how.how.gate_report}, {"commit", how.how.commit}}.dump(2) << '\n';
  else std::cout << o.out << ": version " << short_version(version) << " as " << policy::to_string(how.activation) << " of ring " << o.ring << ", " << bytes->size() << " bytes" << (keys->build ? "" : ", not signed") << '\n';
  return 0;
}

}  // namespace

void add_pack(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("pack", "Validate a bundle and write it as one file, for nodes that fetch it by HTTPS");
  const auto o = std::make_shared<pack_options>();
  command->add_option("bundle", o->bundle, "Folder with a bundle.yaml")->required();
  command->add_option("--out", o->out, "The archive (tar, gzip); a reader never sees half of it")->required();
  command->add_option("--against", o->against, "The archive that is served now: the gate holds the new one against it, and its number is the next. Nodes with require_approval hold it against what they run themselves");
  command->add_option("--ring", o->ring, "The fleet's name, as policy.source.https.ring")->capture_default_str();
  command->add_option("--activation", o->activation, "Its number, as 1-17; by default what follows --against, else 1-1");
  command->add_option("--note", o->note, "Why");
  command->add_option("--actor", o->actor, "Who; by default user@host");
  command->add_option("--commit", o->commit, "From which commit; by default what git says of the folder");
  command->add_option("--approved-by", o->gate.approved_by, "The second person, who agrees that rules may be weaker than those of --against");
  command->add_option("--expected-change", o->gate.expected_change, "Why benign golden cases are decided otherwise than by --against");
  add_signing_options(*command, o->signing, true);
  add_json(*command, call);
  command->footer("Example:\n  sluice pack policies --out prod.tar.gz --against served/prod.tar.gz --ring prod --key ci.pem --note 'rival names'");
  command->callback([o, &call] { call.exit_code = pack(*o, call.json); });
}

}  // namespace sluice::app
