// The publisher's side: stage a version's files, activate it by compare-and-set, watch the acknowledgements. Synchronous;
// each call has a deadline. Where Sentinels are named, staging and activating go on with the server that they elect, for up to 30 s. Redis layout and scripts: docs/redis.md.
#pragma once

#include <functional>
#include <memory>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/policy/source.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/store/agent.hpp"
#include "sluice/store/redis_url.hpp"
#include "sluice/store/shown_blocks.hpp"
#include "sluice/store/trust.hpp"

namespace sluice::store {

// How a version came to be. Part of its manifest, and signed with it.
struct provenance {
  std::string commit = {};        // of the tree it was made from, "" when nobody knows; "-dirty" behind it: and not exactly that
  std::string gate_report = {};   // SHA-256 of the gate's report, hex; "" when it passed none
  std::string gate_verdict = {};  // PASS, EMERGENCY, INSUFFICIENT or FAIL
  bool emergency = false;         // golden sets were not asked
  std::vector<std::string> skipped = {};  // the checks that were not asked for that
  bool weaker = false;            // than `against`, or may be
  std::string ring = {};          // in which it was held against what was live; "" when in none
  std::string against = {};       // the version that it was held against, "" when nothing was live or could be read
  std::string approved_by = {};   // who agreed to that, by the word of whoever pushed
  std::optional<std::vector<std::string>> signed_by = {};  // of an activation: the keys whose signatures stood on its manifest then; none: it does not say
  shown_blocks benign = {};       // what the gate saw blocked of golden cases of set benign, for the nodes' breakers
};

// The kind of an entry of the history that cannot be read: of such a one there is nothing but its number.
inline constexpr std::string_view damaged_kind = "damaged";

struct head_record {
  std::string record = {};  // SHA-256 of what it says
  policy::activation activation;
  std::string version, kind, actor, note, time;
  std::string previous = {};   // the version that decided before `version` did; "": none, or none that counts
  // How the version that it is about (origin_of) had come to be then. Without `benign`. `weaker` also where it was held
  // against something else than what it follows.
  provenance how = {};
  std::optional<canary_version> canary = {};
  std::string shadow = {};                  // a version that is judged beside it; "": none
  std::vector<rule_demotion> demoted = {};
  shown_by_version shown = {};              // what its versions blocked while they were in shadow
  bool rearmed = false;                     // it also brings back what nodes demoted themselves until then
  std::string rearmed_rule = {};            // of that this rule alone; "": all
  // How many replicas have it, where the server has any; a failover to one that lacks it loses it.
  std::size_t replicas = 0, replicas_have_it = 0;
  bool back = false;           // its version came to be live by a rollback
  std::string manifest = {};   // SHA-256 of what its version's manifest says; "": an older release made it
  std::string origin_manifest = {};  // the same of the version that it is about
  std::string signed_by = {};  // ids of the keys, with commas; "" when nobody signed
  // Why its word does not count, for a publisher that asks for signatures (trust_only, sign_with); "" when it does, or when it cannot be read.
  std::string doubt = {};
  bool ended_since = false;  // of an entry of the history with a doubt: it counted at the time that it names, and what ended is its key
  // Of a new activation: why it goes on with nothing of the head that was there, demotions for one; "" when it does.
  std::string passed_over = {};
  // Of a new activation: nodes had seen more than this Redis had, which has lost that, and perhaps what was frozen with it.
  bool lost = false;
  std::vector<std::string> revoked_again = {};  // versions that were revoked in what it had lost, as nodes remember
  // Redis held no activation, and no node had reported one: a new ring, or one that was lost and whose nodes are not back yet.
  bool from_nothing = false;
};

// A freeze or a revocation, or the end of one, as a ring remembers it.
struct ring_stop {
  std::string kind, version;  // freeze, thaw; revoke, unrevoke and the version
  std::string actor, note, time;
};

// The version of which an activation tells how it came to be: what it puts beside the one that is live, or that one. What goes on beside it is none of its matter.
template <class Activation>
[[nodiscard]] const std::string& origin_of(const Activation& of) { return of.kind == "canary" && of.canary ? of.canary->version : of.kind == "shadow" ? of.shadow : of.version; }

// Whether an activation of that kind brings a version in, for everybody or beside what is live. The others take something away or go back, and ask nobody
// whether they may: that a version was approved once is no consent to them.
[[nodiscard]] inline bool brings_version_in(std::string_view kind) { return kind == "activate" || kind == "canary" || kind == "shadow" || kind == "promote"; }

// The longest that a node which lost Redis may need to come back and report: longer than its longest back-off.
inline constexpr milliseconds return_max{7000};

// Who signed a manifest beside its builder.
struct second_keys {
  std::vector<second_signature> keys = {};
  std::string doubt = {};  // why nobody can tell; "" when somebody can
};

struct acknowledgement {
  std::string node, state, phase, message, rule;  // state: ACK, NACK, or PENDING while it is on its way
  std::string version;
  milliseconds compile{0};
  std::string last = {};  // of a node that is gone: the state that it left behind, which nothing bears out any more
  std::vector<rule_demotion> kept = {};  // what this activation demotes and the node enforces all the same: rules that say never_demote

  // How the message of a node begins that could not keep what it runs all the same.
  static constexpr std::string_view in_force_unsaved = "in force, but not on disk: ";
  // Whether the node runs what it answers of: it took it, or could only not keep it.
  [[nodiscard]] bool in_force() const { return state == "ACK" || (state == "NACK" && phase == "STORE" && message.starts_with(in_force_unsaved)); }
};

struct node_status {
  std::string id, activation, version, state, build;
  milliseconds heartbeat_age{0};
  bool alive = false;
  bool name_given_twice = false;            // another process reports under the same name
  std::vector<rule_demotion> demoted = {};  // by itself
  std::vector<rule_demotion> kept = {};     // what the ring demotes and it enforces all the same: rules that say never_demote
  std::string arms = {};                    // what its versions did, as agent::callbacks::report told it
  shown_by_version shown = {};              // what the version that is or was in shadow would have blocked there
  node_labels labels = {};                  // by its own configuration
};

struct activate_request {
  std::string version, kind = "activate", actor, note;  // kind: activate, rollback, canary, shadow, promote, abort, demote, rearm
  // Whether it is weaker than what it follows, or may be, for somebody who has compared the two; none: as its manifest says, as far as that was held against the same.
  std::optional<bool> weaker = {};
  std::string approved_by = {};                         // who agreed to it, by the word of whoever activates; "": as its manifest says
  std::string manifest = {};                            // by its digest, of a version that was live before (head_record); "": as it was staged last
  std::optional<canary_version> canary = {};            // beside `version`
  std::string shadow = {};                              // beside it, changing nothing
  std::optional<std::vector<rule_demotion>> demoted = {};  // none: what is demoted already stays so, as far as its version does
  bool rearm = false;                                   // also what nodes demoted themselves until now
  std::string rearm_rule = {};                          // of it this rule alone; "": all
  // Only while this is the head: what is decided about it must not hit another. errc::conflict otherwise.
  std::optional<policy::activation> only_after = {};
  // With the epoch raised, and only while this is still the head: for nodes that do not follow it (ahead_of).
  std::optional<policy::activation> instead_of = {};
};

class publisher {
 public:
  [[nodiscard]] static result<publisher> connect(const redis_endpoint& to, std::string ring, milliseconds timeout);
  publisher(publisher&&) noexcept;
  ~publisher();

  // From now on manifests are signed with `build` and activations with `activate`, where they are given.
  void sign_with(std::optional<crypto::signing_key> build, std::optional<crypto::signing_key> activate);
  // Only these keys' words are gone on with from now on. Without them a publisher that signs goes on with what its own keys signed, and one
  // that does not sign with everything: nodes that trust nobody do the same.
  void trust_only(std::vector<trusted_key> keys);
  // The id of the key that activations are signed with; "" when none.
  [[nodiscard]] std::string signs_as() const;
  // Uploads blobs by digest (those that are missing, or are there with other bytes), then writes the manifest. Idempotent. A manifest that is there already and
  // counts stays where the new one would say less for the version: passed no gate, may be weaker, lacks the second key. So does that of what is live:
  // its golden files are what the next version is held against.
  [[nodiscard]] result<std::string> stage(const policy::bundle_source& source, const provenance& how = {});
  // Makes a staged version live. Takes the highest of head, log and heartbeats; raises the epoch when Redis lost its tail, came back
  // empty, or is another server than the last record says. Retries a lost race a few times. Where the reply is lost it looks into the log; errc::unavailable: nobody can tell whether it is live. What
  // this publisher's own trust would doubt is not written (errc::refused). A head whose word does not count is passed over, and
  // what would go on with it (every kind but activate and rollback) is errc::refused.
  [[nodiscard]] result<head_record> activate(const activate_request& what);
  // errc::not_found: nothing was ever activated; errc::integrity: something was, and none of it can be read.
  [[nodiscard]] result<head_record> head();
  // The same for what is decided about it: errc::refused when its word does not count.
  [[nodiscard]] result<head_record> vouched_head();
  // The newest activation whose word counts, whatever stands above it; nothing: there is none.
  [[nodiscard]] result<std::optional<head_record>> last_vouched();
  // What a version blocked in shadow, on all nodes that tell of it; from the head where that knows more. Nothing: it was not in shadow.
  [[nodiscard]] result<shown_blocks> shown_in_shadow(const std::string& version);
  // Newest first. An entry that cannot be read, or that stands under another number than its own, is there as damaged_kind with its doubt alone.
  [[nodiscard]] result<std::vector<head_record>> history(std::size_t limit);
  // How a staged version came to be, by its manifest, of what is live by the one it was activated with; nobody's signature is asked.
  [[nodiscard]] result<provenance> origin(const std::string& version);
  // The same for whoever signs it once more: errc::integrity where a publisher that asks for signatures finds none by a key that may build.
  [[nodiscard]] result<provenance> vouched_origin(const std::string& version);
  [[nodiscard]] result<std::vector<node_status>> nodes();
  // The nodes that say they will not follow `head`, because they have seen a newer one, or another record under its number, and the highest
  // activation of them: Redis has lost something. 0-0 when there is none, or when `head` is not the head any more; of a ring without one, ask with an empty record. A heartbeat is nobody's signed word.
  struct nodes_ahead {
    policy::activation highest;
    std::vector<std::string> nodes;
  };
  [[nodiscard]] result<nodes_ahead> ahead_of(const head_record& head);
  // Also PENDING ones. An ACK or NACK of a node whose own heartbeat does not bear it out is PENDING in phase UNCONFIRMED, and whatever stands there of
  // a node that sends none any more, in phase GONE: nobody can tell what it did.
  // `version`: what that activation made live; answers to another version under the same number are left out. "": all of them.
  [[nodiscard]] result<std::vector<acknowledgement>> acknowledgements(policy::activation of, const std::string& version = {});
  // The same of many activations in few questions, in their order: of each what was answered to its `version`.
  [[nodiscard]] result<std::vector<std::vector<acknowledgement>>> acknowledgements(const std::vector<head_record>& of);
  // Makes `who` the one controller of the ring for so long, or lets it stay so. False: another one is.
  [[nodiscard]] result<bool> lead(const std::string& who, milliseconds how_long);
  // Gives that up where it is still `who`, so that another one need not wait for its end.
  [[nodiscard]] result<void> resign(const std::string& who);
  // While a ring is frozen only what takes harm away passes: rollback, abort, demote. errc::not_found from thaw: it was not frozen.
  // Each of these four writes who did it, and why, into the ring's record of stops.
  // What freeze gives is the reason that it has put another one in the place of; "": the ring was not frozen.
  [[nodiscard]] result<std::string> freeze(const std::string& note, const std::string& actor);
  [[nodiscard]] result<void> thaw(const std::string& actor, const std::string& note = {});
  [[nodiscard]] result<std::optional<std::string>> frozen();
  // A revoked version is never activated again. errc::conflict: it is live; errc::not_found: it was never staged, or is not revoked.
  [[nodiscard]] result<void> revoke(const std::string& version, const std::string& actor, const std::string& note = {});
  [[nodiscard]] result<void> unrevoke(const std::string& version, const std::string& actor, const std::string& note = {});
  [[nodiscard]] result<std::vector<std::string>> revoked();
  // What nodes remember as revoked and this Redis has lost, but for what was taken back there since. Nobody signs that.
  [[nodiscard]] result<std::vector<std::string>> revoked_before_loss();
  // How many replicas have what this publisher wrote, after up to a second, where the server has any: a failover to one that lacks it loses it.
  // errc::conflict: the server is not the master any more, so that it is lost already.
  struct replicated {
    std::size_t replicas = 0, have_it = 0;
  };
  [[nodiscard]] result<replicated> replicated_to();
  // What was frozen and revoked, and taken back, newest first; 0: all of it. Nobody signs it, and nodes do not read it.
  [[nodiscard]] result<std::vector<ring_stop>> stops(std::size_t limit);
  // Versions that can be activated, newest first.
  [[nodiscard]] result<std::vector<std::string>> staged();
  // Whether a staged version counts as weaker and no second key that counts has approved it: nodes that ask for one do not take it, and what is
  // no weaker than it proves nothing. True also where its manifest does not tell; false for a publisher that asks for no signatures.
  [[nodiscard]] bool owes_approval(const std::string& version);
  // Whether a second key that counts has approved it after what is live now, for a publisher that asks for signatures.
  [[nodiscard]] bool approved(const std::string& version);
  // Who signed the manifests that these activations are about beside their builders, in their order, where they bring a version in; whether it counts goes by
  // the time of the activation and by what it followed.
  [[nodiscard]] result<std::vector<second_keys>> approvals(const std::vector<head_record>& of);
  // Whether a manifest of it that has passed its gate waits for a second key: the one that it is live by, an emergency's, has one, and stays until then.
  [[nodiscard]] bool awaits_approval(const std::string& version);
  // Puts a second key's signature beside the one of a staged version's manifest, and says what was signed. errc::refused: there is none,
  // not one by a key that may build (trust_only), or none but this key's own; errc::integrity: what stands there is the manifest of another version.
  // Of what is live it is the manifest that it is live by, or the one that waits to take that one's place (awaits_approval); of what runs beside
  // it, the one that it runs by and the newest. It holds in this ring and `after` that version alone; without it after what is live now, or, of what is
  // live, after what that followed.
  struct approval {
    provenance how;
    approval_place place;
  };
  [[nodiscard]] result<approval> approve(const std::string& version, const crypto::signing_key& key, const std::optional<std::string>& after = {});
  // Takes away versions that were staged before `before` and never activated, and the files that no other version needs. `look_only`: says what
  // would go. What an entry may have made live that the log lacks stays: all that was staged before the activation which follows it.
  // errc::conflict: somebody staged meanwhile; errc::integrity: an entry cannot be read, or the newest ones are missing, so nothing goes.
  struct pruned {
    std::vector<std::string> versions;
    std::size_t files = 0;
    std::size_t kept = 0;          // versions that would have gone, were the log whole
    policy::activation after_gap;  // the newest activation before which the log lacks some; 0-0: none
  };
  [[nodiscard]] result<pruned> prune(wall_time before, bool look_only);
  // The files of a staged version.
  [[nodiscard]] result<policy::bundle_source> fetch(const std::string& version);

 private:
  struct impl;
  explicit publisher(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
