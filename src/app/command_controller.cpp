// sluice controller: what acts for a ring without a person, and may do nothing but take harm away.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <ctime>
#include <memory>
#include <utility>

#include "bundle_input.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/rollout/block_band.hpp"
#include "sluice/rollout/fleet_watch.hpp"
#include "sluice/telemetry/log.hpp"
#include "trust_file.hpp"

namespace sluice::app {
namespace {

using telemetry::level;

constexpr milliseconds lease{15'000};
constexpr int look_every_seconds = 2;
constexpr milliseconds call_timeout{5000};
constexpr seconds files_again{60};

struct controller_options {
  ring_options ring;
  signing_options signing;
  rollout::canary_terms terms;
};

constexpr const char* key_wanted = "--key FILE with one of role safety (sluice keygen safety.pem --name safety --role safety), and --trust; where nodes want no signature, make what is live anew without one: sluice activate VERSION --unsigned";

// Why nothing may be written over such a head without a key: nodes that want signatures would take none of it, and be behind for good. "": it may.
std::string lacks_key(const store::head_record& head, const std::string& ring) {
  if (head.signed_by.empty()) return {};
  return "there is no key to sign with, and what is live in ring " + ring + " is signed with key " + printable(head.signed_by) + "; nothing was written";
}

class controlling {
 public:
  controlling(const controller_options& options, store::redis_endpoint where)
      : options_(options), where_(std::move(where)), watch_(options.terms, [this](const std::string& version, const std::string& rule) { return may_demote(version, rule); }), me_(actor_name() + " " + std::to_string(::getpid()) + " " + hex(crypto::random_bytes(4))) {}

  // One look at the ring. What fails is told once and tried again: files that cannot be read, each minute.
  void look() {
    if (!ring_) {
      auto connected = store::publisher::connect(where_, options_.ring.ring, call_timeout);
      if (!connected) return cannot_connect(connected.error());
      ring_.emplace(std::move(*connected));
    }
    if (!signs_ && mono_now() < sign_again_) return;
    if (!signs_) sign_again_ = mono_now() + files_again;
    if (!signs_ && !sign_ring(*ring_, options_.signing, {})) return;
    signs_ = true;
    if (auto done = act(); !done) {
      tell_fault(done.error().message);
      give_up();  // one that cannot act keeps no other from it
      ring_.reset();
      signs_ = false;
      sign_again_ = {};
      return;
    }
    fault_.clear();
  }

  // Another one acts at its next look. Where that cannot be said, for the connection is gone, the lease ends by itself.
  void give_up() {
    if (!ring_ || !leads_) return;
    leads_ = false;
    told_ = false;
    if (const auto done = ring_->resign(me_); !done) telemetry::log(level::warn, "another controller acts only once this one's lease has ended: " + done.error().message, {{"ring", options_.ring.ring}});
  }

 private:
  // A password may have been changed meanwhile.
  void cannot_connect(const error& why) {
    tell_fault(why.message);
    if (why.code != errc::refused || mono_now() < password_again_) return;
    password_again_ = mono_now() + files_again;
    if (auto again = redis_of(options_.ring)) where_ = std::move(*again);
  }

  result<void> act() {
    const auto head = ring_->vouched_head();
    // Somebody may have begun to sign while this one ran.
    if (auto lacking = head && options_.signing.key_file.empty() ? lacks_key(*head, options_.ring.ring) : std::string(); !lacking.empty()) return fail(errc::refused, lacking);
    if (!head && head.error().code != errc::not_found) return std::unexpected(head.error());
    const auto leads = ring_->lead(me_, lease);
    if (!leads) return std::unexpected(leads.error());
    if (*leads != leads_ || !told_) telemetry::log(level::info, *leads ? "this controller acts for the ring" : "another controller acts for the ring; this one waits", {{"ring", options_.ring.ring}});
    leads_ = *leads;
    told_ = true;
    if (!head) return {};
    const auto nodes = ring_->nodes();
    if (!nodes) return std::unexpected(nodes.error());
    // Also while it waits: whoever takes over has seen what the other saw.
    const auto wanted = watch_.look(*head, *nodes, mono_now());
    if (!wanted || !leads_) return {};
    const auto done = ring_->activate(*wanted);
    if (!done && done.error().code == errc::conflict) return {};  // somebody acted meanwhile: look again
    if (!done) return std::unexpected(done.error());
    telemetry::log(level::error, wanted->note, {{"kind", wanted->kind}, {"activation", policy::to_string(done->activation)}, {"ring", options_.ring.ring}});
    return {};
  }

  // As the version itself says, whose files are checked against its name: not as a heartbeat does.
  bool may_demote(const std::string& version, const std::string& rule) {
    if (known_ != version) {
      const auto source = ring_->fetch(version);
      if (!source) {
        if (std::exchange(unknown_, version) != version) telemetry::log(level::error, "rule " + rule + " is not demoted for the ring, for its version cannot be read: " + source.error().message);
        return false;
      }
      policy::diagnostics ignored;
      bundle_ = policy::parse(*source, ignored);
      known_ = version;
    }
    return rollout::may_demote(bundle_, rule);
  }

  void tell_fault(const std::string& what) {
    if (what != fault_) telemetry::log(level::error, "the ring cannot be looked after: " + what);
    fault_ = what;
  }

  const controller_options& options_;
  store::redis_endpoint where_;
  rollout::fleet_watch watch_;
  std::string me_, fault_;
  std::optional<store::publisher> ring_;
  std::string known_, unknown_; // the version that bundle_ is; the last one that could not be read
  policy::bundle_ast bundle_;
  bool signs_ = false, leads_ = false, told_ = false;
  mono_time sign_again_{}, password_again_{};  // when files are read again
};

// What a key may sign beside what a controller writes; "": nothing.
std::string more_than_safety(const crypto::signing_key& key, const std::vector<store::trusted_key>& trusted) {
  const auto known = std::ranges::find(trusted, key.public_key(), &store::trusted_key::public_key);
  std::string out;
  for (const auto& each : role_names) {
    if (known == trusted.end() || each.role == store::key_role::safety || (known->roles & static_cast<unsigned>(each.role)) == 0) continue;
    out += (out.empty() ? "" : ", ") + std::string(each.name);
  }
  return out;
}

// Whether nodes that have this file will take what the key signs: a controller whose word nobody takes is none, and its heads would stop the ring.
bool counts(const signing_options& with) {
  if (with.key_file.empty()) return keys_count(with, {}, {.activate = taking_away});
  const auto key = read_signing_key(with.key_file);
  const auto trusted = read_trust_file(with.trust_file);
  if (!key || !trusted) return false;
  const std::string safety = "sluice keygen safety.pem --name safety --role safety --trust-file " + with.trust_file + ", and send the nodes SIGHUP";
  const auto why = refused_by_nodes(*key, *trusted, with.trust_file, taking_away);
  if (!why.empty()) return complain(with.key_file + why, safety), false;
  const auto more = more_than_safety(*key, *trusted);
  if (more.empty()) return true;
  complain("the key " + with.key_file + " can sign more than a controller writes: " + with.trust_file + " gives it " + more + ". The role safety is enough, and whoever takes over this machine has all that the key may do",
           "keep it elsewhere, and give the controller a key of its own: " + safety);
  return true;
}

// As far as the ring answers now; where it does not, each look asks again.
bool may_start(const controller_options& options, const store::redis_endpoint& where) {
  if (!options.signing.key_file.empty()) return true;
  auto ring = store::publisher::connect(where, options.ring.ring, call_timeout);
  const auto head = ring ? ring->head() : std::unexpected(ring.error());
  const auto lacking = head ? lacks_key(*head, options.ring.ring) : std::string();
  if (!lacking.empty()) complain(lacking, key_wanted);
  return lacking.empty();
}

int control(const controller_options& options) {
  if (!options.signing.key_file.empty() && options.signing.trust_file.empty()) {
    complain("--key needs --trust: what this controller signs goes on with what others made live, and nobody has said whose word counts", "--trust FILE (or SLUICE_TRUST), the file that the nodes have as policy.trust.keys_file");
    return 2;
  }
  if (!counts(options.signing)) return 2;
  auto where = redis_of(options.ring);
  if (!where || !may_start(options, *where)) return 2;
  sigset_t stop;
  sigemptyset(&stop);
  for (const int each : {SIGTERM, SIGINT}) sigaddset(&stop, each);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  telemetry::open_log(level::info, telemetry::format_from("auto"));
  controlling one(options, std::move(*where));
  for (;;) {
    one.look();
    const timespec pause{.tv_sec = look_every_seconds, .tv_nsec = 0};
    if (sigtimedwait(&stop, nullptr, &pause) > 0) break;
  }
  one.give_up();
  return 0;
}

}  // namespace

void add_controller(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("controller", "Look after a ring: abort a canary that is worse, demote everywhere what nodes demoted");
  auto options = std::make_shared<controller_options>();
  add_ring_options(*command, options->ring);
  command->add_option("--key", options->signing.key_file, "A private key of role safety (sluice keygen), which signs nothing but aborts and demotions. Needed where what is live is signed");
  add_trust_option(*command, options->signing.trust_file, "The file of the keys whose words are gone on with, as policy.trust.keys_file of the nodes; also from SLUICE_TRUST. Needed with --key");
  command->add_option("--block-margin", options->terms.block_margin, "How much larger or smaller the share of blocked exchanges may be than that of what is live")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  command->add_option("--fail-margin", options->terms.fail_margin, "The same of exchanges that fail")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  command->add_option("--slow-margin", options->terms.slow_margin, "The same of exchanges that take longer than 99 in 100 of the others")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  command->add_option("--error", options->terms.error, "How probably a canary that is within its margins is ever aborted")->check(CLI::Range(1e-9, 0.5))->capture_default_str();
  command->footer(
      "Run two of them on different machines: one acts, the others wait, and what either does is void when the ring has moved on meanwhile.\n\n"
      "Example:\n  sluice controller --redis redis://127.0.0.1:6379 --ring prod --key safety.pem --trust trusted.yaml");
  command->callback([options, &call] { call.exit_code = control(*options); });
}

}  // namespace sluice::app
