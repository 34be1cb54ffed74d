// One rule as a whole: identity, actions that fit their direction, exceptions that end, and tests that show both sides.
#include <algorithm>
#include <set>
#include <span>

#include "check_pass.hpp"
#include "diff_lattice.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

constexpr auto exception_life_max = std::chrono::days(180);
constexpr std::string_view default_message = "This was blocked by a safety policy.";

bool contains(const std::vector<std::string>& list, const std::string& id) {
  return std::ranges::find(list, id) != list.end();
}

bool expects(const test_spec& test, const std::string& id) {
  return (test.expect.rules && contains(*test.expect.rules, id)) || contains(test.expect.rules_any, id) ||
         contains(test.expect.shadow, id);
}

// A test that shows the rule keeping still: nothing it expects names the rule, and it says so.
bool excludes(const test_spec& test, const std::string& id) {
  return !expects(test, id) && (test.expect.rules || contains(test.expect.rules_none, id));
}

void check_test(check_pass& pass, const policy_ast& owner, const rule& of, const test_spec& test) {
  const auto known_rule = [&](const std::string& id) {
    return std::ranges::any_of(owner.rules, [&](const rule& other) { return other.id == id; });
  };
  const auto known_exception = [&](const std::string& id) {
    return std::ranges::any_of(owner.rules, [&](const rule& other) {
      return std::ranges::any_of(other.exceptions, [&](const exception_spec& e) { return e.id == id; });
    });
  };
  const auto each = [&](const std::vector<std::string>& ids, const char* key, const auto& known) {
    for (const std::string& id : ids) {
      if (known(id)) continue;
      pass.error(test.place,
                 "test '" + test.name + "' expects " + key + " '" + id + "', which this policy does not have",
                 "a test runs its own policy only");
    }
  };
  if (test.expect.rules) each(*test.expect.rules, "rule", known_rule);
  each(test.expect.rules_any, "rule", known_rule);
  each(test.expect.rules_none, "rule", known_rule);
  each(test.expect.shadow, "rule", known_rule);
  each(test.expect.suppressed, "exception", known_exception);
  const bool wrong_way = (test.response && of.direction == direction::request) ||
                         ((test.request || !test.messages.empty()) && of.direction == direction::response);
  if (wrong_way && expects(test, of.id)) {
    pass.error(test.place, "test '" + test.name + "' expects the rule in a direction that it does not look at",
               "the rule says direction: " + std::string(to_string(of.direction)));
  }
}

void check_tests(check_pass& pass, const policy_ast& owner, const rule& of) {
  if (of.tests.empty()) {
    pass.error(of.place, "the rule has no tests", "add at least one text that must match and one that must not");
    return;
  }
  bool positive = false, negative = false;
  for (std::size_t i = 0; i < of.tests.size(); ++i) {
    const test_spec& test = of.tests[i];
    positive = positive || expects(test, of.id);
    negative = negative || excludes(test, of.id);
    for (std::size_t j = 0; j < i; ++j) {
      if (of.tests[j].name == test.name)
        pass.error(test.place, "two tests are named '" + test.name + "'", "rename one");
    }
    check_test(pass, owner, of, test);
  }
  if (!positive) {
    pass.error(of.place, "no test shows the rule matching",
               of.enforcement == enforcement::shadow
                   ? "add one with expect: {shadow: [" + of.id + "]}; the rule is in shadow"
                   : "add one with expect: {rules: [" + of.id + "]}");
  }
  if (!negative)
    pass.warn(of.place, "no test shows a text that the rule leaves alone", "add one with expect: {rules: []}");
  for (const exception_spec& exception : of.exceptions) {
    const bool shown =
        std::ranges::any_of(of.tests, [&](const test_spec& t) { return contains(t.expect.suppressed, exception.id); });
    if (!shown) {
      pass.warn(exception.place, "no test shows exception '" + exception.id + "' at work",
                "add one with expect: {suppressed: [" + exception.id + "]}");
    }
  }
}

void check_exception(check_pass& pass, const rule& of, exception_spec& exception) {
  // Variants of a rule hold its exceptions too: the same one is no second one.
  const auto [first, fresh] = pass.exception_ids.emplace(exception.id, exception.place);
  if (!exception.id.empty() && !fresh && to_string(first->second) != to_string(exception.place)) {
    pass.error(exception.place, "exception '" + exception.id + "' exists already", "ids are unique in a bundle");
  }
  if (!exception.expires.empty()) {
    const wall_time end = end_of_day(exception.expires);
    if (end <= pass.today && pass.how != expired_exceptions::refuse) {
      pass.warn(exception.place, "exception '" + exception.id + "' expired on " + exception.expires + "; the rule applies without it",
                "remove it, or have it approved again with a new date");
    } else if (end <= pass.today) {
      pass.error(exception.place, "exception '" + exception.id + "' expired on " + exception.expires,
                 "remove it, or have it approved again with a new date");
    } else if (end - pass.today > exception_life_max + std::chrono::days(1)) {
      pass.warn(exception.place, "exception '" + exception.id + "' lasts longer than 180 days",
                "choose an earlier date");
    }
  }
  // An exception's own pattern never holds a stream: what it looks at is the finding's part as far as it is known.
  if (exception.match) check_match(pass, *exception.match, of, false);
  if (!exception.match && exception.when.global()) {
    pass.error(exception.place, "exception '" + exception.id + "' holds for everybody and every finding, so it switches the rule off", "name where it holds, or what it excuses");
  }
}

void check_action(check_pass& pass, rule& of) {
  action_spec& act = of.action;
  const bool stops = act.type == action::require_disclaimer && act.on_missing == on_missing::block;
  if ((act.type == action::block || stops) && act.message.empty()) {
    act.message = default_message;
    pass.warn(act.place, "a block without 'message'; people will read: " + act.message, "say what they can do instead");
  }
  const bool to_users =
      of.where.roles.empty() || std::ranges::any_of(of.where.roles, [](role r) { return r == role::assistant; });
  if (of.direction == direction::response && !to_users) {
    pass.error(of.place,
               "an answer is always the assistant's, and where.roles leaves it out, so the rule never matches",
               "add assistant to where.roles, or leave it out");
  }
  if (adds_text(act.type)) {
    const direction where = act.type == action::inject_system ? direction::request : direction::response;
    if (of.direction != where) {
      pass.error(of.place, std::string(to_string(act.type)) + " adds to " + (where == direction::request ? "requests" : "answers") + ", and the rule says direction: " +
                               std::string(to_string(of.direction)),
                 "write direction: " + std::string(to_string(where)));
    }
  }
  if (act.type == action::require_disclaimer && act.on_missing != on_missing::append && !of.hold_full && of.enforcement != enforcement::off) {
    pass.error(act.place, "whether the disclaimer is missing is known at the end of an answer, and on_missing is " + std::string(stops ? "block" : "rewrite"),
               "write stream: {hold: full}, which holds every streamed answer to its end, or on_missing: append");
  }
  if (act.restore && of.direction == direction::response) {
    pass.warn(act.place, "restore does nothing in a rule for answers: only a value that a request carried is put back", "remove it, or use direction: both");
  }
  if (of.hold_full && of.direction == direction::request) {
    pass.warn(of.place, "stream.hold does nothing in a rule for requests", "remove it");
  }
}

// Each word without its own replacement needs the rule's; lists are resolved by now.
void check_replacement(check_pass& pass, const rule& of) {
  if (of.action.type != action::rewrite || of.action.has_replacement) return;
  const keyword_match& words = of.match.keywords;
  const auto own = [](const auto& option) { return option.second.replacement.has_value(); };
  const bool all = of.match.kind == match_spec::kind::keywords && !words.words.empty() &&
                   std::ranges::count_if(words.options, own) == static_cast<std::ptrdiff_t>(words.words.size());
  if (all) return;
  pass.error(of.action.place, "a rewrite without 'replacement', which not every word has for itself", "add replacement: \"…\" to the action");
}

// What a rule is, apart from its name and its tests.
void check_content(check_pass& pass, rule& checked) {
  refuse_unsupported(pass, checked);
  check_action(pass, checked);
  // Shadow rules too: the day they are enforced must not be the day they stop compiling.
  const bool releases_early = checked.direction != direction::request && !checked.hold_full &&
                              changes_match(checked.action.type) && checked.enforcement != enforcement::off;
  check_match(pass, checked.match, checked, releases_early);
  check_replacement(pass, checked);
  for (exception_spec& exception : checked.exceptions) check_exception(pass, checked, exception);
}

void add_scores(const match_spec& match, std::set<std::string>& out) {
  if (match.kind == match_spec::kind::classifier) out.insert(match.classifier.name + "." + match.classifier.label);
  for (const auto& child : match.children) add_scores(child, out);
}

std::set<std::string> scores_of(std::span<const policy_ast> policies) {
  std::set<std::string> out;
  for (const policy_ast& each : policies) {
    for (const rule& of : each.rules) add_scores(of.match, out);
    for (const rule_variant& of : each.variants) add_scores(of.rule.match, out);
  }
  return out;
}

void check_given(const std::set<std::string>& asked, const test_spec& test, const std::string& rule, diagnostics& found) {
  const std::vector<std::string_view> names(asked.begin(), asked.end());
  for (const auto& [name, score] : test.given) {
    if (asked.contains(name)) continue;
    const auto near = nearest(name, names);
    found.push_back({.severity = severity::error,
                     .place = test.place,
                     .rule = rule,
                     .message = "test '" + test.name + "' gives the score '" + clipped(name, 60) + "', for which no rule asks",
                     .advice = near.empty() ? "a score's name is classifier.label, as in a rule of the policy" : "did you mean '" + std::string(near) + "'?"});
  }
}

}  // namespace

void check_given(const bundle_ast& bundle, diagnostics& found) {
  for (const policy_ast& owner : bundle.policies) {
    const auto asked = scores_of({&owner, 1});
    for (const rule& each : owner.rules) {
      for (const test_spec& test : each.tests) check_given(asked, test, each.id, found);
    }
  }
  for (const suite_ast& suite : bundle.suites) {
    const auto named = std::ranges::find(bundle.policies, suite.policy, &policy_ast::name);
    const auto asked = scores_of(named != bundle.policies.end() ? std::span(&*named, 1) : std::span(bundle.policies));
    for (const test_spec& test : suite.tests) check_given(asked, test, "", found);
  }
}

void check_rule(check_pass& pass, const policy_ast& owner, rule& checked) {
  const auto first = checked.id.empty() ? pass.rule_ids.end() : pass.rule_ids.find(checked.id);
  const bool taken = first != pass.rule_ids.end();
  if (taken) pass.error(checked.place, "rule '" + checked.id + "' exists already", "the first stands at " + to_string(first->second));
  if (!taken && !checked.id.empty()) pass.rule_ids.emplace(checked.id, checked.place);
  const auto before = static_cast<std::ptrdiff_t>(pass.found.size());
  check_content(pass, checked);
  check_tests(pass, owner, checked);
  // What else there is to say of a second of one name would be said of the first as well, or follows from the name.
  if (taken) pass.found.erase(pass.found.begin() + before, pass.found.end());
}

void check_variant(check_pass& pass, const policy_ast& owner, rule_variant& checked) {
  const rule& base = owner.rules[checked.base];
  const std::size_t before = pass.found.size();
  check_content(pass, checked.rule);
  // What is said of the rule itself is not said again.
  const auto said = [&](const diagnostic& each) {
    const auto same = [&](const diagnostic& other) { return to_text(other) == to_text(each); };
    return std::any_of(pass.found.begin(), pass.found.begin() + static_cast<std::ptrdiff_t>(before), same);
  };
  pass.found.erase(std::remove_if(pass.found.begin() + static_cast<std::ptrdiff_t>(before), pass.found.end(), said), pass.found.end());
  // Of a rule that is wrong itself it would only be guessed.
  const bool wrong = std::ranges::any_of(pass.found, [&](const diagnostic& each) { return each.severity == severity::error && each.rule == base.id; });
  if (wrong || base.relaxable) return;
  const rule_change change = compare_content(owner, base, checked.rule);
  if (change.effect < effect::may_weaken) return;
  std::string why;
  for (const std::string& detail : change.details) why += (why.empty() ? "" : "; ") + detail;
  std::string names;
  for (const std::string& name : checked.overlays) names += (names.empty() ? "overlay " : " and ") + ("'" + name + "'");
  pass.error(checked.patches.back().place,
             names + (change.effect == effect::weaker ? " makes" : " may make") + " rule '" + base.id + "' weaker (" + why + "), and it does not say relaxable: true",
             "tighten only, or add relaxable: true to the rule at " + to_string(base.place));
}

}  // namespace sluice::policy
