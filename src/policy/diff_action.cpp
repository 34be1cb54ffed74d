// What is done to a match, compared.
#include <algorithm>

#include "diff_parts.hpp"
#include "sluice/match/regex.hpp"
#include "sluice/text/blanks.hpp"
#include "sluice/text/edged_text.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

bool has_word(const text::edged_text& in, const std::string& word, boundary edges) {
  if (word.empty()) return false;
  for (auto at = text::find_word(in.text(), word, 0); at; at = text::find_word(in.text(), word, at->begin + 1)) {
    if (edges == boundary::none || in.stands_alone(at->begin, at->end)) return true;
  }
  return false;
}

}  // namespace

bool looks_for(const match_spec& match, const std::string& said) {
  const auto view = match.kind == match_spec::kind::keywords ? (match.keywords.fold ? text::view_kind::folded : text::view_kind::regex)
                                                             : (match.regex.folded ? text::view_kind::folded : text::view_kind::regex);
  text::view in;
  (void)text::make_view(said, view, in);
  switch (match.kind) {
    case match_spec::kind::keywords:
      return std::ranges::any_of(match.keywords.words, [&](const std::string& word) { return has_word(text::edged_text(in), text::word_form(word, view), match.keywords.boundary); });
    case match_spec::kind::regex: {
      const auto pattern = match::regex::compile(match.regex.pattern);
      match::match_state state;
      return !pattern || pattern->find(text::edged_text(in), 0, false, state).status != match::regex::status::none;
    }
    case match_spec::kind::any:
    case match_spec::kind::all:
      return std::ranges::any_of(match.children, [&](const match_spec& child) { return looks_for(child, said); });
    case match_spec::kind::classifier:
    case match_spec::kind::negation:
      return false;
  }
  return true;
}

std::vector<std::string> put_in_place(const rule& of) {
  if (of.action.type == action::redact) return {of.action.mask};
  if (of.action.type == action::tokenize) return {of.action.token};
  if (of.action.type != action::rewrite) return {};
  std::vector<std::string> out = {of.action.replacement};
  for (const auto& [index, options] : of.match.keywords.options) {
    if (options.replacement) out.push_back(*options.replacement);
  }
  return out;
}

namespace {

// What puts the name that it looks for in the name's place does nothing, however strong its action is.
void compare_put_in_place(const rule& a, const rule& b, rule_change& out) {
  const auto was = put_in_place(a), now = put_in_place(b);
  for (const std::string& text : now) {
    if (std::ranges::find(was, text) != was.end() && a.action.type == b.action.type) continue;
    if (looks_for(b.match, text)) return note(out, effect::may_weaken, "action: \"" + text + "\" stands where a match stood, and is itself one");
  }
  if (a.action.type != b.action.type || was == now) return;
  const auto said = [](const std::vector<std::string>& all) { return "\"" + (all.empty() ? "" : all.front()) + "\""; };
  note(out, effect::changed, "action: what stands where a match stood: " + (said(was) == said(now) ? "items have other replacements" : said(was) + " → " + said(now)));
}

// What stays readable of a match where it was changed or stopped before, of whatever kind both actions are.
void compare_readable(const action_spec& a, const action_spec& b, rule_change& out) {
  if (!changes_match(a.type)) return;
  if (b.keep_first > a.keep_first || b.keep_last > a.keep_last) note(out, effect::weaker, "action: more of the match stays readable");
  if (b.hashed && !a.hashed) note(out, effect::may_weaken, "action: equal values can be told");
  if (b.restore && !a.restore) note(out, effect::may_weaken, "action: values are put back into answers now");
}

// Who asks for a tag is another rule: without it that one may be gone, however strong this one's action is.
void compare_set_tags(const action_spec& a, const action_spec& b, rule_change& out) {
  const auto removed = missing_words(a.tags, b.tags), added = missing_words(b.tags, a.tags);
  const auto said = [](const std::vector<std::string>& tags) {
    std::string all;
    for (const std::string& tag : tags) all += (all.empty() ? " " : ", ") + tag;
    return all;
  };
  if (!removed.empty()) note(out, effect::may_weaken, "action: tags removed:" + said(removed));
  if (!added.empty()) note(out, effect::none, "action: tags added:" + said(added));
}

// What an action's own words say; nobody can prove what another text does.
void compare_wording(const action_spec& a, const action_spec& b, rule_change& out) {
  if (a.text != b.text || a.position != b.position) note(out, effect::may_weaken, "action: what is added changed");
  if (a.disclaimer != b.disclaimer) note(out, effect::may_weaken, "action: another disclaimer");
  if (a.on_missing != b.on_missing) note(out, effect::changed, "action: on_missing changed");
  if (a.on_structured != b.on_structured) {
    note(out, b.on_structured == on_structured::block ? effect::stronger : effect::weaker, "action: on_structured changed");
  }
  if (a.i18n != b.i18n) note(out, effect::changed, "action: the messages by language changed");
}

void compare_actions(const action_spec& a, const action_spec& b, rule_change& out) {
  if (a.type != b.type) {
    // What always did something does nothing now where the disclaimer is there; and a text that was added is not any more, unless nothing passes.
    const bool passes = b.type == action::require_disclaimer && strength_of(a) > 0;
    const bool silent = adds_text(a.type) && b.type != action::block;
    note(out, passes || silent ? effect::may_weaken : effect::changed, "action: " + std::string(to_string(a.type)) + " → " + std::string(to_string(b.type)));
    return;
  }
  if (b.keep_first < a.keep_first || b.keep_last < a.keep_last)
    note(out, effect::stronger, "action: less of the match stays readable");
  if (a.hashed && !b.hashed) note(out, effect::stronger, "action: equal values can no longer be told");
  if (a.restore && !b.restore) note(out, effect::stronger, "action: values are not put back into answers now");
  if (a.vault_ttl != b.vault_ttl) note(out, b.vault_ttl > a.vault_ttl ? effect::may_weaken : effect::stronger, "action: values are kept another time");
  if (a.on_vault_unavailable != b.on_vault_unavailable) {
    note(out, b.on_vault_unavailable == on_vault_unavailable::block ? effect::stronger : effect::weaker, "action: on_vault_unavailable changed");
  }
  if (a.message != b.message) note(out, effect::changed, "action: the message changed");
  if (a.http_status != b.http_status) {
    note(out, effect::changed,
         "action: http_status " + std::to_string(a.http_status) + " → " + std::to_string(b.http_status));
  }
  if (a.message_in_stream != b.message_in_stream) note(out, effect::changed, "action: message_in_stream changed");
  compare_wording(a, b, out);
}

}  // namespace

void compare_action(const rule& a, const rule& b, rule_change& out) {
  compare_readable(a.action, b.action, out);
  compare_set_tags(a.action, b.action, out);
  compare_actions(a.action, b.action, out);
  compare_put_in_place(a, b, out);
  const bool answers = a.action.type == action::require_disclaimer && b.action.type == action::require_disclaimer;
  if (answers && a.action.replacement != b.action.replacement) note(out, effect::changed, "action: the replacement changed");
}

}  // namespace sluice::policy
