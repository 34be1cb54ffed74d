// See part_match.hpp.
#include "part_match.hpp"

#include <algorithm>
#include <array>

#include "sluice/base/strings.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {
namespace {

// A text has many readings when it is odd: each of several, and each of those in each. All of them together are looked at up to so many times
// its bytes, and up to so many bytes.
constexpr std::size_t readings_of_a_text = 16, readings_bytes_max = 8u << 20;

struct hit_context {
  const shard* from;
  index_set* candidates;
};

void on_hit(void* self, std::uint32_t id) {
  auto& c = *static_cast<hit_context*>(self);
  c.from->each_term(id, [&](std::uint32_t term) { c.candidates->add(term); });
}

}  // namespace

void keep_highest(outcome& out, std::string_view name, float score) {
  for (auto& [known, highest] : out.classifier_scores) {
    if (known == name) return void(highest = std::max(highest, score));
  }
  out.classifier_scores.emplace_back(name, score);
}

bool part_matcher::looks(std::uint32_t term) const {
  const auto& t = program_.terms[term];
  if (derived_ != nullptr && ((t.readings & derived_->readings) != derived_->readings || derived_->depth > t.depth)) return false;
  return program_.rules[t.rule].applies(where_->direction, where_->role, where_->kind, where_->last_turn);
}

void part_matcher::run(std::string_view text, const text_place& where, match_sink& out) {
  where_ = &where;
  out_ = &out;
  derived_ = nullptr;
  bytes_ = text.size();
  look(text);
}

void part_matcher::run_derived(std::string_view text, const text_place& where, match_sink& out) {
  where_ = &where;
  out_ = &out;
  bytes_ = text.size();
  std::uint32_t asked = 0;
  derives_in_ = {};
  text::derive_limits limits{.words = &program_.spelled};
  rules_.deriving.each([&](std::uint32_t term) {
    derived_ = nullptr;
    if (!looks(term)) return;
    derives_in_[program_.terms[term].view] = true;
    asked |= program_.terms[term].readings;
    limits.depth_max = std::max(limits.depth_max, program_.terms[term].depth);
  });
  if (asked == 0) return;
  limits.bytes_max = std::clamp(readings_of_a_text * text.size(), limits.bytes_max, readings_bytes_max);
  const bool all = text::derive(text, asked, limits, *this);
  derived_ = nullptr;
  if (all) return;
  rules_.deriving.each([&](std::uint32_t term) {
    if (looks(term)) out_->failed(term);
  });
}

void part_matcher::run_decoded(std::string_view text, const text_place& where, match_sink& out, bool derived_only) {
  std::array<std::string, text::json_levels> texts;
  std::array<text::unescaper, text::json_levels> readers;
  for (std::size_t level = 0; level < text::json_levels && text.find('\\') != std::string_view::npos; ++level) {
    texts[level].reserve(text.size());
    readers[level].feed(text, texts[level]);
    readers[level].finish(texts[level]);
    ways_back_.insert(ways_back_.begin(), &readers[level].map());
    text = texts[level];
    if (!derived_only) run(text, where, out);
    if (rules_.deriving.any()) run_derived(text, where, out);
    if (rules_.scoring.any()) run_scores(text, where, out);
    if (level + 1 < text::json_levels) continue;
    if (const auto bytes = text::left_escapes().feed(text); bytes > 0) out.undecoded(bytes);
  }
  ways_back_.clear();
}

void part_matcher::read(const text::derived_text& one) {
  derived_ = &one;
  look(one.text);
}

void part_matcher::run_scores(std::string_view text, const text_place& where, match_sink& out) {
  where_ = &where;
  out_ = &out;
  derived_ = nullptr;
  leans_ = false;
  constexpr std::uint32_t none = 0xffffffff;
  std::uint32_t scored = none;  // the model that s_.scores belong to
  bool viewed = false, shown = true;
  words_read_ = false;
  digest_.reset();
  rules_.scoring.each([&](std::uint32_t term) {
    if (!looks(term) || !out.wants(term)) return;
    if (!viewed && given_ == nullptr) shown = see(text, text::view_kind::folded);
    viewed = true;
    if (!shown) return out.failed(term);
    const auto folded = given_ == nullptr ? s_.view[text::view_kind::folded].text() : text;
    if (!scores(program_.terms[term], folded, scored)) return;
    const auto [from, to] = back({0, static_cast<std::uint32_t>(text.size())});
    out_->found(term, from, to, folded);
  });
}

// Terms of one model stand together as often as not: it is asked once.
bool part_matcher::scores(const term& of, std::string_view folded, std::uint32_t& scored) {
  if (given_ != nullptr) {
    // As a model, which has nothing to say of a text without words.
    const auto at = folded.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos ? given_->end() : given_->find(of.score_name);
    if (at != given_->end()) out_->scored(of.score_name, static_cast<float>(at->second));
    return at != given_->end() && at->second >= of.threshold;
  }
  if (scored != of.model) {
    scored = of.model;
    s_.scores.clear();
    complete_ = true;
    score_with(of.model, folded);
  }
  if (of.label < s_.scores.size()) out_->scored(of.score_name, s_.scores[of.label].score);
  if (of.label < s_.scores.size() && s_.scores[of.label].score >= of.threshold) return true;
  return !complete_ && of.timeout_matches;
}

// From what is known, where the budget reaches to the end of the text: then the scores are of all of it, and cost the budget its size.
void part_matcher::score_with(std::uint32_t model, std::string_view folded) {
  const bool lasts = folded.size() >= score_cache::text_bytes_min && budget_.bytes >= folded.size();
  if (lasts && !digest_) digest_ = crypto::sha256(folded);
  if (lasts) {
    if (const auto* known = s_.known_scores.find(*digest_, model)) {
      s_.scores = *known;
      budget_.bytes -= folded.size();
      return;
    }
  }
  if (!words_read_) s_.scoring.words.read(folded, budget_.bytes);
  words_read_ = true;
  complete_ = program_.models[model]->score(s_.scoring.words, budget_, s_.scoring, s_.scores);
  if (lasts) s_.known_scores.keep(*digest_, model, s_.scores);
}

bool part_matcher::see(std::string_view text, text::view_kind view) {
  const bool made = text::make_view(text, view, s_.view[view], growth_left_);
  const auto size = s_.view[view].text().size();
  if (!made || size > text.size()) growth_left_ -= made ? size - text.size() : growth_left_;
  return made;
}

void part_matcher::look(std::string_view text) {
  for (const auto view : both_views) {
    if (!concerns(searched(view).sides)) continue;
    if (derived_ != nullptr ? !derives_in_[view] : !rules_.regexes[view].any() && !rules_.words[view].any()) continue;
    if (!see(text, view)) {
      for (const auto* all : {&rules_.regexes[view], &rules_.words[view]}) {
        all->each([&](std::uint32_t term) {
          if (looks(term)) out_->failed(term);
        });
      }
      continue;
    }
    scan(view);
    regexes(view);
    words(view);
  }
}

// Makes the candidates: the terms whose patterns hit, and those that no filter helps.
void part_matcher::scan(text::view_kind view) {
  const auto& in = searched(view);
  const auto text = s_.view[view].text();
  s_.candidates = program_.in[view].unfiltered;
  if (rules_.regexes[view].any()) {
    std::optional<match::rare_bytes> there;
    for (const auto& one : in.regexes) {
      if (!concerns(one.sides)) continue;
      if (one.needs != match::rare_bytes{}) {
        if (!there) there = match::count_rare(text);
        if (!there->cover(one.needs)) continue;
      }
      scan(one, text);
    }
  }
  if (!rules_.words[view].any()) return;
  // Databases and filter have words with single blanks.
  auto read = text;
  if (program_.in[view].words.has_blanks() && !text::has_single_blanks(text)) {
    text::single_blanks(text, s_.blanks);
    read = s_.blanks;
  }
  // The filter takes words to begin where the text alone shows it.
  const bool filtered = in.filter && !text::edged_text(s_.view[view]).loses_edges();
  if (filtered) in.filter->candidates(read, s_.words);
  for (std::size_t i = 0; i < in.words.size(); ++i) {
    if (concerns(in.words[i].sides) && (!filtered || (s_.words[i / 64] >> i % 64 & 1) != 0)) scan(in.words[i], read);
  }
}

// Adds to the candidates the terms whose patterns hit; a failed scan makes every term of its shard one.
void part_matcher::scan(const shard& one, std::string_view text) {
  hit_context c{&one, &s_.candidates};
  if (match::scan(*one.database, text, s_.scan, &c, on_hit)) return;
  for (const auto term : one.term_of) s_.candidates.add(term);
}

void part_matcher::regexes(text::view_kind view) {
  if (!rules_.regexes[view].any()) return;
  const auto in = text::edged_text(s_.view[view]);
  const auto size = in.text().size();
  const auto where = position(view);
  const auto* at = where ? &*where : nullptr;
  s_.candidates.each_in(rules_.regexes[view], [&](std::uint32_t term) {
    if (!looks(term)) return;
    spans_.clear();
    const auto& t = program_.terms[term];
    prefilter_state prefilter{.anywhere = where_->direction == direction::request, .first_end = {}};
    auto state = advance_regex(t, in, 0, false, size, prefilter, s_.state, spans_, at);
    const bool without_word = prefilter.first_end == nowhere;
    const auto said = without_word ? others_say(t) : role_texts::answer::no;
    if (said != role_texts::answer::no) {
      prefilter.first_end = 0;
      state = advance_regex(t, in, 0, false, size, prefilter, s_.state, spans_, at);
    }
    if (said == role_texts::answer::unknown) {
      if (state.failed || !spans_.empty()) out_->failed(term);
      return;
    }
    for (const auto& m : spans_) note(term, m.begin, m.end, m.leans || without_word);
    if (state.failed) out_->failed(term);
  });
}

role_texts::answer part_matcher::others_say(const term& of) const {
  return others_ == nullptr ? role_texts::answer::no : others_->say(part_, of.view, of.last_turn_only, of.prefilter);
}

// Around a seam the texts on either side are at hand as far as a match may ask for them.
std::optional<text_position> part_matcher::position(text::view_kind view) const {
  if (others_ == nullptr || over_seam_) return {};
  const bool begins = derived_ == nullptr || (!derived_->text.empty() && derived_->unit(0).original_begin == 0);
  const bool ends = derived_ == nullptr || (!derived_->text.empty() && derived_->unit(derived_->text.size() - 1).original_end == bytes_);
  return text_position{.in = others_, .part = part_, .view = view, .begins = begins, .ends = ends};
}

void part_matcher::words(text::view_kind view) {
  if (!rules_.words[view].any()) return;
  const auto in = text::edged_text(s_.view[view]);
  wanted_.clear();
  s_.candidates.each_in(rules_.words[view], [&](std::uint32_t term) {
    if (looks(term)) wanted_.push_back(term);
  });
  if (wanted_.empty()) return;
  index_set here(program_.terms.size());
  for (const auto term : wanted_) here.add(term);
  keyword_cursor cursor;
  words_.clear();
  const auto where = position(view);
  (void)advance_keywords(program_, view, here, here, in, cursor, false, in.text().size(), s_.found, words_, where ? &*where : nullptr);
  for (const auto& m : words_) m.unknown ? out_->failed(m.term) : note(m.term, m.begin, m.end, m.leans);
}

text::text_unit part_matcher::back(text::text_unit span) const {
  for (const auto* way : ways_back_) span = {way->begin_of(span.original_begin), way->end_of(span.original_end)};
  return span;
}

void part_matcher::note(std::uint32_t term, std::size_t begin, std::size_t end, bool leans) {
  const auto& view = s_.view[program_.terms[term].view];
  auto span = view.to_original(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
  if (derived_ != nullptr && span.begin < span.end) {
    span = {derived_->unit(span.begin).original_begin, derived_->unit(span.end - 1).original_end};
  }
  leans_ = leans;
  const auto [from, to] = back({span.begin, span.end});
  out_->found(term, from, to, view.text().substr(begin, end - begin));
}

}  // namespace sluice::policy
