// Rules to terms: what compile.cpp makes shards of. Private to the compiling pass.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "program.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sluice/text/vocabulary.hpp"

namespace sluice::policy {

// The view that words are looked for in.
[[nodiscard]] text::view_kind view_of(const keyword_match& words);
// What a leaf asks for beside its own view: bits of text::reading.
[[nodiscard]] std::uint32_t readings_of(const match_spec& m);
// spelled_words.cpp. Appends the words that a pattern names, or that a word (its form) is made of, in small letters. Of a pattern those whose letters
// stand in it as they are; what is left out is seen less well where letters are spaced alike, and no worse elsewhere.
void add_words_of_pattern(std::string_view pattern, std::vector<std::string>& out);
void add_words_of_form(std::string_view form, std::vector<std::string>& out);
[[nodiscard]] compiled_proximity compiled(const std::optional<proximity>& from);
// Words that ask for the same around them, as indexes into all; those that ask for nothing first, without options.
struct word_group {
  const word_options* options = nullptr;
  std::vector<std::uint32_t> which;
};
[[nodiscard]] std::vector<word_group> groups_of(const keyword_match& all);
// True when a match of one leaf is not yet a match of the rule.
[[nodiscard]] bool needs_expression(const match_spec& m);

// From the cache, or loaded in the backend's child first; null when it cannot be, and `found` says why.
[[nodiscard]] std::shared_ptr<const match::classifier> load_model(const model_ast& model, match::compile_backend& backend, shard_cache& cache, diagnostics& found);

class term_compiler {
 public:
  term_compiler(const bundle_ast& bundle, match::compile_backend& backend, shard_cache& cache, program& into, diagnostics& found)
      : bundle_(bundle), backend_(backend), cache_(cache), program_(into), found_(found) {}

  void load_models();
  // Appends the terms of a match to the program; says what they make of it. `immediate`: each match of one is a match of the rule.
  expression add_match(const rule& r, const match_spec& m, std::uint32_t rule, bool immediate);

  // For the tables and shards, once every rule was added.
  struct words_of_term {
    const keyword_match* all = nullptr;
    std::vector<std::uint32_t> which;  // indexes into its words
  };
  [[nodiscard]] const words_of_term& words_of(std::uint32_t term) const { return term_words_[term]; }
  [[nodiscard]] text::vocabulary take_spelled() { return text::vocabulary(std::move(spelled_)); }
  [[nodiscard]] std::vector<match::keyword_table::entry> take_entries(text::view_kind view) { return std::move(entries_[view]); }

 private:
  void error(const place& at, const std::string& rule, std::string message, std::string advice);
  term& add_term(const match_spec& m, std::uint32_t rule, bool immediate, text::view_kind view);
  std::uint32_t add_classifier(const rule& r, const match_spec& m, std::uint32_t rule, bool immediate);
  std::uint32_t add_regex(const rule& r, const match_spec& m, std::uint32_t rule, bool immediate);
  expression add_words(const match_spec& m, std::uint32_t rule, bool immediate);
  void add_entries(const keyword_match& all, const std::vector<std::uint32_t>& which, text::view_kind view, std::uint32_t term);

  const bundle_ast& bundle_;
  match::compile_backend& backend_;
  shard_cache& cache_;
  program& program_;
  diagnostics& found_;
  per_view<std::vector<match::keyword_table::entry>> entries_;
  std::vector<words_of_term> term_words_;
  std::vector<std::string> spelled_;  // words of the terms that read letters written apart
};

}  // namespace sluice::policy
