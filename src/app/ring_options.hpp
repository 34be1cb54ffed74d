// What commands that talk to a ring in Redis have in common: where it is, and whose keys sign.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/store/publisher.hpp"

namespace CLI {
class App;
class Option;
}

namespace sluice::app {

struct ring_options {
  std::string url, ring = "default", password_file, ca_file;
  std::vector<std::string> sentinels;
};
void add_ring_options(CLI::App& command, ring_options& options);
// For a command that can do without: then its url is empty. `what`: what the ring has for it.
void add_optional_ring(CLI::App& command, ring_options& options, const std::string& what);
// For such a command where the command line named neither a ring nor what stands for one: SLUICE_REDIS, if it is set.
void take_ring_of_environment(ring_options& options);

// Keys that sign what is written into the ring.
struct signing_options {
  std::string key_file, build_key_file;
  std::string trust_file;  // whose words are gone on with; "": those of these keys
  bool unsigned_too = false;  // without a key also where what is live is signed
};
void add_trust_option(CLI::App& command, std::string& file, const std::string& about);
// The keys of such a file; a mistake is complained about and gives nothing.
[[nodiscard]] std::optional<std::vector<store::trusted_key>> read_trust_file(const std::string& file);
// `builds`: the command also writes manifests.
void add_signing_options(CLI::App& command, signing_options& options, bool builds);
// A private key from a PEM file; otherwise complains.
[[nodiscard]] std::optional<crypto::signing_key> read_signing_key(const std::string& file);
struct signing_keys {
  std::optional<crypto::signing_key> build, activate;
};
// Those that were named; nothing when one cannot be read, which was complained about.
[[nodiscard]] std::optional<signing_keys> read_signing_keys(const signing_options& options);
// Whose words count for somebody with these; outer nothing: it was complained about, inner: he asks for no signatures.
[[nodiscard]] std::optional<std::optional<store::trust>> trusted_by(const signing_options& options, const signing_keys& keys);
// From now on only the words of these keys are gone on with; where no file is named nothing changes. False: it cannot be read, which was complained about.
[[nodiscard]] bool trust_ring(store::publisher& ring, const std::string& file);
// Which roles nodes want of the keys, one of each set (store::key_role, ored); 0: the command signs nothing of the kind.
struct signing_roles {
  unsigned build = 0, activate = 0;
};
inline constexpr unsigned activating = static_cast<unsigned>(store::key_role::activate);
inline constexpr unsigned taking_away = activating | static_cast<unsigned>(store::key_role::safety);
// Why nodes that have `file`, whose keys are `trusted`, would not take what the key signs; "" when they would.
[[nodiscard]] std::string refused_by_nodes(const crypto::signing_key& key, const std::vector<store::trusted_key>& trusted, const std::string& file, unsigned roles);
// Where --trust names a file: whether nodes that have it would take what these keys sign, before anything is written. False: complained about.
[[nodiscard]] bool keys_count(const signing_options& options, const signing_keys& keys, const signing_roles& wanted);
// Also whom it trusts. False: a key could not be read, or nodes would refuse it; that was complained about.
[[nodiscard]] bool sign_ring(store::publisher& ring, const signing_options& options, const signing_roles& wanted);
// Fewer digits name no version: one that was mistyped must not name another.
inline constexpr std::size_t version_digits_min = 6;
// The one staged version that begins with `digits`; otherwise complains.
[[nodiscard]] std::optional<std::string> staged_version(store::publisher& ring, const std::string& digits);

// Whether a version is revoked, and so never becomes live: then it is complained about, with who revoked it and why. `so`: what that means for the command.
[[nodiscard]] bool refused_as_revoked(store::publisher& ring, const std::string& version, const std::string& so);

// Whether whoever acts names himself as the second person: then it is complained about. `so`: what that means for the command.
[[nodiscard]] bool refused_as_own_approval(const std::string& actor, const std::string& approved_by, const std::string& so);

// Where that is, with its password; a mistake is complained about and gives nothing.
[[nodiscard]] std::optional<store::redis_endpoint> redis_of(const ring_options& options);
// Connects; a failure is complained about and gives nothing.
[[nodiscard]] std::optional<store::publisher> connect_ring(const ring_options& options);
// Complains with what an error means for the person at the keyboard.
void complain_ring(const error& why);

// Says of a ring without an activation why it has none: it was lost, as its nodes tell (true), or there never was one.
bool nothing_there(store::publisher& ring, const std::string& name);

// The same of a head that is not there, or `why` it cannot be gone on with.
void complain_head(store::publisher& ring, const std::string& name, const error& why);
// Says of an empty log why it is: entries were taken away, the head is damaged, Redis was lost, or there never was one.
void say_why_empty(store::publisher& ring, const std::string& name);

// What a new version is compared with: the head, where its word counts. Otherwise whoever can write into Redis could choose that, and it is the last
// activation that counts; where there is none, the head all the same. Nothing: there is none of either.
[[nodiscard]] result<std::optional<store::head_record>> measure_of(store::publisher& ring, const result<store::head_record>& head);
// What a person should know of a new activation, on stderr: a failover may lose it, Redis has lost others, or the head before it was passed over.
void warn_about(const store::head_record& head);
// The part of it about what was revoked before Redis lost it.
void warn_of_revoked_again(const store::head_record& head);
// The same of a freeze or a revocation that was written, `what`. False: it is lost, and that was complained about.
[[nodiscard]] bool kept_by_replicas(store::publisher& ring, const std::string& what);
// Of a canary for nodes with a label that no living node has: the warning, which people have read on stderr then; `so`: what follows. Also where the
// nodes cannot be asked.
[[nodiscard]] std::vector<std::string> canary_warnings(store::publisher& ring, const std::string& name, const store::head_record& head, const std::string& so);
// Who did it and why, as `sluice history` tells it.
void add_history_options(CLI::App& command, std::string& actor, std::string& note);
// A name that a script lost must not mean everything. `what`: what the option names.
void must_name(CLI::Option& option, const std::string& what);
// Who is at the keyboard: user@host, unless a command line names somebody.
[[nodiscard]] std::string actor_name(const std::string& given = {});

}  // namespace sluice::app
