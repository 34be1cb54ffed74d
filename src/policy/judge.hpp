// From matches to a record and edits: what whole bodies and streams have in common.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "confirm.hpp"
#include "sluice/policy/tokens.hpp"
#include "sluice/text/json_text.hpp"

namespace sluice::policy {

inline constexpr std::size_t findings_max = 1000;

// True when the rule enforces in this exchange: not in shadow, and inside of its rollout.
[[nodiscard]] bool enforced_here(const compiled_rule& rule, const evaluate_options& options);

class judge {
 public:
  judge(const ruleset& rules, const evaluate_options& options, outcome& into) : rules_(rules), options_(options), out_(into) {}

  enum class effect : std::uint8_t { none, suppressed, edit, block };
  // Notes one match. What it does to the text: nothing where it is suppressed (by an exception), in shadow, or only recorded. `editable` false
  // turns an enforced redaction into a block.
  effect note(std::uint32_t rule, std::uint32_t part, std::uint32_t begin, std::uint32_t end, std::string_view original,
              std::string_view matched_view, bool editable, match::match_state& state, std::span<const text_span> more = {});
  // Adds up the scores of what was noted since the last call, in the order of the text, and holds the sums against their thresholds. Where
  // one is crossed that blocks: the place of the match that crossed it.
  struct crossing {
    std::uint32_t part, begin;
  };
  std::optional<crossing> settle();
  // A matcher failed on this rule: the policy's direction decides.
  effect unavailable(std::uint32_t rule);
  // additions.cpp. Once all parts of a request were judged: what the rules that matched add to the system's words.
  void settle_request();
  // What is noted from here on is of this choice of the answer.
  void in_choice(std::int64_t choice) { choice_ = choice; }
  // The same for a choice, once all of it was judged. `said`: what a client reads of it.
  struct settled {
    bool blocked = false;
    const std::string* rewritten = nullptr;  // what the choice says instead
    std::string addition;                    // what comes behind that
  };
  [[nodiscard]] settled settle(std::int64_t choice, bool structured, const choice_text& said, match::match_state& state);
  // The choices in which some rule waits, ascending.
  [[nodiscard]] std::vector<std::int64_t> unsettled() const;
  // True when the rule may change or stop text here, so that a stream has to hold for it.
  [[nodiscard]] bool enforces(std::uint32_t rule) const {
    return enforced_here(rules_.owner->rules[rule], options_);
  }

 private:
  [[nodiscard]] std::vector<std::uint32_t> rules_in(std::int64_t choice) const;
  [[nodiscard]] action decide(const compiled_rule& rule, bool structured, const choice_text& said, match::match_state& state) const;
  void conclude(std::uint32_t rule, std::int64_t choice, action done);
  void raise(action a, bool enforced, bool editable);
  void block_by(std::uint32_t rule);
  void speak_for(std::uint32_t rule);  // its message, where it is the first
  void consequences(std::uint32_t rule, std::uint32_t part, std::uint32_t begin, bool enforced);
  bool add_score(std::uint32_t rule, bool enforced);
  const ruleset& rules_;
  const evaluate_options& options_;
  outcome& out_;
  struct scored {
    std::uint32_t part, begin, rule;
    bool enforced;
  };
  std::vector<scored> scored_;  // not added up yet
  // Rules that add text, by the choice they matched in: what becomes of it is decided when all is known. With the findings that say so, by
  // their place, so that no look at them takes longer the more parts matched.
  std::map<std::pair<std::int64_t, std::uint32_t>, std::vector<std::size_t>> waiting_;
  std::int64_t choice_ = 0;
};

// Joins overlapping edits of one part: the stronger action's replacement takes the merged span, then the wider, then the earlier.
struct pending_edit {
  std::uint32_t part, begin, end, term;
  bool half = false;  // of a match that goes on in another part, or in another string
  enum class form : std::uint8_t { plain, json_string, json_scalar } written = form::plain;
};
// The edits that a match of [begin, end) becomes in a text that begins as JSON: so written, and so cut, that it stays JSON.
void add_json_edits(pending_edit match, const text::json_outline& outline, const text::escape_map& escapes, std::vector<pending_edit>& out);
// False: no edit of these bytes leaves JSON that its reader takes. A number that becomes a string breaks what an answer's schema promises; to
// who reads a request it is as good.
[[nodiscard]] bool editable_at(const text_part& of, std::uint32_t begin, std::uint32_t end, direction which);
[[nodiscard]] bool json_editable(std::uint32_t begin, std::uint32_t end, direction which, const text::json_outline& outline, const text::escape_map& escapes);

// `before`: of a stream, what came before the text.
[[nodiscard]] std::vector<edit> merge_edits(const ruleset& rules, std::vector<pending_edit> all, const std::vector<std::string_view>& part_text,
                                            const evaluate_options& options, token_map& tokens, const text::json_depth& before = {});

}  // namespace sluice::policy
