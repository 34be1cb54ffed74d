// A version compiled: immutable, shared by every worker, freed with the last that holds it. The data plane sees this and
// evaluate.hpp, nothing else of policy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/policy/types.hpp"

namespace sluice::policy {

class ruleset;  // the rules in force for one context; see evaluate.hpp

class snapshot {
 public:
  virtual ~snapshot() = default;

  // SHA-256 (64 hex digits) of the content that decides; all zeros for deny_all().
  [[nodiscard]] virtual const std::string& version() const = 0;
  [[nodiscard]] virtual const std::string& bundle_name() const = 0;
  // The rules for a context, composed when the snapshot was made: one look-up, no allocation. The reference lives as long as
  // the snapshot. Thread-safe.
  [[nodiscard]] virtual const ruleset& rules_for(const context& who) const = 0;
  // True when some scope treats these two models differently, so that what may be said to one need not be what may be said to the other.
  [[nodiscard]] virtual bool tells_models_apart(std::string_view a, std::string_view b) const = 0;
  // True when some scope asks for tags of the conversation.
  [[nodiscard]] virtual bool asks_for_tags() const = 0;
  // True for the snapshot that stands for "no policy": every request is denied.
  [[nodiscard]] virtual bool denies_all() const = 0;

  struct rule_info {
    std::string id, policy, title, severity, category, place;  // place: file:line:column
    policy::action action;
    policy::enforcement enforcement;
    std::uint32_t score = 0;  // what a match adds to its policy's threshold
    std::optional<double> max_block_rate = {};
    bool never_demote = false;
    bool may_block = false;   // by its action, or by what it adds to a threshold
  };
  [[nodiscard]] virtual const std::vector<rule_info>& rules() const = 0;
  [[nodiscard]] virtual breaker_terms breaker() const { return {}; }
  // Ids of rules that this version enforces and that are in shadow here (in_shadow, build.hpp); sorted.
  [[nodiscard]] virtual const std::vector<std::string>& demoted() const;
  // Bytes of compiled databases and tables, shards counted once.
  [[nodiscard]] virtual std::size_t memory_bytes() const = 0;
  // Of those bytes, what other snapshots may hold too: databases, patterns and models that did not change.
  struct shared_piece {
    const void* what;
    std::size_t bytes;
  };
  [[nodiscard]] virtual std::vector<shared_piece> shared_pieces() const { return {}; }

  // An ordinary snapshot that denies every request: what a node starts with, so that nobody ever tests for null.
  [[nodiscard]] static std::shared_ptr<const snapshot> deny_all();
};

// How current the policy is; decides what an exchange may do (design: node state).
enum class freshness : std::uint8_t { fresh, stale, expired, none };
std::string_view to_string(freshness f);

// What an exchange pins at its first byte and keeps to its last streamed byte.
struct active_policy {
  std::shared_ptr<const policy::snapshot> snapshot = policy::snapshot::deny_all();
  policy::activation activation;
  policy::freshness freshness = policy::freshness::none;
  bool refuse_all = false;  // fail_closed and past max_stale: answer 503 to everything

  // Another version for a share of conversations, under the same activation: conversation_bucket() below `basis_points` is theirs.
  struct canary_share {
    std::shared_ptr<const active_policy> policy;
    std::uint32_t basis_points = 0;
    std::string salt;
  };
  std::optional<canary_share> canary;
  bool is_canary = false;  // this is that other version
  // A version that is judged on the same exchanges and changes nothing of them; null: none.
  std::shared_ptr<const policy::snapshot> shadow = {};
};

// Where a conversation falls among ten thousand, the same on every node: by conversation, else by user, else by caller; within its tenant.
[[nodiscard]] std::uint32_t conversation_bucket(std::string_view salt, const context& who, std::string_view caller);

}  // namespace sluice::policy
