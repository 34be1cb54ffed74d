// Every match of the terms in force in one whole text: Hyperscan says which terms to look at, the confirm stage where they match.
// What evaluate.cpp does with a body's parts, and stream.cpp with the readings of a channel that has ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "confirm.hpp"
#include "role_texts.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/text/derived.hpp"
#include "sluice/text/json_text.hpp"

namespace sluice::policy {

// Whose text it is: decides which terms look at it.
struct text_place {
  policy::direction direction;
  policy::role role;
  part_kind kind;
  bool last_turn = true;
};

// Takes what was found. Offsets are bytes of the original text.
class match_sink {
 public:
  // `view`: the matched text as the pattern saw it.
  virtual void found(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view view) = 0;
  virtual void failed(std::uint32_t term) = 0;
  virtual void scored(std::string_view /*name*/, float /*score*/) {}
  // So many bytes are escaped more often than anything is decoded.
  virtual void undecoded(std::uint64_t /*bytes*/) {}
  // Whether a classifier's term could make its rule match, so that it is asked.
  virtual bool wants(std::uint32_t /*term*/) { return true; }

 protected:
  ~match_sink() = default;
};

void keep_highest(outcome& out, std::string_view name, float score);

class part_matcher final : private text::derived_sink {
 public:
  // `given`: see evaluate_options.
  part_matcher(const ruleset& rules, scratch::impl& s, const std::map<std::string, double>* given)
      : rules_(rules), program_(*rules.owner), s_(s), given_(given) {}

  // In the text itself.
  void run(std::string_view text, const text_place& where, match_sink& out);
  // In its other readings, for the terms that ask for them. What the text itself already showed at the same place comes again.
  void run_derived(std::string_view text, const text_place& where, match_sink& out);
  // What its classifiers say of it; a match is all of the text. One matcher's texts share a budget.
  void run_scores(std::string_view text, const text_place& where, match_sink& out);
  // Of a text that may be JSON: all of the above in what its reader decodes it to, and in what the strings of that are decoded to. What the
  // text itself already showed at the same place comes again. `derived_only`: not in the decoded texts themselves.
  void run_decoded(std::string_view text, const text_place& where, match_sink& out, bool derived_only = false);
  // The texts from here on are this part of a request, or (`over_seam`) of several from this one on: what a rule asks for beside a match may
  // stand in others. Null: they stand alone.
  void stand_in(role_texts* all, std::uint32_t part, bool over_seam) { others_ = all, part_ = part, over_seam_ = over_seam; }
  // While the sink is told of a match: it counts because of what another text says.
  [[nodiscard]] bool leans() const { return leans_; }
  // While the sink is told of a match: bits of text::reading of the text that it stands in; 0 for the text itself.
  [[nodiscard]] std::uint32_t reading() const { return derived_ == nullptr ? 0 : derived_->readings; }

 private:
  [[nodiscard]] bool looks(std::uint32_t term) const;
  // Whether terms that look at such texts look at the one at hand.
  [[nodiscard]] bool concerns(text_sides sides) const { return (sides & side_of(where_->direction, where_->kind)) != 0; }
  void look(std::string_view text);
  // False: it would grow too much, and all that look there are unavailable.
  [[nodiscard]] bool see(std::string_view text, text::view_kind view);
  void read(const text::derived_text& one) override;
  void scan(text::view_kind view);
  void scan(const shard& one, std::string_view text);
  void regexes(text::view_kind view);
  [[nodiscard]] role_texts::answer others_say(const term& of) const;
  void words(text::view_kind view);
  void note(std::uint32_t term, std::size_t begin, std::size_t end, bool leans);
  [[nodiscard]] text::text_unit back(text::text_unit span) const;
  [[nodiscard]] std::optional<text_position> position(text::view_kind view) const;
  void score_with(std::uint32_t model, std::string_view folded);
  [[nodiscard]] bool scores(const term& of, std::string_view folded, std::uint32_t& scored);

  const ruleset& rules_;
  const program& program_;
  scratch::impl& s_;
  const std::map<std::string, double>* given_;
  match::scoring_budget budget_;
  std::size_t growth_left_ = views_growth_max;  // of the views of all texts that it looks at
  bool complete_ = true;     // the scores at hand are of all of the text
  bool words_read_ = false;  // the text at hand was cut into words
  std::optional<crypto::digest> digest_;  // of the text at hand, folded, once it was asked for
  const text_place* where_ = nullptr;
  match_sink* out_ = nullptr;
  const text::derived_text* derived_ = nullptr;  // the reading at hand
  std::size_t bytes_ = 0;    // of the text at hand
  std::vector<const text::escape_map*> ways_back_;  // from the text at hand to the one that was given, where that was decoded
  role_texts* others_ = nullptr;
  std::uint32_t part_ = 0;
  bool over_seam_ = false, leans_ = false;
  per_view<bool> derives_in_;                    // some term looks into readings of this view
  [[nodiscard]] const program::searched::shards& searched(text::view_kind view) const {
    return derived_ == nullptr ? program_.in[view].all : program_.in[view].derived;
  }
  std::vector<std::uint32_t> wanted_;
  std::vector<match_span> spans_;
  std::vector<keyword_match_span> words_;
};

}  // namespace sluice::policy
