// The inside of a snapshot: compiled rules, filters and rulesets. Immutable once compile.cpp is done with it.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "prefilter.hpp"
#include "presence.hpp"
#include "regex_program.hpp"
#include "score_cache.hpp"
#include "sluice/match/classifier.hpp"
#include "sluice/match/database.hpp"
#include "sluice/match/keyword_table.hpp"
#include "sluice/match/start_filter.hpp"
#include "sluice/match/word_filter.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/text/edged_text.hpp"
#include "sluice/text/view.hpp"
#include "sluice/text/vocabulary.hpp"

namespace sluice::policy {

// Few of many: what is in force for one context. Its memory is that of its members, so that a thousand tenants with a policy each do not
// pay for each other's rules.
class sparse_set {
 public:
  void add(std::uint32_t i) {
    const auto at = place_of(i / 64);
    if (at == words_.end() || at->number != i / 64) {
      words_.insert(at, {i / 64, 0, 0});
      return add(i);
    }
    at->set(at->bits() | 1ull << (i % 64));
  }
  void clear() { words_.clear(); }
  [[nodiscard]] bool has(std::uint32_t i) const {
    const auto at = std::ranges::lower_bound(words_, i / 64, {}, &word::number);
    return at != words_.end() && at->number == i / 64 && (at->bits() >> (i % 64) & 1) != 0;
  }
  [[nodiscard]] bool any() const { return !words_.empty(); }
  // Calls f(i) for each member, in order.
  template <class F>
  void each(F&& f) const {
    for (const word& w : words_) {
      for (auto bits = w.bits(); bits != 0; bits &= bits - 1) f(w.number * 64 + static_cast<std::uint32_t>(__builtin_ctzll(bits)));
    }
  }
  // Calls f(number, bits) for each word that holds a member, in order.
  template <class F>
  void each_word(F&& f) const {
    for (const word& w : words_) f(w.number, w.bits());
  }
  [[nodiscard]] std::size_t memory_bytes() const { return words_.capacity() * sizeof(word); }
  void shrink() { words_.shrink_to_fit(); }

 private:
  struct word {  // in halves, so that it takes twelve bytes
    std::uint32_t number, low, high;
    [[nodiscard]] std::uint64_t bits() const { return static_cast<std::uint64_t>(high) << 32 | low; }
    void set(std::uint64_t to) {
      low = static_cast<std::uint32_t>(to);
      high = static_cast<std::uint32_t>(to >> 32);
    }
  };
  std::vector<word>::iterator place_of(std::uint32_t number) { return std::ranges::lower_bound(words_, number, {}, &word::number); }
  std::vector<word> words_;
};

// One bit a member: rules, or terms, by number.
class index_set {
 public:
  index_set() = default;
  explicit index_set(std::size_t size) : words_((size + 63) / 64, 0) {}
  void add(std::uint32_t i) { words_[i / 64] |= 1ull << (i % 64); }
  void remove(std::uint32_t i) { words_[i / 64] &= ~(1ull << (i % 64)); }
  [[nodiscard]] bool has(std::uint32_t i) const { return (words_[i / 64] >> (i % 64) & 1) != 0; }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  [[nodiscard]] bool any() const {
    for (const auto w : words_) {
      if (w != 0) return true;
    }
    return false;
  }
  // Calls f(i) for each member that is also in `mask`, in order.
  template <class F>
  void each_in(const index_set& mask, F&& f) const {
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (auto bits = words_[w] & mask.words_[w]; bits != 0; bits &= bits - 1) {
        f(static_cast<std::uint32_t>(w * 64 + static_cast<std::size_t>(__builtin_ctzll(bits))));
      }
    }
  }
  template <class F>
  void each_in(const sparse_set& mask, F&& f) const {
    mask.each_word([&](std::uint32_t number, std::uint64_t of_mask) {
      for (auto bits = words_[number] & of_mask; bits != 0; bits &= bits - 1) {
        f(number * 64 + static_cast<std::uint32_t>(__builtin_ctzll(bits)));
      }
    });
  }
  std::vector<std::uint64_t>& words() { return words_; }
  [[nodiscard]] const std::vector<std::uint64_t>& words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

// Words that must, or must not, stand within so many code points of a match.
struct compiled_proximity {
  std::vector<std::string> words;  // folded
  std::uint32_t within = 0;
};

// One thing to look for: the leaf of a rule's match. Most rules are one term.
struct term {
  std::uint32_t rule;
  enum class kind : std::uint8_t { regex, words, classifier };
  term::kind kind;
  bool immediate;                // a match of the term is a match of its rule; else the rule's expression decides
  bool last_turn_only = false;   // its rule sees the last turn alone
  text::view_kind view;          // where it is looked for
  policy::validator validator = validator::none;
  std::shared_ptr<const regex_program> regex;
  std::vector<std::string> prefilter;  // lower case
  compiled_proximity near, unless_near;  // without words: not asked for
  double entropy_min = 0;              // bits per byte
  std::uint32_t width = 0;             // code points that a match may have, as far as that is asked (`reach_max`)
  std::uint32_t readings = 0;          // bits of text::reading: where else it looks
  std::uint32_t depth = 1;             // how deeply nested
  std::optional<std::string> replacement = std::nullopt;  // of these words, in place of their rule's
  std::uint32_t model = 0, label = 0;  // classifier
  float threshold = 1;
  bool timeout_matches = false;
  std::string score_name = {};         // "topic.financial_advice"
  // Code points on either side that decide about a match: it is not decided before they are there. Behind the last word it shows where that ends.
  [[nodiscard]] std::uint32_t context() const { return std::max(near.within, unless_near.within) + text::edge_reach; }
  // It wants a word beside its match, which may stand in a text before.
  [[nodiscard]] bool asks_beside() const { return !near.words.empty() || !prefilter.empty(); }
  // How far on either side of a seam between two texts a match over it may lie. What is encoded or spaced takes more room.
  static constexpr std::uint32_t reach_max = 1024;
  [[nodiscard]] std::uint32_t reach() const { return width == 0 ? 0 : std::min(reach_max, width * (readings == 0 ? 1 : 4) + context()); }
};

// What a rule makes of the matches of its terms in one part of text.
struct expression {
  enum class kind : std::uint8_t { term, any, all, negation };
  expression::kind kind = kind::term;
  std::uint32_t term = 0;
  std::uint32_t min_count = 1;
  std::vector<expression> children;
};

// What an exception looks for in the text that its rule found.
struct exception_term {
  term what;                       // a regex, or words without a table
  std::vector<std::string> words;  // in the view of `what`
  bool bounded = false;
};

struct compiled_exception {
  std::string id, owner, ticket;
  policy::scope when;
  std::vector<exception_term> terms;
  std::optional<expression> match;  // of those terms; none: all that the rule finds
};

// Sums of a policy's scores at which something happens.
struct compiled_threshold {
  std::string policy;
  std::uint32_t request = 0, response = 0;  // 0: never
  policy::action action = action::block;
  [[nodiscard]] std::uint32_t of(policy::direction d) const { return d == direction::request ? request : response; }
};

// Whose text it is, as databases are divided by it: what is asked and what is answered in words, which most texts are, and all else (of tools,
// names, files). Bits, so that a database may serve several.
using text_sides = std::uint8_t;
inline constexpr text_sides other_texts = 4, all_texts = 7;
[[nodiscard]] constexpr text_sides side_of(direction d, part_kind kind) { return kind == part_kind::text ? static_cast<text_sides>(d) : other_texts; }

struct compiled_rule {
  policy::direction direction;
  policy::action action;
  policy::enforcement enforcement;
  std::uint8_t role_mask;
  std::uint16_t kind_mask;
  bool last_turn_only, hold_full;
  std::uint32_t terms_begin = 0, terms_end = 0;
  std::optional<policy::expression> expression;  // none: each match of a term is one of the rule
  std::vector<compiled_exception> exceptions;
  std::string mask;  // redact: what stands for the match; rewrite: its replacement; tokenize: the template of its tokens
  std::uint32_t keep_first = 0, keep_last = 0;
  bool hashed = false;  // redact: a short keyed hash of the match behind the mask
  bool restores = false;  // tokenize: the value may be put back
  milliseconds vault_ttl{0};
  bool needs_vault = false;  // on_vault_unavailable: block
  std::string message;
  int http_status = 400;
  bool message_in_stream = false;
  std::map<std::string, std::string> i18n;  // block: message by language
  std::vector<std::string> tags;           // tag
  std::uint32_t score = 0, threshold = no_threshold;  // what a match adds, and to which sum
  std::optional<rollout_spec> rollout;
  std::string text;  // inject_system, append: what is added
  inject_position position = inject_position::append;
  policy::on_structured on_structured = on_structured::skip;
  policy::on_missing on_missing = on_missing::append;
  std::shared_ptr<const compiled_disclaimer> disclaimer;  // require_disclaimer; with on_missing: rewrite, `mask` is what stands for the answer

  static constexpr std::uint32_t no_threshold = 0xffffffff;

  [[nodiscard]] bool applies(policy::direction d, role who, part_kind kind, bool last_turn) const {
    return (static_cast<unsigned>(direction) & static_cast<unsigned>(d)) != 0 && (role_mask >> static_cast<unsigned>(who) & 1) != 0 &&
           (kind_mask >> static_cast<unsigned>(kind) & 1) != 0 && (last_turn || !last_turn_only);
  }
  // The texts that it may look at.
  [[nodiscard]] text_sides sides() const {
    constexpr auto words = 1U << static_cast<unsigned>(part_kind::text);
    const auto asked_and_answered = (kind_mask & words) != 0 ? static_cast<unsigned>(direction) : 0U;
    return static_cast<text_sides>(asked_and_answered | ((kind_mask & ~words) != 0 ? other_texts : 0U));
  }
  // May change or stop the text, so a stream must hold for it.
  [[nodiscard]] bool changes() const { return changes_match(action) || replaces_choice(); }
  // May rewrite or stop a choice when it ends.
  [[nodiscard]] bool replaces_choice() const { return action == action::require_disclaimer && on_missing != on_missing::append; }
};

// A Hyperscan database over the patterns of some terms, each once.
struct shard {
  std::shared_ptr<const match::database> database;
  std::vector<std::uint32_t> term_of;  // those that hit N belongs to are term_of[ends[N - 1], ends[N])
  std::vector<std::uint32_t> ends;
  match::rare_bytes needs;             // a text that has less holds no match of any
  text_sides sides = all_texts;        // no other text is looked at by any

  template <class F>
  void each_term(std::uint32_t hit, F&& f) const {
    for (auto i = hit == 0 ? 0 : ends[hit - 1]; i < ends[hit]; ++i) f(term_of[i]);
  }
};

// Both views, and what belongs to each.
inline constexpr std::array both_views = {text::view_kind::regex, text::view_kind::folded};
template <class T>
class per_view {
 public:
  T& operator[](text::view_kind v) { return both_[static_cast<std::size_t>(v)]; }
  const T& operator[](text::view_kind v) const { return both_[static_cast<std::size_t>(v)]; }

 private:
  std::array<T, 2> both_{};
};

struct program {
  std::string version, bundle_name;
  std::vector<snapshot::rule_info> infos;
  std::vector<compiled_rule> rules;
  std::vector<compiled_threshold> thresholds;
  std::vector<term> terms;
  std::vector<std::shared_ptr<const match::classifier>> models;
  text::vocabulary spelled;  // words that terms look for that are asked to see through letters written apart
  policy::action matcher_unavailable = action::block;
  // What of the terms is looked for in one view.
  struct searched {
    struct shards {
      std::vector<shard> regexes, words;
      std::optional<match::word_filter> filter;  // which of the words' a text concerns; none where a scan for so few costs less
      text_sides sides = 0;                      // texts that some term looks at
      [[nodiscard]] std::size_t memory_bytes() const { return filter ? filter->memory_bytes() : 0; }
    };
    shards all, derived;              // of every term; of those that look into other readings, which are most of a request's texts
    index_set unfiltered;             // regexes without a usable filter: always looked at
    match::start_filter starts;       // by term number
    prefilter_table prefilters;       // of terms that look at answers
    match::keyword_table words;       // owners are terms
    bool compose = false;             // some word holds a letter with a mark on it
  };
  per_view<searched> in;
  template <class F>
  void each_shard(F&& f) const {
    for (const auto view : both_views) {
      for (const auto* of : {&in[view].all, &in[view].derived}) {
        for (const shard& one : of->regexes) f(one);
        for (const shard& one : of->words) f(one);
      }
    }
  }
  std::uint32_t lookbehind_max = text::edge_reach;  // code points
  std::size_t memory_bytes = 0;
  breaker_terms breaker;
  std::vector<std::string> demoted;  // rules that are in shadow here and that the version enforces; sorted
};

class ruleset {
 public:
  std::shared_ptr<const program> owner;
  sparse_set active;                    // rules: enforced or shadow here
  per_view<sparse_set> regexes, words;  // the terms of those
  sparse_set scoring;                   // classifiers
  sparse_set deriving;                  // of them, those that look into other readings of the text
  std::vector<std::uint32_t> composed; // of active, those with an expression
  std::vector<std::pair<std::uint32_t, std::uint16_t>> exceptions;  // rule and place in its exceptions: those whose scope fits here, sorted
  bool any_request = false, any_response = false;
  std::array<std::uint32_t, 3> join_reach{};  // by direction: code points of a text that a match over its end or begin may take; 0: nothing looks there
  [[nodiscard]] std::uint32_t reach(direction d) const { return join_reach[static_cast<std::size_t>(d)]; }
  bool asks_last_turn = false;         // some rule looks at the last turn alone
  bool tags_requests = false;          // some rule tags the conversation of a request
  bool tokenizes = false;              // some rule tokenizes
  bool recalls = false;                // and some of those may need the vault
  bool needs_vault = false;            // and one of them rather refuses than goes without
  bool adds = false;                   // some rule puts text behind answers
  bool needs_record = false;           // some policy or overlay says audit.on_full: block
  std::vector<const compiled_disclaimer*> disclaimers;  // that some rule asks for
  std::uint8_t role_mask = 0;
  std::string effective;
  std::string effective_before;        // as it was hashed without the files of macros and models; empty where that is the same
  bool denies_all = false;

  [[nodiscard]] std::size_t memory_bytes() const {
    std::size_t sets = active.memory_bytes() + deriving.memory_bytes() + scoring.memory_bytes();
    for (const auto view : both_views) sets += regexes[view].memory_bytes() + words[view].memory_bytes();
    return sizeof(*this) + sets + composed.capacity() * 4 + exceptions.capacity() * 8 + effective.capacity() + effective_before.capacity();
  }
};

struct scratch::impl {
  match::scan_scratch scan;
  match::match_state state;
  per_view<text::view> view;
  std::weak_ptr<const program> prepared;  // the program that `scan` fits
  const program* prepared_raw = nullptr;
  index_set candidates;  // terms
  index_set due;         // regexes that a stream asks now
  std::vector<match::keyword_table::found> found;
  match::classifier_scratch scoring;
  std::vector<match::label_score> scores;
  score_cache known_scores;
  std::vector<std::uint64_t> words;
  std::string blanks;  // a view with single blanks

  // Frees what a long text took: each worker has a scratch, and most texts are short.
  void give_back() {
    constexpr std::size_t kept_bytes = 8u << 20;
    for (const auto v : both_views) view[v].give_back(kept_bytes);
    if (blanks.capacity() > kept_bytes) blanks = {};
  }
};

// Makes the scratch fit the program's databases; false: out of memory.
[[nodiscard]] bool prepare(scratch::impl& s, const std::shared_ptr<const program>& for_this);

}  // namespace sluice::policy
