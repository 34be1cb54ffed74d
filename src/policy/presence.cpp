// See presence.hpp.
#include "presence.hpp"

#include <algorithm>
#include <optional>

#include "sluice/base/code_points.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/edged_text.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t text_bytes_max = 2u << 20, text_bytes_kept = 64u << 10;

bool plain(const match_spec& m) {
  return !m.near && !m.unless_near && !m.entropy_min && m.min_count == 1 && m.views == 0 && m.decode == 0 && m.validator == validator::none &&
         m.keywords.options.empty();
}

void add_signs(const match_spec& m, shard_cache& cache, std::vector<compiled_disclaimer::sign>& out) {
  for (const auto& child : m.children) add_signs(child, cache, out);
  if (m.kind == match_spec::kind::regex) {
    const auto made = cache.regex(m.regex.pattern);
    if (made) out.push_back({m.regex.folded ? text::view_kind::folded : text::view_kind::regex, *made});
  }
  if (m.kind != match_spec::kind::keywords) return;
  const bool folds = m.keywords.fold && !m.keywords.case_sensitive;
  compiled_disclaimer::sign words{.view = folds ? text::view_kind::folded : text::view_kind::regex, .regex = nullptr, .bounded = m.keywords.boundary == boundary::word};
  for (const auto& w : m.keywords.words) words.words.push_back(text::word_form(w, words.view));
  out.push_back(std::move(words));
}

bool holds_word(const text::edged_text& in, std::string_view word, bool bounded) {
  if (word.empty()) return false;
  for (auto at = text::find_word(in.text(), word, 0); at; at = text::find_word(in.text(), word, at->begin + 1)) {
    if (!bounded || in.stands_alone(at->begin, at->end)) return true;
  }
  return false;
}

}  // namespace

bool is_sign(const match_spec& m) {
  if (!plain(m)) return false;
  if (m.kind == match_spec::kind::any) return std::ranges::all_of(m.children, is_sign);
  return m.kind == match_spec::kind::keywords || (m.kind == match_spec::kind::regex && m.regex.prefilter.empty());
}

std::shared_ptr<const compiled_disclaimer> compile_disclaimer(const disclaimer_spec& from, shard_cache& cache) {
  auto out = std::make_shared<compiled_disclaimer>();
  out->text = from.text;
  if (from.present_if) {
    add_signs(*from.present_if, cache, out->signs);
  } else {
    out->signs.push_back({.view = text::view_kind::folded, .regex = nullptr, .words = {text::word_form(from.text, text::view_kind::folded)}});
  }
  return out;
}

bool is_present(const compiled_disclaimer& what, std::string_view text, match::match_state& state) {
  std::optional<text::view> views[2];
  const auto view = [&](text::view_kind kind) {
    auto& made = views[static_cast<std::size_t>(kind)];
    if (!made) (void)text::make_view(text, kind, made.emplace());
    return text::edged_text(*made);
  };
  return std::ranges::any_of(what.signs, [&](const compiled_disclaimer::sign& sign) {
    const auto in = view(sign.view);
    if (sign.regex && sign.regex->regex.find(in, 0, false, state).status == match::regex::status::match) return true;
    return std::ranges::any_of(sign.words, [&](const std::string& word) { return holds_word(in, word, sign.bounded); });
  });
}

void choice_text::add(std::string_view text, const std::vector<const compiled_disclaimer*>& asked, match::match_state& state) {
  some_ = some_ || !text.empty();
  if (asked.empty()) return;
  text_ += text;
  if (text_.size() <= text_bytes_max) return;
  for (const auto* each : asked) {
    if (is_present(*each, text_, state)) seen_.insert(each);
  }
  auto keep = text_.size() - text_bytes_kept;
  while (keep > 0 && continues_code_point(text_[keep])) --keep;
  text_.erase(0, keep);
}

bool choice_text::has(const compiled_disclaimer& what, match::match_state& state) const {
  return seen_.contains(&what) || is_present(what, text_, state);
}

}  // namespace sluice::policy
