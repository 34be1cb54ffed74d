// An exception's match to terms of its own: they look at what a rule found, so they are in no database.
#include "compile_terms.hpp"
#include "exception.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {
namespace {

class exception_compiler {
 public:
  exception_compiler(std::vector<exception_term>& into, shard_cache& cache, const std::function<void(const place&, std::string)>& error)
      : terms_(into), cache_(cache), error_(error) {}

  expression add(const match_spec& m) {
    expression out;
    out.min_count = m.min_count;
    switch (m.kind) {
      case match_spec::kind::any: out.kind = expression::kind::any; break;
      case match_spec::kind::all: out.kind = expression::kind::all; break;
      case match_spec::kind::negation: out.kind = expression::kind::negation; break;
      case match_spec::kind::regex: out.term = add_regex(m); return out;
      case match_spec::kind::keywords: return add_words(m);
      case match_spec::kind::classifier: return out;  // refused by the checker
    }
    for (const auto& child : m.children) out.children.push_back(add(child));
    return out;
  }

 private:
  exception_term& add_term(const match_spec& m, enum term::kind kind, text::view_kind view) {
    terms_.push_back({.what = {.rule = 0, .kind = kind, .immediate = false, .view = view, .regex = nullptr, .prefilter = {},
                               .near = compiled(m.near), .unless_near = compiled(m.unless_near), .readings = readings_of(m), .depth = m.decode_depth},
                      .words = {}, .bounded = false});
    return terms_.back();
  }

  std::uint32_t add_regex(const match_spec& m) {
    auto& made = add_term(m, term::kind::regex, m.regex.folded ? text::view_kind::folded : text::view_kind::regex).what;
    made.validator = m.validator;
    made.entropy_min = m.entropy_min.value_or(0);
    for (const auto& word : m.regex.prefilter) {
      std::string form;
      text::single_blanks(word, form);
      made.prefilter.push_back(lower(form));
    }
    auto regex = cache_.regex(m.regex.pattern);
    if (regex) {
      made.regex = *regex;
    } else {
      error_(m.place, regex.error().reason);
    }
    return static_cast<std::uint32_t>(terms_.size() - 1);
  }

  // As in a rule: one term for all words that ask for the same around them.
  expression add_words(const match_spec& m) {
    const auto& words = m.keywords;
    const auto view = view_of(words);
    expression out{.kind = expression::kind::any, .min_count = m.min_count, .children = {}};
    for (const auto& [options, which] : groups_of(words)) {
      auto& made = add_term(m, term::kind::words, view);
      made.bounded = words.boundary == boundary::word;
      if (options != nullptr && options->near) made.what.near = compiled(options->near);
      if (options != nullptr && options->unless_near) made.what.unless_near = compiled(options->unless_near);
      for (const auto i : which) made.words.push_back(text::word_form(words.words[i], view));
      out.children.push_back({.term = static_cast<std::uint32_t>(terms_.size() - 1), .children = {}});
    }
    return out;
  }

  std::vector<exception_term>& terms_;
  shard_cache& cache_;
  const std::function<void(const place&, std::string)>& error_;
};

}  // namespace

compiled_exception compile_exception(const exception_spec& from, shard_cache& cache, const std::function<void(const place&, std::string)>& error) {
  compiled_exception out{.id = from.id, .owner = from.owner, .ticket = from.ticket, .when = from.when, .terms = {}, .match = {}};
  if (from.match) out.match = exception_compiler(out.terms, cache, error).add(*from.match);
  return out;
}

}  // namespace sluice::policy
