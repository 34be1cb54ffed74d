// Words and regular expressions: would they compile, could they match nothing or everything, do they fit a stream?
#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "check_pass.hpp"
#include "compile_terms.hpp"
#include "regex_program.hpp"
#include "schema.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/match/regex.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {
namespace {

// A stream would hold this much text back for one rule: past it, holding the whole answer is the honest choice.
constexpr std::uint32_t held_bytes_max = 64u << 10;

void check_list_reference(check_pass& pass, match_spec& match) {
  const std::string& name = match.keywords.list;
  const auto at = pass.bundle.lists.find(name);
  if (at != pass.bundle.lists.end()) {
    at->second.used = true;
    match.keywords = at->second.words;
    match.keywords.list = at->first;
    match.views |= at->second.views;
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& [known, list] : pass.bundle.lists) names.push_back(known);
  const std::string_view near = nearest(name, names);
  pass.error(match.place, "list '" + name + "' does not exist",
             near.empty() ? "define it: kind: List, metadata: {name: " + name + "}"
                          : "did you mean '" + std::string(near) + "'?");
}

place inside(const regex_match& regex, std::size_t offset) {
  place at = regex.place;
  at.column += static_cast<int>(offset);
  return at;
}

void check_prefilter(check_pass& pass, const regex_match& regex) {
  for (const std::string& word : regex.prefilter) {
    if (text::normalise(word, text::view_kind::folded).empty()) {
      pass.error(regex.place, "'prefilter' holds an empty word", "remove it");
    }
  }
}

// \K and back references: what they match, PCRE2 does not say beforehand.
bool hides_length(std::string_view pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    const char what = pattern[++i];
    if (what == 'K' || what == 'k' || what == 'g' || (what >= '1' && what <= '9')) return true;
  }
  return false;
}

void check_width(check_pass& pass, const match::regex_info& info, const regex_match& regex, const rule& of) {
  const std::string advice =
      "bound it, as {1,64} instead of +, or write stream: {hold: full}, which holds every streamed answer to its end";
  const std::string why = "a streamed answer could not be released before its end: this rule's action is " +
                          std::string(to_string(of.action.type)) + " and its pattern may match ";
  if (info.width_max <= held_bytes_max) return;
  const std::string what = why + (info.width_max != match::unbounded      ? std::to_string(info.width_max) + " bytes"
                                  : hides_length(regex.pattern) ? R"(text whose length cannot be told: it uses \K or a back reference)"
                                                                : "text of any length");
  // In shadow it holds nothing; the day it is enforced it would.
  if (of.enforcement == enforcement::shadow) {
    pass.warn(regex.place, what + "; it cannot be enforced like this", advice);
  } else {
    pass.error(regex.place, what, advice);
  }
}

void check_regex(check_pass& pass, const match_spec& match, const rule& of, bool releases_early) {
  const regex_match& regex = match.regex;
  ++pass.patterns;
  if (regex.pattern.empty()) {
    pass.error(regex.place, "the pattern is empty, so it would match everywhere", "write a pattern");
    return;
  }
  if (regex.pattern.size() > pass.bundle.limits.pattern_bytes_max) {
    pass.error(regex.place,
               "the pattern has " + std::to_string(regex.pattern.size()) + " bytes; the limit is " +
                   std::to_string(pass.bundle.limits.pattern_bytes_max),
               "split it into several rules");
    return;
  }
  check_prefilter(pass, regex);
  const auto made = pass.cache.regex(regex.pattern);
  if (!made) {
    pass.error(inside(regex, made.error().offset),
               (made.error().fix.empty() ? "the pattern is no regular expression: " : "the pattern cannot be used: ") + made.error().reason + " (at character " +
                   std::to_string(made.error().offset + 1) + " of the pattern)",
               made.error().fix);
    return;
  }
  const match::regex& compiled = (*made)->regex;
  const match::regex_info& info = compiled.info();
  if (info.matches_empty) {
    pass.error(regex.place, "the pattern matches the empty text, so it would match everywhere",
               "make at least one part of it mandatory");
    return;
  }
  if (const auto& unit = (*made)->explodes_on) {
    pass.error(regex.place, "the pattern explodes: a text of 1 KB that repeats '" + *unit + "' takes more steps than the engine may make",
               "repeat one thing in one place: a+ instead of (a+)+, and alternatives that do not begin alike");
    return;
  }
  if (releases_early) check_width(pass, info, regex, of);
  if (compiled.superset().empty()) {
    pass.warn(regex.place, "the pattern gives the fast filter nothing to look for, so every text is searched for it",
              "put something fixed into it");
  }
}

}  // namespace

void check_words(check_pass& pass, const keyword_match& words, const place& at) {
  constexpr std::size_t word_bytes_max = 1024;
  const auto kind = words.fold ? text::view_kind::folded : text::view_kind::regex;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < words.words.size(); ++i) {
    const std::string& word = words.words[i];
    const place& where = i < words.places.size() ? words.places[i] : at;
    if (word.size() > std::min<std::size_t>(word_bytes_max, pass.bundle.limits.pattern_bytes_max)) {
      pass.error(where,
                 "a word of " + std::to_string(word.size()) + " bytes; at most " + std::to_string(word_bytes_max) +
                     " are allowed",
                 "use a shorter, telling part of it");
      continue;
    }
    std::string normal = text::word_form(word, kind);
    if (trim(normal).empty()) {
      pass.error(where, "an empty word, which would match everywhere", "remove it");
      continue;
    }
    if (trim(normal).size() != normal.size()) {
      pass.warn(where, "the word begins or ends with white space, which must then be in the text too", "trim it");
    }
    if (!seen.insert(std::move(normal)).second) {
      pass.warn(where, "'" + clipped(word, 60) + "' says the same as an earlier word", "remove one");
    }
  }
}

namespace {

void check_proximity(check_pass& pass, const std::optional<proximity>& what, const char* key) {
  if (!what) return;
  const std::string name = std::string("'") + key + "'";
  if (what->of.empty()) pass.error(what->place, name + " names no words", "write of: [word, …]");
  for (const std::string& word : what->of) {
    if (trim(text::normalise(word, text::view_kind::folded)).empty()) pass.error(what->place, name + " holds an empty word", "remove it");
  }
  if (what->within == 0 || what->within > within_max) {
    pass.error(what->place, name + " needs 'within': 1 to " + std::to_string(within_max) + " characters", "write within: 24");
  }
}

void check_classifier(check_pass& pass, const match_spec& match) {
  const auto& what = match.classifier;
  if (what.threshold <= 0 || what.threshold > 1) {
    pass.error(match.place, "'threshold' must be above 0 and at most 1", "sluice classifier eval says which one keeps a bound of false positives");
  }
  if (std::ranges::find(pass.bundle.models, what.name, &model_ast::name) != pass.bundle.models.end()) return;
  std::vector<std::string_view> names;
  for (const auto& model : pass.bundle.models) names.push_back(model.name);
  const auto near = nearest(what.name, names);
  pass.error(match.place, "classifier '" + what.name + "' is not named in bundle.yaml",
             near.empty() ? "add classifiers: [{name: " + what.name + ", model: models/" + what.name + ".ftz}] to it"
                          : "did you mean '" + std::string(near) + "'?");
}

// The views that a match asks for beside its own, as they are written.
std::string views_of(const match_spec& match) {
  constexpr std::pair<extra_view, std::string_view> names[] = {{extra_view::spaced, "collapse_space"}, {extra_view::leet, "leet"}, {extra_view::marks, "strip_marks"}};
  std::string out;
  for (const auto& [view, name] : names) {
    if ((match.views & static_cast<std::uint8_t>(view)) != 0) out.append(out.empty() ? "" : ", ").append(name);
  }
  return "normalize: [" + out + "]";
}

// Several things at once are known only when all of the text is, and so are its other readings, whoever asks for them.
void check_decided_at_end(check_pass& pass, const match_spec& match, const rule& of, bool releases_early) {
  std::string what = match.kind == match_spec::kind::all          ? "all"
                     : match.kind == match_spec::kind::negation   ? "not"
                     : match.min_count > 1                        ? "min_count"
                     : match.kind == match_spec::kind::classifier ? "classifier"
                     : readings_of(match) == 0                    ? ""
                     : match.decode != 0                          ? "decode"
                                                                  : views_of(match);
  if (what.empty() || !releases_early) return;
  what.insert(0, "'").append("'");
  const auto list = pass.bundle.lists.find(match.keywords.list);
  const bool of_list = match.decode == 0 && list != pass.bundle.lists.end() && list->second.views != 0;
  if (of_list) what += " of list '" + list->first + "'";
  what += " is decided at the end of an answer, and this rule's action is " + std::string(to_string(of.action.type));
  // Held it is in any case (compile.cpp). Of a list's readings the rule's author is told, because a list serves rules of requests as well; and a
  // node goes on with what was published before this was refused.
  if (of_list) return pass.warn(match.place, what + ": it holds every streamed answer to its end", "write stream: {hold: full} to say so, or have the list ask for less");
  const auto say = pass.how != expired_exceptions::leave_out ? &check_pass::error : &check_pass::warn;
  (pass.*say)(match.place, what, "write stream: {hold: full}, which holds every streamed answer to its end");
}

}  // namespace

void check_match(check_pass& pass, match_spec& match, const rule& of, bool releases_early) {
  // First, because a list also says in which readings its words are looked for.
  if (!match.keywords.list.empty()) check_list_reference(pass, match);
  check_proximity(pass, match.near, "near");
  check_proximity(pass, match.unless_near, "unless_near");
  check_decided_at_end(pass, match, of, releases_early);
  if (match.kind == match_spec::kind::classifier) check_classifier(pass, match);
  for (auto& child : match.children) check_match(pass, child, of, releases_early);
  if (match.kind != match_spec::kind::regex && match.kind != match_spec::kind::keywords) return;
  if (match.kind == match_spec::kind::regex) {
    check_regex(pass, match, of, releases_early);
    return;
  }
  if (match.keywords.list.empty()) check_words(pass, match.keywords, match.place);
  pass.patterns += match.keywords.words.size();
  for (const auto& [i, options] : match.keywords.options) {
    check_proximity(pass, options.near, "near");
    check_proximity(pass, options.unless_near, "unless_near");
  }
}

}  // namespace sluice::policy
