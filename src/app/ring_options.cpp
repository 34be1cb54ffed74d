// See ring_options.hpp.
#include "ring_options.hpp"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "bundle_input.hpp"
#include "trust_file.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t trust_file_bytes_max = 1'048'576;

// What to do about what Redis said, where its own words do not tell.
std::string advice_on(std::string_view said) {
  if (said.contains("NOAUTH") || said.contains("WRONGPASS")) return "give the user in --redis (redis://USER@host:6379) and the password with --redis-password-file";
  if (said.contains("NOPERM")) return "this user may not, or not in this ring: is --ring (or SLUICE_RING) the fleet's name? Which users publish, and what each must be allowed, stands in docs/deploy.md";
  if (said.contains("Protocol error")) return "is that a Redis server, and is its TLS port meant by rediss://?";
  return {};
}

std::string check_url(const std::string& text) {
  const auto read = store::parse_redis_url(text);
  return read ? std::string() : read.error().message + "; write it like redis://127.0.0.1:6379";
}

void add_rest_of_ring(CLI::App& command, ring_options& options) {
  auto* ring = command.add_option("--ring", options.ring, "The fleet's name in Redis; also from SLUICE_RING");
  ring->envname("SLUICE_RING")->capture_default_str()->check(CLI::Validator([](const std::string& text) { return store::wrong_ring_name(text); }, ""));
  command.add_option("--sentinel", options.sentinels, "host:26379 of a Redis Sentinel, several with commas; the host of --redis is then the master's name. Also from SLUICE_SENTINEL")->envname("SLUICE_SENTINEL")->delimiter(',');
  command.add_option("--redis-password-file", options.password_file, "A file with the password, so that no command line shows it");
  command.add_option("--redis-ca-file", options.ca_file, "Certificates to trust for rediss://");
}

}  // namespace

void add_ring_options(CLI::App& command, ring_options& options) {
  command.add_option("--redis", options.url, "redis://host:6379 or rediss://…; also from SLUICE_REDIS")->envname("SLUICE_REDIS")->required()->check(CLI::Validator(check_url, ""));
  add_rest_of_ring(command, options);
}

void add_optional_ring(CLI::App& command, ring_options& options, const std::string& what) {
  command.add_option("--redis", options.url, "redis://host:6379 of the ring, " + what)->check(CLI::Validator(check_url, ""));
  add_rest_of_ring(command, options);
}

void take_ring_of_environment(ring_options& options) {
  const char* url = std::getenv("SLUICE_REDIS");
  if (options.url.empty() && url != nullptr) options.url = url;
}

std::optional<store::redis_endpoint> redis_of(const ring_options& options) {
  auto where = store::parse_redis_url(options.url);
  if (!where) {
    complain(where.error().message);
    return std::nullopt;
  }
  where->ca_file = options.ca_file;
  for (const auto& each : options.sentinels) {
    const auto at = store::parse_sentinel(each);
    if (!at) {
      complain(at.error().message);
      return std::nullopt;
    }
    where->sentinels.push_back(*at);
  }
  if (!options.password_file.empty()) {
    const auto secret = read_whole(options.password_file, 4096);
    if (!secret) return std::nullopt;
    where->password = trim(*secret);
  }
  return std::move(*where);
}

std::optional<store::publisher> connect_ring(const ring_options& options) {
  const auto where = redis_of(options);
  if (!where) return std::nullopt;
  auto ring = store::publisher::connect(*where, options.ring, milliseconds(5000));
  if (!ring) {
    const auto advice = advice_on(ring.error().message);
    complain(printable(ring.error().message), advice.empty() ? "is Redis running at " + where->display() + ", and may this user connect?" : advice);
    return std::nullopt;
  }
  return std::move(*ring);
}

void add_signing_options(CLI::App& command, signing_options& options, bool builds) {
  command.add_option("--key", options.key_file, builds ? "A private key (sluice keygen) that signs the manifest and the activation" : "A private key (sluice keygen) that signs the activation");
  if (builds) command.add_option("--build-key", options.build_key_file, "Another one for the manifest");
  command.add_flag("--unsigned", options.unsigned_too, "Without --key also where what is live is signed: for nodes that want no signatures any more");
  add_trust_option(command, options.trust_file, "The file of the keys whose words are gone on with, as policy.trust.keys_file of the nodes; also from SLUICE_TRUST. Without it: this key alone");
}

void add_trust_option(CLI::App& command, std::string& file, const std::string& about) {
  command.add_option("--trust", file, about)->envname("SLUICE_TRUST");
}

std::optional<std::vector<store::trusted_key>> read_trust_file(const std::string& file) {
  const auto bytes = read_whole(file, trust_file_bytes_max);
  if (!bytes) return std::nullopt;
  policy::diagnostics found;
  auto keys = read_trusted_keys(file, *bytes, found);
  if (!policy::has_errors(found)) return keys;
  complain("--trust " + file + " is no file of trusted keys:\n" + policy::to_text(found), "it is the one that the nodes have as policy.trust.keys_file");
  return std::nullopt;
}

std::optional<crypto::signing_key> read_signing_key(const std::string& file) {
  const auto pem = read_whole(file, 16'384);
  if (!pem) return std::nullopt;
  auto key = crypto::signing_key::from_pem(*pem);
  if (key) return std::move(*key);
  complain(file + ": " + key.error().message, "sluice keygen makes one; openssl genpkey -algorithm ed25519 does too");
  return std::nullopt;
}

std::optional<signing_keys> read_signing_keys(const signing_options& options) {
  signing_keys out;
  const auto& build_file = options.build_key_file.empty() ? options.key_file : options.build_key_file;
  if (!build_file.empty() && !(out.build = read_signing_key(build_file))) return std::nullopt;
  if (!options.key_file.empty() && !(out.activate = read_signing_key(options.key_file))) return std::nullopt;
  return out;
}

std::optional<std::optional<store::trust>> trusted_by(const signing_options& options, const signing_keys& keys) {
  std::optional<std::vector<store::trusted_key>> told;
  if (!options.trust_file.empty() && !(told = read_trust_file(options.trust_file))) return std::nullopt;
  return store::publisher_trust(told, keys.build, keys.activate);
}

bool trust_ring(store::publisher& ring, const std::string& file) {
  if (file.empty()) return true;
  auto trusted = read_trust_file(file);
  if (trusted) ring.trust_only(std::move(*trusted));
  return trusted.has_value();
}

std::string refused_by_nodes(const crypto::signing_key& key, const std::vector<store::trusted_key>& trusted, const std::string& file, unsigned roles) {
  const auto known = std::ranges::find(trusted, key.public_key(), &store::trusted_key::public_key);
  if (known == trusted.end()) return " is none of the keys in " + file;
  std::string wanted;
  for (const auto& each : role_names) {
    if ((roles & static_cast<unsigned>(each.role)) != 0) wanted += (wanted.empty() ? "" : " nor ") + std::string(each.name);
  }
  const bool one_of_two = wanted.contains(" nor ");
  if ((known->roles & roles) == 0) return " may not sign this: in " + file + " '" + known->name + "' has " + (one_of_two ? "neither the role " : "not the role ") + wanted;
  if (known->not_after && *known->not_after < now().wall) return " expired at " + rfc3339(*known->not_after);
  return {};
}

namespace {

// By the keys of the file that --trust names.
bool keys_count_for(const std::vector<store::trusted_key>& trusted, const signing_options& options, const signing_keys& keys, const signing_roles& wanted) {
  const auto counts = [&](const std::optional<crypto::signing_key>& key, const std::string& file, unsigned roles) {
    if (roles == 0) return true;
    if (!key) {
      complain("there is no key to sign with, and nodes that have " + options.trust_file + " want a signature; nothing was written", "--key FILE (sluice keygen); where nodes want none, leave out --trust and SLUICE_TRUST");
      return false;
    }
    const auto why = refused_by_nodes(*key, trusted, options.trust_file, roles);
    if (why.empty()) return true;
    complain("the key " + file + why + ", so nodes would refuse what it signs; nothing was written", "--key FILE with one that may; who holds which: " + options.trust_file);
    return false;
  };
  return counts(keys.build, options.build_key_file.empty() ? options.key_file : options.build_key_file, wanted.build) && counts(keys.activate, options.key_file, wanted.activate);
}

}  // namespace

bool keys_count(const signing_options& options, const signing_keys& keys, const signing_roles& wanted) {
  if (options.trust_file.empty()) return true;
  const auto trusted = read_trust_file(options.trust_file);
  return trusted && keys_count_for(*trusted, options, keys, wanted);
}

namespace {

// Nodes that want signatures would refuse what follows without one, and the signed head would stand there no more.
bool displaces_signed(store::publisher& ring) {
  const auto live = ring.head();
  if (!live || live->signed_by.empty()) return false;
  complain("there is no key to sign with, and what is live, " + policy::to_string(live->activation) + ", is signed with key " + printable(live->signed_by) + ": nodes that want signatures would refuse what follows it without one; nothing was written",
           "--key FILE (sluice keygen); where nodes want none any more: --unsigned");
  return true;
}

}  // namespace

bool sign_ring(store::publisher& ring, const signing_options& options, const signing_roles& wanted) {
  auto keys = read_signing_keys(options);
  if (!keys) return false;
  if (!options.trust_file.empty()) {
    auto trusted = read_trust_file(options.trust_file);
    if (!trusted || !keys_count_for(*trusted, options, *keys, wanted)) return false;
    ring.trust_only(std::move(*trusted));
  }
  const bool signs = keys->activate.has_value();
  ring.sign_with(std::move(keys->build), std::move(keys->activate));
  return signs || wanted.activate == 0 || options.unsigned_too || !displaces_signed(ring);
}

std::optional<std::string> staged_version(store::publisher& ring, const std::string& digits) {
  if (digits.size() < version_digits_min) {
    complain("'" + digits + "' is too short for a version", "give at least its first " + std::to_string(version_digits_min) + " digits; see: sluice history");
    return std::nullopt;
  }
  const auto staged = ring.staged();
  if (!staged) return complain_ring(staged.error()), std::nullopt;
  std::optional<std::string> found;
  for (const auto& each : *staged) {
    if (!each.starts_with(digits)) continue;
    if (found) {
      complain("more than one version begins with '" + digits + "'", "give more digits");
      return std::nullopt;
    }
    found = each;
  }
  if (!found) complain("no version in this ring begins with '" + digits + "'", "see: sluice history; or push it");
  return found;
}

bool refused_as_revoked(store::publisher& ring, const std::string& version, const std::string& so) {
  const auto revoked = ring.revoked();
  if (!revoked) return complain_ring(revoked.error()), true;
  if (std::ranges::find(*revoked, version) == revoked->end()) return false;
  std::string by;
  if (const auto stops = ring.stops(0)) {
    const auto last = std::ranges::find_if(*stops, [&](const store::ring_stop& s) { return s.kind == "revoke" && s.version == version; });
    if (last != stops->end()) by = ", by " + printable(last->actor) + " at " + printable(last->time) + (last->note.empty() ? "" : " (" + printable(last->note) + ")");
  }
  complain("version " + short_version(version) + " is revoked" + by + ", so it may not be activated: " + so, "where it may go live after all: sluice unrevoke " + short_version(version) + " --note WHY; otherwise change what was wrong in it, which makes another version");
  return true;
}

bool refused_as_own_approval(const std::string& actor, const std::string& approved_by, const std::string& so) {
  if (approved_by.empty() || !rollout::same_person(actor, approved_by)) return false;
  complain("--approved-by names " + printable(approved_by) + ", and it is " + printable(actor) + " who acts: one person is no two, so " + so, "let a second person agree, and name that one; or leave --approved-by out");
  return true;
}

// One line: Redis says in it what others wrote there.
void complain_ring(const error& why) {
  const bool went = why.code == errc::closed || why.code == errc::io || why.code == errc::timeout;
  auto advice = advice_on(why.message);
  if (advice.empty() && went) advice = "Redis went away meanwhile, or the way to it: once it answers, sluice history says what is done, and what is not may be done again";
  complain(printable(why.message), advice);
}

bool nothing_there(store::publisher& ring, const std::string& name) {
  const auto ahead = ring.ahead_of(store::head_record{});
  if (!ahead || ahead->nodes.empty()) return complain("nothing was ever activated in ring '" + name + "'", "is --ring (or SLUICE_RING) the fleet's name?"), false;
  complain("this Redis has lost what was activated in ring '" + name + "': nodes have seen " + policy::to_string(ahead->highest) + " and keep what they have (" + printable(join(ahead->nodes)) + ")",
           "push the version that they run, which sluice status names: they follow it. See docs/redis.md, \"When Redis is lost\"");
  return true;
}

void complain_head(store::publisher& ring, const std::string& name, const error& why) {
  if (why.code != errc::not_found) return complain_ring(why);
  (void)nothing_there(ring, name);
}

void say_why_empty(store::publisher& ring, const std::string& name) {
  const auto head = ring.head();
  if (!head) return complain_head(ring, name, head.error());
  complain("the log of ring '" + name + "' is empty, and its head is " + policy::to_string(head->activation) + ": entries were taken away, and the history with them", "the next activation begins another; what runs stays");
}

result<std::optional<store::head_record>> measure_of(store::publisher& ring, const result<store::head_record>& head) {
  if (head && head->doubt.empty()) return std::optional(*head);
  auto last = ring.last_vouched();
  return last && !*last && head ? std::optional(*head) : std::move(last);
}

void warn_of_revoked_again(const store::head_record& head) {
  if (head.revoked_again.empty()) return;
  std::vector<std::string> names;
  for (const auto& each : head.revoked_again) names.push_back(short_version(each));
  complain("revoked before Redis lost it, as nodes remember, and now again: " + join(names), "where one may go live after all: sluice unrevoke VERSION --note WHY");
}

void warn_about(const store::head_record& head) {
  if (!head.passed_over.empty()) {
    complain("what stood at the head was passed over: " + printable(head.passed_over),
             "rules that it demoted are enforced again, where what is live now has them; where they should not be: sluice demote. Where it was somebody's word, name his key's file: --trust, or SLUICE_TRUST");
  }
  if (head.lost) {
    complain("nodes had seen more than this Redis had: it has lost what was activated last, and perhaps a freeze and what was revoked in the last moments with it",
             "see: sluice status; what is to stay so: sluice freeze, sluice revoke VERSION");
  }
  warn_of_revoked_again(head);
  if (head.replicas_have_it >= head.replicas) return;
  complain("only " + std::to_string(head.replicas_have_it) + " of " + std::to_string(head.replicas) + " replicas of this Redis have " + policy::to_string(head.activation),
           "a failover to one that lacks it loses it, and the next push repairs that; see docs/redis.md");
}

bool kept_by_replicas(store::publisher& ring, const std::string& what) {
  const auto done = ring.replicated_to();
  if (!done && done.error().code == errc::refused) return true;  // a user who may not ask
  if (!done) return complain(what + " may be lost: " + printable(done.error().message), "once Redis answers, sluice status says whether it is there; where it is not, do it again"), false;
  if (done->have_it < done->replicas) {
    complain("only " + std::to_string(done->have_it) + " of " + std::to_string(done->replicas) + " replicas of this Redis have " + what, "a failover to one that lacks it loses it: look then (sluice status), and do it again");
  }
  return true;
}

std::vector<std::string> canary_warnings(store::publisher& ring, const std::string& name, const store::head_record& head, const std::string& so) {
  if (!head.canary || head.canary->nodes.empty()) return {};
  const auto warn = [](const std::string& what, const std::string& advice) { return complain(what, advice), std::vector{what}; };
  const auto nodes = ring.nodes();
  if (!nodes) return warn("whether a living node has the label " + head.canary->nodes + ", nobody can tell: " + nodes.error().message, "see: sluice status --json");
  std::set<std::string> there;
  for (const auto& each : *nodes) {
    if (!each.alive) continue;
    if (store::concerns(*head.canary, each.labels)) return {};
    for (const auto& [label, value] : each.labels) there.insert(label + "=" + value);
  }
  const auto known = printable(join({there.begin(), there.end()}));
  return warn("no living node of ring '" + name + "' has the label " + head.canary->nodes + ", so " + so,
              (known.empty() ? "no living node has a label (node.labels)" : "living nodes have " + known) + "; see: sluice status --json");
}

void add_history_options(CLI::App& command, std::string& actor, std::string& note) {
  command.add_option("--actor", actor, "Who, for the history; by default user@host");
  command.add_option("--note", note, "Why, for the history");
}

void must_name(CLI::Option& option, const std::string& what) {
  option.check(CLI::Validator([what](const std::string& text) { return text.empty() ? "names no " + what : std::string(); }, ""));
}

std::string actor_name(const std::string& given) {
  if (!given.empty()) return given;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const char* user = std::getenv("USER");
  std::string name = user != nullptr ? user : "";
  // Services and containers often have no USER.
  if (passwd entry{}, *known = nullptr; name.empty()) {
    std::array<char, 4096> strings{};
    if (::getpwuid_r(::geteuid(), &entry, strings.data(), strings.size(), &known) == 0 && known != nullptr) name = known->pw_name;
  }
  return (name.empty() ? "uid " + std::to_string(::geteuid()) : name) + "@" + host.data();
}

}  // namespace sluice::app
