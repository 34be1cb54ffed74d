// See compile_terms.hpp.
#include "compile_terms.hpp"

#include <algorithm>

#include "sluice/base/strings.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/derived.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {

std::uint32_t readings_of(const match_spec& m) {
  using enum text::reading;
  std::uint32_t out = m.decode;
  if ((out & bit(base64url)) != 0) out |= bit(base64);
  if ((m.views & static_cast<std::uint8_t>(extra_view::spaced)) != 0) out |= bit(spaced);
  if ((m.views & static_cast<std::uint8_t>(extra_view::leet)) != 0) out |= bit(leet);
  if ((m.views & static_cast<std::uint8_t>(extra_view::marks)) != 0) out |= bit(marks);
  return out;
}

compiled_proximity compiled(const std::optional<proximity>& from) {
  compiled_proximity out;
  if (!from) return out;
  out.within = from->within;
  for (const auto& w : from->of) out.words.push_back(text::word_form(w, text::view_kind::folded));
  return out;
}

std::vector<word_group> groups_of(const keyword_match& all) {
  std::vector<word_group> groups(1);
  for (std::uint32_t i = 0; i < all.words.size(); ++i) {
    const auto own = all.options.find(i);
    const auto* options = own == all.options.end() || own->second == word_options{} ? nullptr : &own->second;
    auto group = std::ranges::find_if(groups, [&](const word_group& g) {
      return options == nullptr || g.options == nullptr ? options == g.options : *g.options == *options;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), {options, {}});
    group->which.push_back(i);
  }
  std::erase_if(groups, [](const word_group& g) { return g.which.empty(); });
  return groups;
}

text::view_kind view_of(const keyword_match& words) {
  return words.fold && !words.case_sensitive ? text::view_kind::folded : text::view_kind::regex;
}

bool needs_expression(const match_spec& m) {
  if (m.min_count > 1 || m.kind == match_spec::kind::all || m.kind == match_spec::kind::negation) return true;
  return std::ranges::any_of(m.children, needs_expression);
}

void term_compiler::error(const place& at, const std::string& rule, std::string message, std::string advice) {
  found_.push_back({.severity = severity::error, .place = at, .rule = rule, .message = std::move(message), .advice = std::move(advice)});
}

expression term_compiler::add_match(const rule& r, const match_spec& m, std::uint32_t rule, bool immediate) {
  expression out;
  out.min_count = m.min_count;
  switch (m.kind) {
    case match_spec::kind::any: out.kind = expression::kind::any; break;
    case match_spec::kind::all: out.kind = expression::kind::all; break;
    case match_spec::kind::negation: out.kind = expression::kind::negation; break;
    case match_spec::kind::regex: out.term = add_regex(r, m, rule, immediate); return out;
    case match_spec::kind::keywords: return add_words(m, rule, immediate);
    case match_spec::kind::classifier: out.term = add_classifier(r, m, rule, immediate); return out;
  }
  for (const auto& child : m.children) out.children.push_back(add_match(r, child, rule, immediate));
  return out;
}

term& term_compiler::add_term(const match_spec& m, std::uint32_t rule, bool immediate, text::view_kind view) {
  program_.terms.push_back({.rule = rule,
                             .kind = m.kind == match_spec::kind::regex ? term::kind::regex : m.kind == match_spec::kind::classifier ? term::kind::classifier : term::kind::words,
                             .immediate = immediate,
                             .view = view,
                             .validator = m.validator,
                             .regex = nullptr,
                             .prefilter = {},
                             .near = compiled(m.near),
                             .unless_near = compiled(m.unless_near),
                             .entropy_min = m.entropy_min.value_or(0),
                             .readings = readings_of(m),
                             .depth = m.decode_depth});
  term_words_.emplace_back();
  auto& made = program_.terms.back();
  program_.lookbehind_max = std::max(program_.lookbehind_max, made.context());
  return made;
}

std::uint32_t term_compiler::add_classifier(const rule& r, const match_spec& m, std::uint32_t rule, bool immediate) {
  const auto index = static_cast<std::uint32_t>(program_.terms.size());
  auto& t = add_term(m, rule, immediate, text::view_kind::folded);
  const auto model = std::ranges::find(bundle_.models, m.classifier.name, &model_ast::name);
  if (model == bundle_.models.end()) return index;  // refused by the checker
  t.model = static_cast<std::uint32_t>(model - bundle_.models.begin());
  t.threshold = static_cast<float>(m.classifier.threshold);
  t.timeout_matches = m.classifier.on_timeout == classifier_match::timeout::match;
  t.score_name = m.classifier.name + "." + m.classifier.label;
  const auto& loaded = program_.models[t.model];
  if (loaded == nullptr) return index;
  if (const auto label = loaded->find_label(m.classifier.label)) {
    t.label = *label;
    return index;
  }
  std::string labels;
  for (const auto& each : loaded->labels()) labels += (labels.empty() ? "" : ", ") + each;
  error(m.place, r.id, "classifier '" + m.classifier.name + "' has no label '" + m.classifier.label + "'", "its labels are: " + labels);
  return index;
}

std::shared_ptr<const match::classifier> load_model(const model_ast& model, match::compile_backend& backend, shard_cache& cache, diagnostics& found) {
  const auto said = [&](const diagnostic& each) { return each.severity == severity::error && to_string(each.place) == to_string(model.place); };
  if (!model.bytes && std::ranges::any_of(found, said)) return nullptr;  // the parser missed it too
  auto loaded = model.bytes ? cache.classifier(model.sha256, *model.bytes, backend) : fail(errc::not_found, "the file is not in the bundle");
  if (loaded) return *loaded;
  // Some reasons say what to do themselves, behind the last ";".
  const auto& why = loaded.error().message;
  const auto advised = why.rfind("; ");
  found.push_back({.severity = severity::error,
                   .place = model.place,
                   .rule = {},
                   .message = "classifier '" + model.name + "' (" + model.path + ") was not loaded: " + why.substr(0, advised),
                   .advice = advised == std::string::npos ? "train it anew with sluice classifier train" : why.substr(advised + 2)});
  return nullptr;
}

void term_compiler::load_models() {
  for (const auto& model : bundle_.models) program_.models.push_back(load_model(model, backend_, cache_, found_));
}

std::uint32_t term_compiler::add_regex(const rule& r, const match_spec& m, std::uint32_t rule, bool immediate) {
  const auto index = static_cast<std::uint32_t>(program_.terms.size());
  auto& t = add_term(m, rule, immediate, m.regex.folded ? text::view_kind::folded : text::view_kind::regex);
  auto made = cache_.regex(m.regex.pattern);
  if (!made) {
    error(m.place, r.id, "the pattern does not compile at byte " + std::to_string(made.error().offset) + ": " + made.error().reason,
          "correct the pattern");
    return index;
  }
  t.regex = *made;
  if ((t.readings & static_cast<std::uint32_t>(text::reading::spaced)) != 0) add_words_of_pattern(m.regex.pattern, spelled_);
  t.width = std::min<std::uint32_t>(term::reach_max, t.regex->regex.info().width_max);
  for (const auto& w : m.regex.prefilter) {
    std::string form;
    text::single_blanks(w, form);
    t.prefilter.push_back(lower(form));
    if (r.direction == direction::request) continue;
    program_.in[t.view].prefilters.add(t.prefilter.back(), index);
    // What a stream keeps before what it looks at: a word may have begun there.
    program_.lookbehind_max = std::max(program_.lookbehind_max, static_cast<std::uint32_t>(form.size() + text::blanks_widen(form)));
  }
  program_.lookbehind_max = std::max(program_.lookbehind_max, t.regex->regex.info().lookbehind_max);
  return index;
}

// Words are one term, and those that ask for something around them one more for each thing they ask for.
expression term_compiler::add_words(const match_spec& m, std::uint32_t rule, bool immediate) {
  const auto& all = m.keywords;
  expression out;
  out.kind = expression::kind::any;
  out.min_count = m.min_count;
  for (auto& [options, words] : groups_of(all)) {
    const auto view = view_of(all);
    const auto index = static_cast<std::uint32_t>(program_.terms.size());
    auto& t = add_term(m, rule, immediate, view);
    if (options != nullptr && options->near) t.near = compiled(options->near);
    if (options != nullptr) t.replacement = options->replacement;
    if (options != nullptr && options->unless_near) t.unless_near = compiled(options->unless_near);
    program_.lookbehind_max = std::max(program_.lookbehind_max, t.context());
    add_entries(all, words, view, index);
    term_words_.back() = {&all, std::move(words)};
    out.children.push_back({.kind = expression::kind::term, .term = index, .min_count = 1, .children = {}});
  }
  return out;
}

void term_compiler::add_entries(const keyword_match& all, const std::vector<std::uint32_t>& which, text::view_kind view, std::uint32_t term) {
  for (const auto i : which) {
    auto form = text::word_form(all.words[i], view);
    if (text::may_be_composed(form)) program_.in[view].compose = true;
    program_.terms[term].width = std::max(program_.terms[term].width, static_cast<std::uint32_t>(std::min<std::size_t>(form.size() + text::blanks_widen(form), term::reach_max)));
    if ((program_.terms[term].readings & static_cast<std::uint32_t>(text::reading::spaced)) != 0) add_words_of_form(form, spelled_);
    if (!form.empty()) entries_[view].push_back({std::move(form), term, all.boundary == boundary::word});
  }
}

}  // namespace sluice::policy
