// The node's side of policy distribution: watches the source, and for each candidate verifies, applies, stores and
// acknowledges. Owns one thread. The gateway's traffic never waits for it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/policy/source.hpp"
#include "sluice/store/redis_url.hpp"
#include "sluice/store/shown_blocks.hpp"
#include "sluice/store/trust.hpp"

namespace sluice::store {

using node_labels = std::vector<std::pair<std::string, std::string>>;

// A version for a share of conversations (policy::conversation_bucket), beside the one that is live.
struct canary_version {
  std::string version;
  std::uint32_t basis_points = 0;
  std::string salt;
  std::string nodes = {};  // "label=value": for everybody on nodes with that label, and for nobody elsewhere; "": on all nodes
  bool operator==(const canary_version&) const = default;
};
// Whether a node with these labels has the canary at all.
[[nodiscard]] bool concerns(const canary_version& share, const node_labels& labels);

// A rule that its version enforces and that is in shadow until it is armed again.
struct rule_demotion {
  std::string version, rule, why;
  bool by_safety = false;  // by a key of the role safety, also where an activation of somebody else goes on with it
  bool operator==(const rule_demotion&) const = default;
};
struct rearming {
  std::string version, rule;
  policy::activation at;
};
struct demotion {
  rule_demotion what;
  policy::activation at;  // that was in force then
  wall_time time{};
  bool here = true;       // by this node, on its own evidence; false: by an activation, for the whole ring
  bool by_person = false; // that activation is signed by a trusted key of role activate: it holds for a rule that says never_demote, too
};

// What an activation has beside the version that it makes live.
struct beside {
  std::optional<canary_version> canary = {};
  std::string shadow = {};                   // a version that is judged on the same traffic and changes nothing; "": none
  std::vector<rule_demotion> demoted = {};   // of any of these versions
  std::vector<rule_demotion> by_person = {}; // those of a record that a trusted key of role activate has signed; a source's to say, not the record's
  policy::activation rearmed = {};           // what nodes demoted themselves before this is armed again
  std::vector<rearming> rearmed_rules = {};  // and of these rules what they demoted before that
  shown_by_version shown = {};               // what any of these versions blocked while it was in shadow, for the breaker
};

[[nodiscard]] bool same_rule(const auto& a, const auto& b) { return a.version == b.version && a.rule == b.rule; }
// Nothing stands beside the version that is live but what stood there already; a canary may go on in shadow.
[[nodiscard]] inline bool adds_nothing(const beside& is, const std::optional<canary_version>& canary, const std::string& shadow) {
  return (!is.canary || is.canary == canary) && (is.shadow.empty() || is.shadow == shadow || (canary && is.shadow == canary->version));
}

// A version that was in force for so long without a crash is one to fall back to.
inline constexpr milliseconds goes_well_after{60'000};

enum class on_unavailable : std::uint8_t { last_known_good, fail_closed };

// An answer of a web server that was asked for a bundle's archive.
struct downloaded {
  bool unchanged = false;      // it still has what the ETag names
  std::string body, etag;
  milliseconds took{0};
};
// `wait`: how long the server may hold its answer back while nothing is new. errc::timeout: `wake_fd` became readable first.
using downloader = std::function<result<downloaded>(const std::string& etag, milliseconds wait, int wake_fd)>;

struct agent_config {
  std::string directory;                    // one of directory, redis and download
  downloader download;
  std::string download_from;                // for people
  milliseconds download_wait{0};
  std::optional<redis_endpoint> redis;
  std::string ring = "default";
  milliseconds poll{5000};                  // ± 20 % jitter
  store::on_unavailable on_unavailable = on_unavailable::last_known_good;
  milliseconds max_stale{std::chrono::hours(24)};
  std::string state_directory;
  store::trust trust;                       // whose activations and manifests of a ring are taken
  std::string node_id, build;               // for heartbeats and acknowledgements
  node_labels labels;
  // How often the process died of a version lately. One with two and more is not what a start takes, where there is another.
  std::map<std::string, unsigned> crashes = {};
  // As what it was last being built when the process died of building it: no memory of the node has that number.
  std::map<std::string, policy::activation> crashed_as = {};
  milliseconds goes_well_after = store::goes_well_after;
  milliseconds again_after{2000};           // what did not build for a reason of the moment; longer each time
};

// What applying a candidate came to. `phase`: parse, check, compile, selftest, done.
struct apply_result {
  std::shared_ptr<const policy::snapshot> snapshot;  // null: refused
  std::string phase, message;                        // message: first diagnostics with their places
  std::string rule;
  bool transient = false;                            // refused for what was so at that moment: the same files may build later
  milliseconds took{0};
  std::string spent;                                 // for people: how long each pass took
  std::size_t database_bytes = 0;
  // What the bundle itself asks for; may only make the node stricter.
  std::optional<on_unavailable> bundle_on_unavailable;
  std::optional<milliseconds> bundle_max_stale;
  std::vector<std::string> notes;          // of a version that was built all the same: what an operator should know, told once
  std::optional<wall_time> apply_again;    // when the same files will make another snapshot: something in them ends
};

// Whether a version has met all that is asked of who publishes: it was published, or has run here. Such a version goes on although a newer
// release would refuse it; what somebody wrote into a folder does not.
enum class was_checked : std::uint8_t { yes, no };

struct agent_status {
  policy::activation activation;
  std::string version, state;               // FRESH STALE EXPIRED NONE
  std::optional<canary_version> canary;     // that runs beside it here
  std::string shadow;                       // that is judged beside it here; "": none
  std::vector<demotion> demotions;
  std::map<std::string, block_evidence> evidence;  // for the breaker, of versions that are in force or may be again
  std::string downgrade;                    // why an older version is in force than the source gives; "" when it is not
  std::string source;                       // "directory policies" or "redis://host:port ring R"
  bool connected = false;
  std::string source_error;                 // why it is not, or how it is behind what this node has seen; "" otherwise, and before it was asked
  std::optional<wall_time> last_contact, last_activation, last_attempt;
  struct refusal {
    wall_time time;
    std::string activation, version, phase, message;
    bool stands = true;  // false: what was refused is not what the source has any more
  };
  std::optional<refusal> last_refusal;
  std::uint64_t refusals = 0;               // since the start
  std::vector<std::string> stored_versions; // on disk, newest first
  bool highest_lost = false;                // the memory on disk was damaged, and the source has given no activation since
  struct neighbour { std::string id, activation, version, state; milliseconds age; };
  std::vector<neighbour> nodes;             // of the ring, from heartbeats
  bool name_given_twice = false;            // another process reports to the ring as this node
};

class agent {
 public:
  struct callbacks {
    // Builds a snapshot from source bytes (parse, check, compile, self-test), for this activation. On the agent's thread, or on one of its own
    // beside it; one at a time.
    std::function<apply_result(const policy::bundle_source&, const std::string& version, policy::activation as, was_checked)> apply;
    // On the agent's thread: the same snapshot with these rules in shadow (policy::in_shadow).
    std::function<std::shared_ptr<const policy::snapshot>(const std::shared_ptr<const policy::snapshot>&, const std::vector<std::string>& rules)> in_shadow = {};
    // On the agent's thread: this is what is in force from now on. Called for a new activation and for each change of freshness.
    std::function<void(std::shared_ptr<const policy::active_policy>)> publish;
    // Something an auditor wants: kind is "activated", "refused", "state", "canary", "shadowing", "demoted", "rearmed", "downgraded", "revoked".
    std::function<void(const std::string& kind, const policy::activation&, const std::string& version, const std::string& state,
                       const std::string& detail)> event;
    // On the agent's thread, for the ring: what the versions in force did so far, text that whoever compares them reads; and what the version
    // in shadow would have blocked.
    struct told_to_ring {
      std::string arms;
      shown_by_version shown;
    };
    std::function<told_to_ring()> report = {};
    // For the log of the process.
    std::function<void(const std::string& level, const std::string& message)> log;
  };
  agent(agent_config config, callbacks calls);
  ~agent();  // stops and joins; a ring hears that this node is gone

  // Loads the last good version from disk (if any) and the source once, in this thread, so that the first request meets a
  // policy when there is one; then starts the thread. Never fails: with nothing to load the node denies.
  void start();
  void reload();  // look at the source now (SIGHUP)
  // Whose word counts from now on; what was refused for its signature is looked at again. Any thread.
  void set_trust(store::trust whom);
  // From any thread; soon after, on the agent's. Rules of versions that run here go to shadow, until rearm() or an activation arms them
  // again. Survives a restart.
  void demote(std::vector<rule_demotion> what);
  // What this node demoted itself; "" for all of it. What an activation demoted is for an activation to arm again.
  void rearm(std::string rule);
  [[nodiscard]] agent_status status() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
