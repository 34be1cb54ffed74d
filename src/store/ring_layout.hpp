// The names and records of one ring in Redis; docs/redis.md describes them for operators.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "redis_client.hpp"
#include "sluice/policy/source.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/store/publisher.hpp"
#include "sluice/store/trust.hpp"

namespace sluice::store {

// The hash tag keeps all keys of a ring in one slot, so that scripts stay legal in a cluster.
class ring_keys {
 public:
  explicit ring_keys(const std::string& ring) : base_("{sluice:" + ring + "}:") {}
  [[nodiscard]] std::string blob(const std::string& sha256) const { return base_ + "blob:" + sha256; }
  [[nodiscard]] std::string manifest(const std::string& version) const { return base_ + "manifest:" + version; }
  [[nodiscard]] std::string ack(policy::activation a) const { return base_ + "ack:" + policy::to_string(a); }
  [[nodiscard]] std::string node(const std::string& id) const { return base_ + "node:" + id; }
  [[nodiscard]] std::string versions() const { return base_ + "versions"; }
  [[nodiscard]] std::string head() const { return base_ + "head"; }
  [[nodiscard]] std::string log() const { return base_ + "log"; }
  [[nodiscard]] std::string notify() const { return base_ + "notify"; }
  [[nodiscard]] std::string nodes() const { return base_ + "nodes"; }
  [[nodiscard]] std::string revoked() const { return base_ + "revoked"; }
  [[nodiscard]] std::string vault() const { return base_ + "vault:"; }  // a conversation's name follows
  [[nodiscard]] std::string ledger() const { return base_ + "ledger"; }   // the index; ":" and a handle's name follow
  [[nodiscard]] std::string feedback() const { return base_ + "feedback"; }
  [[nodiscard]] std::string labels() const { return base_ + "labels"; }
  [[nodiscard]] std::string checkpoints() const { return base_ + "checkpoints"; }
  [[nodiscard]] std::string controller() const { return base_ + "controller"; }
  [[nodiscard]] std::string freeze() const { return base_ + "freeze"; }
  [[nodiscard]] std::string stops() const { return base_ + "stops"; }

 private:
  std::string base_;
};

// In the channel, where what is revoked has changed; of an activation its number stands there.
inline constexpr std::string_view stops_notice = "revoked";

// Scripts in Redis count in doubles: a larger number is none.
inline constexpr std::uint64_t number_max = (std::uint64_t{1} << 53) - 2;
[[nodiscard]] std::optional<policy::activation> parse_activation(std::string_view text);

// The activation record.
struct activation_record {
  policy::activation activation;
  beside with = {};
  std::string ring, version, kind, actor, note, time;
  std::string previous;          // the version that decided before this one did, under whatever number; "" none, or none that counts
  bool back = false;             // it came to decide by a rollback
  bool weaker = false;           // `version` may be weaker than what it followed, by the word of whoever made it live, whatever its manifest says
  // By version, of `version` and of those beside it: SHA-256 of what the manifest says that it was activated with. None of an older release: then it
  // is the one that was staged last.
  std::map<std::string, std::string> manifests = {};
  [[nodiscard]] std::string manifest_of(const std::string& of) const;
  std::string replid;
  provenance how = {};           // without `benign`
  std::string text = {};         // as it stood in Redis
  signed_text signed_as = {};    // what of it was signed, and by whom
};
[[nodiscard]] std::string to_json(const activation_record& r);
// Signed or plain; whether its signature counts is check_record's matter.
[[nodiscard]] result<activation_record> parse_record(const std::string& text);
// Whether this node may take it: signed by somebody who may, for this ring.
[[nodiscard]] result<void> check_record(const activation_record& r, const trust& whom, const std::string& ring, wall_time now);

// The same by the role activate alone, whatever its kind says.
[[nodiscard]] result<void> check_activator(const activation_record& r, const trust& whom, const std::string& ring, wall_time now);
// SHA-256 of what it says, whoever signed it.
[[nodiscard]] std::string digest_of(const activation_record& r);
// A key of the role safety takes harm away and brings nothing in: its record goes on with the last one that a key of the role activate signed,
// `made_live`, with no more beside it and nothing of it armed again. Why it does not; "" when it does.
[[nodiscard]] std::string beyond_safety(const activation_record& record, const activation_record& made_live);
// The demotions of a record that a key of the role activate signed which hold for a rule under never_demote, too.
[[nodiscard]] std::vector<rule_demotion> by_persons(const activation_record& made_live);

// The versions that may not be activated, in no order.
[[nodiscard]] result<std::vector<std::string>> read_revoked(redis_client& redis, const ring_keys& keys);

// The manifest: every file of a version with its digest.
[[nodiscard]] std::string manifest_json(const policy::bundle_source& source, const std::string& created, const provenance& how);
struct manifest_file {
  std::string path, sha256;
};
struct manifest {
  std::string version;
  std::vector<manifest_file> files;
  provenance how;
  signed_text signed_as;
};
[[nodiscard]] result<manifest> parse_manifest(const std::string& text);

// What a version is to be live as: its manifest says only whether it is weaker than what it was held against.
struct placing {
  std::string ring;
  std::string over;    // the version that it follows; "" when there was none
  bool back = false;   // it was live here before, or is: it is compared with nothing that came since
  bool first = true;   // nothing was live here before
  std::string astray = {};  // a version that is live here, from which nothing that counts leads to `over`; "": something does
  bool decides = true;      // false: in shadow, where it may be weaker
  bool canary = false;      // beside what is live, for some
  bool weaker = false;      // whoever activated it says that it may be, whatever its manifest says
  bool archived = false;    // it came as an archive: its second key has to be in there
  policy::activation sealed_as = {};  // the number that the archive gives it
};
// Where its second key has to have approved it: what a node runs counts, whatever an activation says that it follows.
[[nodiscard]] approval_place place_of(const placing& as);
// Passes when a second key has approved it there. One that named no place says no more than the manifest that it signed.
[[nodiscard]] result<void> check_approval_as(const manifest& of, const trust& whom, wall_time now, const std::string& what, const placing& as);
// Why what its manifest says of it does not hold there; "" when it does.
[[nodiscard]] std::string held_otherwise(const manifest& of, const placing& as);
// Whether this node may take it: signed by somebody who may build, with the gate and the approval that are demanded. Without `as` its word counts wherever it is.
[[nodiscard]] result<void> check_manifest(const manifest& of, const trust& whom, wall_time now, const std::optional<placing>& as = {});
// Whether it counts as weaker and lacks the second key.
[[nodiscard]] bool owes_approval(const manifest& of, const trust& whom, wall_time now, const std::optional<placing>& as = {});

// Nobody makes a million activations at once: such a number was made up, and what followed it would use the numbers up for ever.
[[nodiscard]] constexpr bool jumps(policy::activation to, policy::activation from) {
  constexpr std::uint64_t jump_max = 1'000'000;
  return to.epoch > from.epoch + jump_max || to.generation > from.generation + jump_max;
}

// What stands at the top of a ring: its head and the newest entry of its log, read in one round trip but not in one instant.
struct ring_top {
  std::optional<activation_record> record = {};  // the later of those that can be read
  std::string damage = {};                       // why not all of it can; "" when it can
  policy::activation head = {};                  // what stands in the head: by its record, else by its fields
  std::string epoch = {}, generation = {};       // the head's own fields as they stand there, "" without: by these it is compared and set
  policy::activation number = {};                // the highest under which anything stands there, also what cannot be read
  bool no_next = false;                          // the log has an entry that nothing can follow
  // What stands there under the highest number cannot be read.
  [[nodiscard]] bool lost() const { return !damage.empty() && (!record || record->activation < number); }
};
[[nodiscard]] result<ring_top> read_top(redis_client& redis, const ring_keys& keys);
// The record there; nothing when the ring is empty, errc::integrity when something of it cannot be read.
[[nodiscard]] result<std::optional<activation_record>> read_head(redis_client& redis, const ring_keys& keys);
// The last record before `record` that a key of the role activate signed: in the log, as far as that is newer than `known`. Whoever owns Redis
// can take entries away, and that must lead back to nothing older.
[[nodiscard]] result<std::optional<activation_record>> made_live_before(redis_client& redis, const ring_keys& keys, const activation_record& record, std::optional<activation_record> known,
                                                                        const std::function<bool(const activation_record&)>& by_activator);
// A version's manifest, signed by somebody who may build: the one with this digest that an activation has pinned, or else the one staged last.
[[nodiscard]] result<manifest> fetch_manifest(redis_client& redis, const ring_keys& keys, const std::string& version, const trust& whom, wall_time now, const std::optional<placing>& as = {},
                                              const std::string& digest = {});
// Fetches the files of a manifest and checks every digest and the version itself. Files that `have` holds are not fetched again.
[[nodiscard]] result<policy::bundle_source> fetch_files(redis_client& redis, const ring_keys& keys, const manifest& of, const policy::bundle_source& have);

}  // namespace sluice::store
