// What one version blocks on live traffic, by rule, and whether that is more than anybody expected of it: the decisions of the breaker,
// without a thread, a clock or a socket. docs/rollout.md tells operators the same.
//
// A rate is of distinct users: each weighs one, by the share of its own exchanges that were blocked, however many it sends. Two windows
// are looked at, a short one for what runs wild and a long one for what takes longer to show. A rule trips when, with 99.99 %
// confidence (Clopper and Pearson), its rate is above its limit, when enough users were seen, when several of them were blocked, and
// when the same holds, with 99 % confidence, without the tenant that it blocks most: so that neither one attacker nor one tenant's users together,
// nor those with one account elsewhere, switch a rule off that everybody needs.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/rollout/block_band.hpp"
#include "sluice/rollout/judged_exchange.hpp"
#include "sluice/rollout/user_sample.hpp"

namespace sluice::rollout {

struct watched_rule {
  std::string id;        // several entries of one id (a rule and what overlays make of it) are one rule
  block_band band = {};  // highest rate, and why
  bool never_demote = false;
  bool enforced = true;  // and may block
};

struct trip {
  std::vector<std::string> rules;  // to be demoted
  std::string what;                // "rule fin-003" or "the version"
  double rate = 0, at_least = 0;
  block_band band = {};
  std::size_t users = 0, users_blocked = 0, tenants = 0;
  seconds window{0};
};
// "rule fin-003 blocked 41 % of 120 users of 3 tenants within 30 s (at least 24.1 %), its limit is 10 % (the bundle's)"
[[nodiscard]] std::string told(const trip& of);

class block_rates {
 public:
  static constexpr seconds short_window{30}, long_window{300};
  static constexpr std::size_t blocked_users_min = 5;

  // `version`: the band of all rules together. `applies`: whether the rule is in force in a context that was seen.
  block_rates(std::vector<watched_rule> rules, policy::breaker_terms terms, block_band version, std::function<bool(std::uint64_t context, std::uint32_t rule)> applies);

  void see(const judged_exchange& one, mono_time t);
  // What is over its limit now; of each rule once, until rearm(). Rules that are never demoted trip too, with `rules` empty, once a window.
  [[nodiscard]] std::vector<trip> look(mono_time t);
  // Forgets what was seen of the rule, so that it is judged by what comes; "" of all rules.
  void rearm(const std::string& rule);
  // Of whom anything was seen within the short window, as of the last look at the long one; of many, those of them who are followed.
  [[nodiscard]] std::size_t users() const { return users_; }

 private:
  struct share {
    std::uint32_t rule, times;
  };
  struct entry {  // of a user in a context, within one slice of time
    std::uint64_t user = 0, tenant = 0, context = 0;
    std::uint32_t seen = 0, blocked = 0;
    std::vector<share> by;
  };
  struct slice {
    mono_time begin;
    user_table<entry> entries;
  };
  struct rates;
  struct gathered;
  void begin_slice(mono_time t);
  void forget();
  [[nodiscard]] gathered gather(mono_time since) const;
  [[nodiscard]] static rates rates_of_all(const gathered& seen);
  [[nodiscard]] rates rates_of(const std::string& rule, const gathered& seen) const;
  [[nodiscard]] std::optional<trip> judged(const std::string* id, const block_band& band, seconds window, const gathered& all_seen) const;
  void look_at(seconds window, mono_time t, std::vector<trip>& out);

  std::vector<watched_rule> rules_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> numbers_;  // entries of an id
  policy::breaker_terms terms_;
  block_band version_;
  std::function<bool(std::uint64_t, std::uint32_t)> applies_;
  std::deque<slice> slices_;
  user_sample followed_;
  std::size_t users_ = 0;
  std::unordered_map<std::string, mono_time> tripped_;
  mono_time next_long_look_{};
};

}  // namespace sluice::rollout
