// The part of an agent that both sources share: what is in force, what is remembered, and how current it is. No thread of its own.
#pragma once

#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>

#include "sluice/store/agent.hpp"
#include "state_store.hpp"

namespace sluice::store {

class node {
 public:
  node(const agent_config& config, const agent::callbacks& calls);

  // Called on the agent's thread over and over while a version is built beside one that runs: what cannot wait for that.
  void set_meanwhile(std::function<void()> what) { meanwhile_ = std::move(what); }
  // Loads what the last run left on disk.
  void restore();
  // A stored version's files, checked; null when this node does not have it.
  [[nodiscard]] std::optional<policy::bundle_source> stored(const std::string& version) const;
  // Whether this source made it live here before, of the newest hundred.
  [[nodiscard]] bool was_live(const std::string& version) const;
  // What this source made live here last, also where something older runs because that one did not; "" when this node remembers nothing.
  [[nodiscard]] std::string last_live() const;

  enum class outcome : std::uint8_t { accepted, refused, unsaved };
  // Applies a candidate, stores it, and then publishes it. Unsaved: it was built but is not on disk. What runs stays where it is on
  // disk itself; otherwise the candidate is in force, because nothing is gained by an older one. Take it again later.
  // `with`: what of it runs beside the version already goes on, what is not in it ends. What takes something away from the version that runs
  // and brings nothing in is in force also where it is not on disk.
  struct said {
    std::string record, made_live;  // see node_state
  };
  outcome take(const policy::bundle_source& source, const std::string& version, policy::activation as, const beside& with = {}, const said& by = {"", ""});
  // A version beside the one in force. False: it did not build, and what is in force goes on alone.
  [[nodiscard]] bool take_canary(const policy::bundle_source& source, const canary_version& share);
  [[nodiscard]] bool take_shadow(const policy::bundle_source& source, const std::string& version);
  // What the version's gate saw, from its manifest; before the version is taken.
  void learn(const std::string& version, const shown_blocks& benign);
  // How what is in force was said, where a release took it that did not remember that.
  void note(const said& by);
  // A canary of other nodes: it is no news when it is seen again, and this node says of itself that it runs none.
  void leave_canary(const canary_version& share) { elsewhere_ = share; }
  [[nodiscard]] bool concerns(const canary_version& share) const;
  // See agent::demote and agent::rearm.
  void demote(const std::vector<rule_demotion>& what);
  void rearm(const std::string& rule);
  [[nodiscard]] const std::optional<canary_version>& canary() const { return canary_; }
  [[nodiscard]] const std::string& shadow() const { return shadow_; }
  // What the ring demotes and this node enforces all the same: rules that say never_demote.
  [[nodiscard]] std::vector<rule_demotion> kept() const;
  [[nodiscard]] milliseconds max_stale() const { return max_stale_; }
  [[nodiscard]] bool runs(const beside& with) const { return beside_here_or_elsewhere() == with.canary && shadow_ == with.shadow; }
  // A candidate that could not even be fetched or verified. False: of so many within so short a time this one is counted, and stands in the
  // status, but not in the logs: whoever may write what is refused would fill their disk.
  bool refuse(policy::activation as, const std::string& version, const std::string& phase, const std::string& message);
  // What is revoked in the ring: not on disk any more, unless it is what runs. `in_step`: the ring has what this node has seen; one that has
  // lost that may have lost revocations with it, and those that the node remembers stay.
  void take_revoked(const std::vector<std::string>& versions, bool in_step);
  // What was revoked and is not in the ring's set any more, which has lost it.
  [[nodiscard]] const std::vector<std::string>& revoked_lost() const { return revoked_lost_; }
  // The number was given to a version that was refused: no other version may have it. For a source that counts here, a directory.
  void spend(policy::activation number);
  // What the source has is what is in force: an earlier refusal is history.
  void agrees();

  void reached();                       // the source answers; what it says may still be older than what this node has seen
  void behind(const std::string& why);  // the source answers with less than this node has seen: what runs stays
  void contact();                       // the source answered with what is, or follows, the newest activation
  void lost(const std::string& why);    // the source does not answer
  void tick();            // recomputes freshness; publishes when it changed

  // What take() could not save, until it can.
  [[nodiscard]] const std::optional<healthy_version>& unsaved() const { return unsaved_; }
  [[nodiscard]] const std::string& unsaved_why() const { return unsaved_why_; }
  // For a source that counts here: above all that were given.
  [[nodiscard]] policy::activation next_number() const;

  [[nodiscard]] const node_state& state() const { return state_; }
  [[nodiscard]] const apply_result& last_result() const { return last_result_; }
  [[nodiscard]] std::string version() const { return state_.version; }
  [[nodiscard]] policy::freshness freshness() const { return freshness_; }
  // What it comes to by now; freshness() is that from the next tick() on.
  [[nodiscard]] policy::freshness freshness_now() const;
  [[nodiscard]] agent_status status() const;  // any thread
  void set_nodes(std::vector<agent_status::neighbour> nodes);
  void set_name_given_twice(bool twice);
  [[nodiscard]] agent::callbacks::told_to_ring report() const { return calls_.report ? calls_.report() : agent::callbacks::told_to_ring{}; }
  void log(const char* level, const std::string& message) const { calls_.log(level, message); }

 private:
  [[nodiscard]] const std::optional<canary_version>& beside_here_or_elsewhere() const { return canary_ ? canary_ : elsewhere_; }
  void publish();
  // True: it is another than was said last.
  [[nodiscard]] bool say_source_error(const std::string& why);
  [[nodiscard]] bool try_stored(const std::string& version, policy::activation as);
  // The files of a candidate on their way to the disk while it is built; invalid where they are there already, or cannot be kept at all.
  [[nodiscard]] std::future<result<void>> write_ahead(const policy::bundle_source& source, const std::string& version) const;
  [[nodiscard]] result<void> remember(std::future<result<void>> writing, const std::string& version, policy::activation as, const beside& with, const std::vector<demotion>& demotions, wall_time activated, const said& by);
  // Evidence of versions that are on disk, or beside the one that is live, for the breaker.
  void keep_evidence(node_state& of, const beside& with) const;
  [[nodiscard]] std::vector<demotion> demotions_with(const std::string& version, const beside& with) const;
  [[nodiscard]] std::shared_ptr<const policy::snapshot> with_demotions(const std::shared_ptr<const policy::snapshot>& of, const std::string& version);
  // A rule under never_demote goes to shadow by a person's signature alone, whoever else asks for it.
  [[nodiscard]] bool holds(const demotion& of) const;
  void save_demotions();
  // What an activation changed of them.
  void tell_standing_demotions(const std::string& version) const;
  void tell_demotions(const std::vector<demotion>& before) const;
  // Too often died of; as it stands, another version is to be taken.
  [[nodiscard]] bool crashes(const std::string& version) const;
  [[nodiscard]] static apply_result crash_loop(const std::string& why);
  [[nodiscard]] bool still_avoids(const std::string& version, policy::activation as) const;
  void downgraded_from(const std::string& version);
  void refuse_build(policy::activation as, const std::string& version, const std::string& what);
  void could_not_save(const healthy_version& what, const std::string& why);
  [[nodiscard]] bool runs_what_is_stored() const;
  [[nodiscard]] bool only_takes_away(const std::string& version, const beside& with) const;
  [[nodiscard]] bool refuses_all() const;
  [[nodiscard]] apply_result built(const policy::bundle_source& source, const std::string& version, policy::activation as) const;
  [[nodiscard]] apply_result apply(const policy::bundle_source& source, const std::string& version, policy::activation as) const;
  void adopt(const apply_result& applied, const std::string& version);
  void go_on_beside(const beside& with);
  void tell_canary() const;
  void tell_shadow() const;
  // What has ended in the versions that run, an exception: their rules apply from now on as on a node that starts now.
  void apply_what_ended();
  // `of`: what was applied of `version`; `what` it is beside the one that is live, for the log.
  void apply_again(apply_result& of, const std::string& version, const std::string& what);
  // For another version, beside the one that is live.
  void keep_ending(const apply_result& of, const policy::bundle_source& source, const std::string& version);
  void forget_ended();
  // The version in force has run for so long without a crash that it is one to fall back to.
  void prove();
  const agent_config& config_;
  const agent::callbacks& calls_;
  std::function<void()> meanwhile_;
  state_store disk_;
  node_state state_;
  apply_result last_result_;
  std::shared_ptr<const policy::snapshot> snapshot_;
  apply_result applied_, canary_applied_, shadow_applied_;  // what snapshot_, the canary and the shadow came of
  std::optional<canary_version> canary_, elsewhere_;  // of this node; of others, which leave this one alone
  std::string shadow_;
  std::vector<std::string> revoked_lost_;
  policy::activation crashed_before_;  // activations up to here do not bring a version back that was died of
  std::string downgrade_;
  // What was made of a snapshot and its demotions, so that an exchange of freshness makes no other.
  struct made_snapshot {
    std::shared_ptr<const policy::snapshot> of, made;
    std::vector<std::string> rules;
  };
  std::vector<made_snapshot> made_;
  policy::freshness freshness_ = policy::freshness::none;
  bool refuse_all_ = false, connected_ = false, disk_works_ = false;
  std::string disk_fault_;
  std::optional<healthy_version> unsaved_;
  std::string unsaved_why_;
  std::string told_for_now_;  // the version that did not build for a reason of the moment, and that reason, as the logs were told
  mono_time refusals_paid_until_{};
  std::uint64_t refusals_untold_ = 0;
  std::optional<mono_time> contact_, contact_saved_;
  mono_time restored_{};               // before the first contact of this run
  milliseconds age_restored_{0};       // of the last contact then, by the wall clock
  milliseconds max_stale_;
  on_unavailable on_unavailable_;
  std::map<std::string, policy::bundle_source> ending_;  // files of versions beside the live one in which something ends: no disk has them
  mono_time live_since_{};             // of the version in force, in this run
  std::string notes_of_;               // the version whose notes have been told
  std::vector<std::string> notes_told_;
  mutable std::mutex lock_;  // of published_, for status()
  agent_status published_;
};

}  // namespace sluice::store
