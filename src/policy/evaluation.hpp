// How the parts of a whole body become findings and edits: see evaluate.cpp, for bodies that came in one piece, and stream_together.cpp, for a
// streamed answer that was held to its end.
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "expression.hpp"
#include "joined.hpp"
#include "judge.hpp"
#include "part_match.hpp"
#include "role_rules.hpp"
#include "role_texts.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {

// Where rules matched: rule, part, begin, end.
using noted_places = std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>>;

// Judges the parts of one body: what the matcher finds becomes findings and edits.
class evaluation final : private match_sink, private joined_sink, private role_rules::sink {
 public:
  // `known`: of texts that have been judged each by itself; what is found there again is not noted again. What is found besides comes too late to be
  // edited.
  evaluation(const ruleset& rules, const evaluate_options& options, scratch::impl& s, outcome& out, const noted_places* known = nullptr)
      : rules_(rules), program_(*rules.owner), options_(options), s_(s), out_(out), matcher_(rules, s, options.given), judge_(rules, options, out), known_(known) {}

  void part(std::uint32_t index, const text_part& p) {
    if (p.text.empty() || (rules_.role_mask >> static_cast<unsigned>(p.role) & 1) == 0) return;
    index_ = index;
    part_ = &p;
    judge_.in_choice(options_.direction == direction::response ? p.choice : 0);
    gathered_.clear();
    leaning_.clear();
    seen_.clear();
    const text_place where{options_.direction, p.role, p.kind, p.last_turn};
    const bool goes_on = others_ && joins(p.kind, options_.direction) && (options_.direction == direction::request || p.choice >= 0);
    matcher_.stand_in(goes_on ? &*others_ : nullptr, index, false);
    decodes_ = text::may_be_json(p.text) && p.text.find('\\') != std::string_view::npos;
    matcher_.run(p.text, where, *this);
    if (rules_.deriving.any()) matcher_.run_derived(p.text, where, *this);
    if (rules_.scoring.any()) matcher_.run_scores(p.text, where, *this);
    if (decodes_) matcher_.run_decoded(p.text, where, *this);
    if (!rules_.composed.empty()) compose();
    if (!goes_on) return;
    together_->keep(index, gathered_);
    together_->keep(index, leaning_);
  }

  // Before the first part of a body with texts that may go on in each other.
  void expect_seams(std::span<const text_part> parts) {
    parts_ = parts;
    others_.emplace(parts);
    together_.emplace(rules_, parts);
  }
  // What is split over several parts, once each was judged by itself.
  void join() {
    find_joined(rules_, parts_, options_.direction, *others_, matcher_, *this);
    together_->decide(*this);
  }
  // All of the body was seen.
  void finish() { (void)judge_.settle(); }
  // For rules that add text there is no place any more.
  void settle_without_place() {
    for (const auto choice : judge_.unsettled()) (void)judge_.settle(choice, true, {}, s_.state);
  }
  [[nodiscard]] std::vector<pending_edit>& edits() { return edits_; }
  // What rules add, once every part was judged and its edits are known.
  void settle(std::span<const text_part> parts, outcome& out) {
    if (options_.direction == direction::request) {
      judge_.in_choice(0);
      return judge_.settle_request();
    }
    settle_choices(parts, out);
    if (out.verdict != verdict::block) return;
    if (!options_.edits_of_blocked) out.edits.clear();
    out.additions.clear();
  }

 private:
  void found(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view view) override {
    const auto& t = program_.terms[term];
    if ((t.readings != 0 || decodes_) && !seen_.insert({term, begin, end}).second) return;
    // A score is of all the text; the record does not repeat that.
    const auto original = t.kind == term::kind::classifier ? std::string_view() : part_->text.substr(begin, end - begin);
    if (!t.immediate) return (matcher_.leans() ? leaning_ : gathered_).push_back({term, begin, end, std::string(original)});
    note(term, begin, end, original, view);
  }
  void scored(std::string_view name, float score) override { keep_highest(out_, name, score); }
  // Of texts that were judged each by itself it has been told.
  void undecoded(std::uint64_t bytes) override { out_.undecoded += known_ == nullptr ? bytes : 0; }
  void failed(std::uint32_t term) override { (void)judge_.unavailable(program_.terms[term].rule); }
  bool wants(std::uint32_t term) override {
    if (program_.terms[term].immediate) return true;
    const bool wanted = asking_.empty() ? may_hold(program_, *program_.rules[program_.terms[term].rule].expression, gathered_) : std::ranges::find(asking_, term) != asking_.end();
    if (wanted && together_) together_->asked(term, index_);
    return wanted;
  }

  // What a rule found in each part by itself: a match over a seam that only goes on from it says nothing new, and would take away the begin of
  // the next text with it.
  struct places {
    std::uint32_t begin_min = 0xffffffff, end_max = 0;
  };
  void remember(std::uint32_t rule, const text_span& at) {
    auto& known = found_in_[{rule, at.part}];
    known.begin_min = std::min(known.begin_min, at.begin);
    known.end_max = std::max(known.end_max, at.end);
  }
  [[nodiscard]] bool goes_on(std::uint32_t rule, std::span<const text_span> pieces) const {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto known = found_in_.find({rule, pieces[i].part});
      if (known == found_in_.end()) continue;
      const bool first = i == 0, last = i + 1 == pieces.size();
      if ((!first && !last) || (first && known->second.end_max > pieces[i].begin) || (last && known->second.begin_min < pieces[i].end)) return true;
    }
    return false;
  }

  [[nodiscard]] bool is_known(std::uint32_t rule, const text_span& at) const { return known_ != nullptr && known_->contains({rule, at.part, at.begin, at.end}); }

  void found(const joined_match& match) override {
    if (!program_.terms[match.term].immediate) return together_->keep(match);
    over_seam(match);
  }

  void turn_to(std::uint32_t part) {
    index_ = part;
    part_ = &parts_[part];
    judge_.in_choice(options_.direction == direction::response ? part_->choice : 0);
  }

  void within(std::uint32_t term, const text_span& at) override {
    turn_to(at.part);
    const auto original = program_.terms[term].kind == term::kind::classifier ? std::string_view() : part_->text.substr(at.begin, at.end - at.begin);
    note(term, at.begin, at.end, original, text::normalise(original, text::view_kind::regex));
  }

  void ask(std::uint32_t part, std::span<const std::uint32_t> terms) override {
    turn_to(part);
    const auto& p = *part_;
    gathered_.clear();
    asking_.assign(terms.begin(), terms.end());
    matcher_.run_scores(p.text, {options_.direction, p.role, p.kind, p.last_turn}, *this);
    asking_.clear();
    together_->keep(part, gathered_);
  }

  void over_seam(const joined_match& match) override {
    const auto rule = program_.terms[match.term].rule;
    if (goes_on(rule, match.pieces)) return;
    for (const auto& piece : match.pieces) remember(rule, piece);
    if (is_known(rule, match.pieces.back())) return;
    const bool editable = known_ == nullptr && std::ranges::all_of(match.pieces, [&](const text_span& piece) { return is_editable(parts_[piece.part], piece); });
    const auto& first = match.pieces.front();
    turn_to(first.part);
    const auto what = judge_.note(rule, first.part, first.begin, first.end, match.value, match.view, editable, s_.state, std::span(match.pieces).subspan(1));
    if (what != judge::effect::edit) return;
    for (const auto& piece : match.pieces) add_edit(parts_[piece.part], {piece.part, piece.begin, piece.end, match.term, true});
  }

  // An answer may have many choices: none looks at the parts of another.
  void settle_choices(std::span<const text_part> parts, outcome& out) {
    const auto unsettled = judge_.unsettled();
    if (unsettled.empty()) return;
    const auto choice_of = [&](std::uint32_t part) { return std::int64_t{parts[part].choice}; };
    std::vector<std::uint32_t> by_choice(parts.size());
    std::iota(by_choice.begin(), by_choice.end(), 0u);
    std::ranges::sort(by_choice, {}, [&](std::uint32_t part) { return std::pair(choice_of(part), part); });
    std::vector<edit> rewritten;
    for (const auto choice : unsettled) {
      const auto at = static_cast<std::size_t>(choice);
      const bool structured = choice < 0 || (at < options_.structured.size() && options_.structured[at] != 0);
      const std::span<const std::uint32_t> mine = std::ranges::equal_range(by_choice, choice, {}, choice_of);
      auto made = judge_.settle(choice, structured, text_of(mine, parts, out.edits), s_.state);
      // Without a text to rewrite the other one comes by itself.
      if (made.rewritten != nullptr && !rewrite(mine, parts, *made.rewritten, rewritten)) made.addition.insert(0, *made.rewritten);
      if (!made.addition.empty()) out.additions.push_back({static_cast<std::int32_t>(choice), std::move(made.addition)});
    }
    if (rewritten.empty()) return;
    std::ranges::sort(rewritten, {}, &edit::part);
    std::erase_if(out.edits, [&](const edit& e) { return std::ranges::binary_search(rewritten, e.part, {}, &edit::part); });
    std::ranges::move(rewritten, std::back_inserter(out.edits));
    std::ranges::sort(out.edits, [](const edit& a, const edit& b) { return std::tie(a.part, a.begin) < std::tie(b.part, b.begin); });
  }

  // What a client reads of these parts, which are a choice's.
  [[nodiscard]] choice_text text_of(std::span<const std::uint32_t> mine, std::span<const text_part> parts, const std::vector<edit>& edits) {
    choice_text out;
    for (const auto i : mine) {
      if (!is_read(parts[i].kind)) continue;
      auto e = std::ranges::lower_bound(edits, i, {}, &edit::part);
      std::string left;
      std::size_t at = 0;
      for (; e != edits.end() && e->part == i; ++e) {
        left.append(parts[i].text, at, e->begin - at);
        left += e->replacement;
        at = e->end;
      }
      left.append(parts[i].text, at);
      out.add(left, rules_.disclaimers, s_.state);
    }
    return out;
  }

  // The first text of a choice becomes another, and the rest of them empty.
  static bool rewrite(std::span<const std::uint32_t> mine, std::span<const text_part> parts, const std::string& with, std::vector<edit>& out) {
    bool first = true;
    for (const auto i : mine) {
      if (!is_read(parts[i].kind) || !parts[i].editable) continue;
      out.push_back({i, 0, static_cast<std::uint32_t>(parts[i].text.size()), first ? with : std::string()});
      first = false;
    }
    return !first;
  }

  void note(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view original, std::string_view matched_view) {
    const auto rule = program_.terms[term].rule;
    const text_span at{index_, begin, end};
    if (together_) remember(rule, at);
    if (is_known(rule, at)) return;
    const auto what = judge_.note(rule, index_, begin, end, original, matched_view, known_ == nullptr && is_editable(*part_, at), s_.state);
    if (what == judge::effect::edit) add_edit(*part_, {index_, begin, end, term});
  }

  // Of a part that begins as JSON: null of any other.
  const text::outlined_json* outline_of(const text_part& p, std::uint32_t index) {
    return text::begins_as_json(p.text) ? &outlined_.try_emplace(index, p.text).first->second : nullptr;
  }
  [[nodiscard]] bool is_editable(const text_part& p, const text_span& at) {
    const auto* json = p.editable ? outline_of(p, at.part) : nullptr;
    return p.editable && (json == nullptr || json_editable(at.begin, at.end, options_.direction, json->outline, json->escapes.map()));
  }
  void add_edit(const text_part& p, const pending_edit& match) {
    const auto* json = outline_of(p, match.part);
    json == nullptr ? edits_.push_back(match) : add_json_edits(match, json->outline, json->escapes.map(), edits_);
  }

  // The rules whose match is an expression, once all of the part is known.
  void compose() {
    const auto& p = *part_;
    for (const auto rule : rules_.composed) {
      const auto& r = program_.rules[rule];
      if (!r.applies(options_.direction, p.role, p.kind, p.last_turn)) continue;
      matches_.clear();
      if (!holds(*r.expression, gathered_, matches_)) continue;
      for (const auto i : matches_) {
        auto& g = gathered_[i];
        g.noted = true;
        note(g.term, g.begin, g.end, g.value, text::normalise(g.value, text::view_kind::regex));
      }
      // It holds because of what is not there: the whole part is what was found.
      if (matches_.empty()) note(r.terms_begin, 0, static_cast<std::uint32_t>(p.text.size()), p.text, p.text);
    }
  }

  const ruleset& rules_;
  const program& program_;
  const evaluate_options& options_;
  scratch::impl& s_;
  outcome& out_;
  part_matcher matcher_;
  judge judge_;
  const noted_places* known_;
  std::uint32_t index_ = 0;
  const text_part* part_ = nullptr;
  std::span<const text_part> parts_;  // of a body with seams, and of such:
  std::optional<role_texts> others_;
  std::optional<role_rules> together_;
  std::vector<std::uint32_t> asking_;  // classifiers' terms that are asked once all parts were looked at
  std::vector<gathered> gathered_;
  std::vector<gathered> leaning_;  // what counts because of another text, and decides nothing about the part by itself
  std::vector<std::uint32_t> matches_;
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> seen_;  // where a place may be found twice
  std::vector<pending_edit> edits_;
  bool decodes_ = false;                                   // the part at hand is read as its reader decodes it, too
  std::unordered_map<std::uint32_t, text::outlined_json> outlined_;  // by part
  std::map<std::pair<std::uint32_t, std::uint32_t>, places> found_in_;  // by rule and part, where there are seams
};

}  // namespace sluice::policy
