// Inline tests: each policy alone, as if bound, whole and streamed; and each rule's own examples in the full snapshot.
#include <algorithm>
#include <set>

#include "compiled_snapshot.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/golden.hpp"
#include "time_windows.hpp"
#include "trial.hpp"

namespace sluice::policy {
namespace {

using ids = std::vector<std::string>;

bool contains(const ids& list, const std::string& id) { return std::ranges::find(list, id) != list.end(); }

std::string listed(ids list) {
  std::ranges::sort(list);
  std::string out = "[";
  for (const std::string& id : list) out += (out.size() > 1 ? ", " : "") + id;
  return out + "]";
}

trial_input input_of(const test_spec& test) {
  trial_input input{.who = test.who, .direction = direction::request, .messages = test.messages, .given = &test.given};
  if (test.request) {
    input.messages.push_back(
        {.who = role::user, .content = *test.request, .part = test.part.value_or(part_kind::text)});
  } else if (test.response) {
    input.direction = direction::response;
    input.messages.push_back(
        {.who = role::assistant, .content = *test.response, .part = test.part.value_or(part_kind::text)});
  }
  return input;
}

// What the test says against what happened; empty when they agree. Rules that are off are nobody's expectation:
// switching one off must not fail the tests that were written for it.
std::string compare(const test_spec& test, const trial_outcome& got, const std::set<std::string>& off) {
  std::string what;
  const auto differ = [&](const std::string& text) { what += (what.empty() ? "" : "; ") + text; };
  const auto without_off = [&](ids list) {
    std::erase_if(list, [&](const std::string& id) { return off.contains(id); });
    std::ranges::sort(list);
    return list;
  };
  const auto& expect = test.expect;
  if (expect.rules) {
    const ids wanted = without_off(*expect.rules);
    if (wanted != got.rules) differ("expected rules " + listed(wanted) + ", got " + listed(got.rules));
  }
  const ids any = without_off(expect.rules_any);
  if (!any.empty() && std::ranges::none_of(any, [&](const std::string& id) { return contains(got.rules, id); })) {
    differ("expected one of the rules " + listed(any) + ", got " + listed(got.rules));
  }
  for (const std::string& id : expect.rules_none) {
    if (contains(got.rules, id)) differ("rule " + id + " must not match");
  }
  for (const std::string& id : without_off(expect.shadow)) {
    if (!contains(got.shadow, id)) differ("expected shadow rule " + id + ", got " + listed(got.shadow));
  }
  for (const std::string& id : expect.suppressed) {
    if (!contains(got.suppressed, id)) differ("expected exception " + id + ", got " + listed(got.suppressed));
  }
  if (!off.empty()) return what;  // the action and the text may come from a rule that is off
  if (expect.action && *expect.action != got.action) {
    differ("expected action " + std::string(to_string(*expect.action)) + ", got " + std::string(to_string(got.action)));
  }
  if (expect.text && *expect.text != got.text)
    differ("expected text \"" + *expect.text + "\", got \"" + got.text + "\"");
  return what;
}

// The same answer in single code points must end the same way: with the same text, or blocked.
std::string compare_stream(const trial_outcome& whole, const trial_outcome& streamed) {
  if (whole.action != streamed.action) {
    return "streamed, the action is " + std::string(to_string(streamed.action)) + "; whole, it is " +
           std::string(to_string(whole.action));
  }
  if (whole.verdict == verdict::block) {
    return left_before_block(whole, streamed) ? "" : "streamed, text left that is not before the first match that blocks: \"" + streamed.text + "\"";
  }
  if (whole.text != streamed.text)
    return "streamed, the text is \"" + streamed.text + "\"; whole, it is \"" + whole.text + "\"";
  if (whole.rules != streamed.rules) {
    return "streamed, the rules are " + listed(streamed.rules) + "; whole, they are " + listed(whole.rules);
  }
  return {};
}

// The rules of one policy alone in force, for everybody; overlays where they are bound. The compiled patterns are those of the whole
// bundle: what a test runs is what will be in force, and nothing is compiled for it.
class one_at_a_time {
 public:
  one_at_a_time(const bundle_ast& bundle, const snapshot& compiled) : unbound_(bundle), owner_(compiled.rules_for({}).owner) {
    for (policy_ast& each : unbound_.policies) {
      each.scope = {};
      each.binds.clear();
    }
  }
  // Null when its scopes cannot be composed; `found` says why.
  std::shared_ptr<const snapshot> alone(std::size_t policy, diagnostics& found) {
    unbound_.policies[policy].binds = {scope{}};
    auto scopes = scope_map::compose(unbound_, owner_, found);
    unbound_.policies[policy].binds.clear();
    return has_errors(found) ? nullptr : std::make_shared<const compiled_snapshot>(owner_, std::move(scopes));
  }

 private:
  bundle_ast unbound_;
  std::shared_ptr<const program> owner_;
};

// Rules of the bundle, or of one policy of it, that are off.
std::set<std::string> off_in(const bundle_ast& bundle) {
  std::set<std::string> off;
  for (const policy_ast& policy : bundle.policies) {
    for (const rule& each : policy.rules) {
      if (each.enforcement == enforcement::off) off.insert(each.id);
    }
  }
  return off;
}

struct test_bench {
  std::shared_ptr<const snapshot> compiled;
  std::set<std::string> off;
  scratch& working;
  std::vector<test_result>& out;

  void run(const std::string& policy, const std::string& rule, const test_spec& test, bool of_suite = false) {
    const trial_input input = input_of(test);
    const trial_outcome whole = try_whole(*compiled, input, working);
    test_result result{.policy = policy, .rule = rule, .test = test.name, .place = test.place, .passed = false, .of_suite = of_suite, .what = compare(test, whole, off)};
    if (result.what.empty() && test.response) {
      result.what = compare_stream(whole, try_stream(compiled, input, working));
    }
    if (!whole.reason.empty()) result.what += (result.what.empty() ? "" : "; ") + whole.reason;
    result.passed = result.what.empty();
    out.push_back(std::move(result));
  }
};

void run_policy(const bundle_ast& bundle, const policy_ast& policy, const std::shared_ptr<const snapshot>& compiled, scratch& working,
                std::vector<test_result>& out) {
  test_bench bench{.compiled = compiled, .off = {}, .working = working, .out = out};
  for (const rule& each : policy.rules) {
    if (each.enforcement == enforcement::off) bench.off.insert(each.id);
  }
  for (const rule& each : policy.rules) {
    if (each.enforcement == enforcement::off) continue;
    for (const test_spec& test : each.tests) bench.run(policy.name, each.id, test);
  }
  for (const suite_ast& suite : bundle.suites) {
    if (suite.policy != policy.name) continue;
    for (const test_spec& test : suite.tests) bench.run(policy.name, suite.name, test, true);
  }
}

// A value of the axis that both lists allow, `wanted` when they allow it; nothing when there is none.
bool fit_axis(std::string& value, const ids& a, const ids& b) {
  const auto allowed = [&](const std::string& v) {
    return (a.empty() || contains(a, v)) && (b.empty() || contains(b, v));
  };
  if (allowed(value)) return true;
  for (const std::string& candidate : a.empty() ? b : a) {
    if (!allowed(candidate)) continue;
    value = candidate;
    return true;
  }
  return false;
}

// Tags may always come together; of two windows of time, a minute in both.
bool fit_tags_and_time(context& who, const scope& own, const scope& bind) {
  for (const auto* tags : {&own.conversation_tag, &bind.conversation_tag}) {
    if (!tags->empty()) who.tags.push_back(tags->front());
  }
  if (!own.time && !bind.time) return true;
  const auto minute = common_minute(own.time ? *own.time : *bind.time, bind.time ? *bind.time : *own.time);
  if (minute) who.minute = *minute;
  return minute.has_value();
}

bool fit(context& who, const scope& own, const scope& bind) {
  return fit_tags_and_time(who, own, bind) && std::ranges::all_of(scope_axes, [&](const scope_axis& axis) { return fit_axis(who.*axis.value, own.*axis.allowed, bind.*axis.allowed); });
}

golden_case case_of(const test_spec& test, context who) {
  golden_case out;
  out.id = test.name;
  out.who = std::move(who);
  out.given = test.given;
  out.place = test.place;
  if (test.response) {
    out.response = test.response;
  } else {
    out.request = input_of(test).messages;
  }
  return out;
}

bool found_in(const snapshot& compiled, const policy_ast& owner, const rule& of, const test_spec& test,
              scratch& working) {
  for (const scope& bind : owner.binds) {
    trial_input input = input_of(test);
    if (!fit(input.who, owner.scope, bind)) continue;
    const std::vector<text_part> parts = parts_of(input);
    const outcome result = evaluate(compiled.rules_for(input.who), parts, {.direction = input.direction, .given = input.given}, working);
    const auto is_rule = [&](const auto& entry) { return compiled.rules()[entry.rule].id == of.id; };
    const bool hit = std::ranges::any_of(result.findings, is_rule) || std::ranges::any_of(result.suppressed, is_rule);
    return hit || result.findings_truncated;
  }
  return false;
}

}  // namespace

std::optional<context> context_of(const policy_ast& of) {
  for (const scope& bind : of.binds) {
    if (context who; fit(who, of.scope, bind)) return who;
  }
  return std::nullopt;
}

std::vector<test_result> run_tests(const bundle_ast& bundle, const std::shared_ptr<const snapshot>& compiled, diagnostics& found) {
  std::vector<test_result> out;
  scratch working;
  one_at_a_time policies(bundle, *compiled);
  for (std::size_t i = 0; i < bundle.policies.size(); ++i) {
    const auto alone = policies.alone(i, found);
    if (alone == nullptr) return out;
    run_policy(bundle, bundle.policies[i], alone, working, out);
  }
  test_bench bench{.compiled = compiled, .off = off_in(bundle), .working = working, .out = out};
  for (const suite_ast& suite : bundle.suites) {
    if (!suite.policy.empty()) continue;
    for (const test_spec& test : suite.tests) bench.run("", suite.name, test, true);
  }
  return out;
}

std::vector<test_result> run_tests(const bundle_ast& bundle, match::compile_backend& backend, shard_cache& cache,
                                   diagnostics& found) {
  const auto compiled = compile(bundle, backend, cache, found);
  return compiled == nullptr ? std::vector<test_result>{} : run_tests(bundle, compiled, found);
}

std::map<std::string, std::vector<golden_case>> cases_of_tests(const bundle_ast& bundle) {
  std::map<std::string, std::vector<golden_case>> out;
  for (const policy_ast& owner : bundle.policies) {
    for (const rule& each : owner.rules) {
      if (each.enforcement == enforcement::off) continue;
      for (const test_spec& test : each.tests) {
        for (const scope& bind : owner.binds) {
          context who = test.who;
          if (!fit(who, owner.scope, bind)) continue;
          out[each.id].push_back(case_of(test, std::move(who)));
          break;
        }
      }
    }
  }
  return out;
}

void self_test(const bundle_ast& bundle, const snapshot& compiled, diagnostics& found) {
  scratch working;
  for (const policy_ast& policy : bundle.policies) {
    for (const rule& each : policy.rules) {
      if (each.enforcement == enforcement::off) continue;
      for (const test_spec& test : each.tests) {
        const auto& expect = test.expect;
        const bool positive = (expect.rules && contains(*expect.rules, each.id)) ||
                              (expect.rules_any.size() == 1 && contains(expect.rules_any, each.id)) ||
                              contains(expect.shadow, each.id);
        if (!positive || found_in(compiled, policy, each, test, working)) continue;
        found.push_back(
            {.severity = severity::error,
             .place = test.place,
             .rule = each.id,
             .message = "self-test: the compiled bundle does not find the rule in its own example '" + test.name + "'",
             .advice = "this is a defect of the engine or of the machine, not of the policy; report it"});
      }
    }
  }
}

}  // namespace sluice::policy
