// The inside of a snapshot: compiled rules, filters and rulesets. Immutable once compile.cpp is done with it; shared by
// snapshot.cpp, confirm.cpp, evaluate.cpp and stream.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "regex_program.hpp"
#include "sluice/match/database.hpp"
#include "sluice/match/keyword_table.hpp"
#include "sluice/match/start_filter.hpp"
#include "sluice/match/word_filter.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {

// One bit a rule.
class rule_set {
 public:
  rule_set() = default;
  explicit rule_set(std::size_t rules) : words_((rules + 63) / 64, 0) {}
  void add(std::uint32_t rule) { words_[rule / 64] |= 1ull << (rule % 64); }
  void remove(std::uint32_t rule) { words_[rule / 64] &= ~(1ull << (rule % 64)); }
  [[nodiscard]] bool has(std::uint32_t rule) const { return (words_[rule / 64] >> (rule % 64) & 1) != 0; }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  [[nodiscard]] bool any() const {
    for (const auto w : words_) {
      if (w != 0) return true;
    }
    return false;
  }
  // Calls f(rule) for each member that is also in `mask`, in order.
  template <class F>
  void each_in(const rule_set& mask, F&& f) const {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (auto bits = words_[w] & mask.words_[w]; bits != 0; bits &= bits - 1) {
        f(static_cast<std::uint32_t>(w * 64 + static_cast<std::size_t>(__builtin_ctzll(bits))));
      }
    }
  }
  std::vector<std::uint64_t>& words() { return words_; }
  [[nodiscard]] const std::vector<std::uint64_t>& words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

struct compiled_exception {
  std::string id;
  policy::scope when;
  // A match suppresses only when one of these lies inside the matched text; both empty: always.
  std::shared_ptr<const regex_program> regex;
  std::vector<std::string> words;
  bool fold = true;
};

struct compiled_rule {
  policy::direction direction;
  policy::action action;
  policy::enforcement enforcement;
  std::uint8_t role_mask;
  std::uint16_t kind_mask;
  bool last_turn_only, hold_full, is_regex, fold;
  policy::validator validator;
  std::shared_ptr<const regex_program> regex;
  std::vector<std::string> prefilter;  // lower case
  std::vector<compiled_exception> exceptions;
  std::string mask;
  std::uint32_t keep_first = 0, keep_last = 0;
  std::string message;
  int http_status = 400;
  bool message_in_stream = false;

  [[nodiscard]] bool applies(policy::direction d, role who, part_kind kind, bool last_turn) const {
    return (static_cast<unsigned>(direction) & static_cast<unsigned>(d)) != 0 && (role_mask >> static_cast<unsigned>(who) & 1) != 0 &&
           (kind_mask >> static_cast<unsigned>(kind) & 1) != 0 && (last_turn || !last_turn_only);
  }
  // May change or stop the text, so a stream must hold for it.
  [[nodiscard]] bool changes() const { return changes_match(action); }
};

// A Hyperscan database over the patterns of some rules: hit N belongs to rule_of[N].
struct shard {
  std::shared_ptr<const match::database> database;
  std::vector<std::uint32_t> rule_of;
};

struct program {
  std::string version, bundle_name;
  std::vector<snapshot::rule_info> infos;
  std::vector<compiled_rule> rules;
  policy::action matcher_unavailable = action::block;
  // Regex rules.
  std::vector<shard> regex_shards;
  rule_set unfiltered;               // regex rules without a usable filter: always looked at
  match::start_filter starts;        // by rule number
  // Keyword rules, on the folded view and on the exact one.
  std::vector<shard> folded_shards, exact_shards;
  match::word_filter folded_filter, exact_filter;  // which of those shards a text concerns
  match::keyword_table folded_words, exact_words;
  bool folded_compose = false, exact_compose = false;  // some word there holds a letter with a mark on it
  std::uint32_t lookbehind_max = 1;  // code points
  std::uint32_t width_max = 0;       // bytes, of bounded response regexes
  std::size_t memory_bytes = 0;
};

class ruleset {
 public:
  std::shared_ptr<const program> owner;
  rule_set active;                                   // enforced or shadow here
  rule_set regex_rules, folded_rules, exact_rules;   // of active
  std::vector<std::vector<std::uint16_t>> exceptions;  // by rule: its exceptions whose scope fits here
  bool any_request = false, any_response = false, hold_full = false;
  std::uint8_t role_mask = 0;
  std::string effective;
  bool denies_all = false;
};

struct scratch::impl {
  match::scan_scratch scan;
  match::match_state state;
  text::view regex_view, folded_view;
  std::weak_ptr<const program> prepared;  // the program that `scan` fits
  const program* prepared_raw = nullptr;
  rule_set candidates;
  std::vector<match::keyword_table::found> found;
  std::vector<std::uint64_t> words;
};

// Makes the scratch fit the program's databases; false: out of memory.
[[nodiscard]] bool prepare(scratch::impl& s, const std::shared_ptr<const program>& for_this);

}  // namespace sluice::policy
