// The confirm stage: where a rule's matches are in a normalised text, exactly as PCRE2's own leftmost match has them, and from
// where on the text could still become one. Whole bodies and streams use the same code; only `more` differs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "prefilter.hpp"
#include "program.hpp"
#include "role_texts.hpp"

namespace sluice::policy {

struct match_span {
  std::size_t begin, end;  // bytes of the view text
  bool leans = false;      // it counts because of another text of the same role
};

struct advance_result {
  std::size_t from;           // everything before it is decided
  std::size_t live = nowhere; // where a match that is not decided yet begins
  bool failed = false;        // PCRE2 gave up, or what stands beside a match could not be read: the matcher is unavailable
};

// Finds a regex term's matches in the text from `from` on and appends them. `more`: the text may go on, and nothing that ends after
// `stable` is decided. `words`: of this term and this text. `where`: see look_around.
[[nodiscard]] advance_result advance_regex(const term& of, const text::edged_text& in, std::size_t from, bool more, std::size_t stable,
                                           prefilter_state& words, match::match_state& state, std::vector<match_span>& out,
                                           const text_position* where = nullptr);

struct keyword_match_span {
  std::uint32_t term;
  std::size_t begin, end;
  bool leans = false;
  bool unknown = false;  // whether it counts: what stands beside it could not be read, and its matcher is unavailable
};

// Where one term's next word may begin; terms without an entry may begin anywhere.
struct keyword_cursor {
  std::size_t from = 0;  // everything before it is decided, for every term
  std::vector<std::pair<std::uint32_t, std::size_t>> term_from;  // past the last match of a term
  [[nodiscard]] std::size_t of(std::uint32_t term) const;
  void set(std::uint32_t term, std::size_t from);
};

// The same for all words of one view at once. `wanted` are the terms that count here, `holding` those of them for which
// text must be held; `live` in the result is the first place that one of `holding` still waits for.
[[nodiscard]] advance_result advance_keywords(const program& all, text::view_kind view, const index_set& wanted, const index_set& holding,
                                              const text::edged_text& in, keyword_cursor& cursor, bool more, std::size_t stable,
                                              std::vector<match::keyword_table::found>& working, std::vector<keyword_match_span>& out,
                                              const text_position* where = nullptr);

// What a rule's edit puts in the place of `original`, found by `by`. `alone` false: other rules' matches are part of it, and nothing of
// it is kept. `hash` goes behind the mask of a match alone.
[[nodiscard]] std::string replacement_of(const compiled_rule& rule, const term& by, std::string_view original, bool alone,
                                         std::string_view hash);

}  // namespace sluice::policy
