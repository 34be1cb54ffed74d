// Rules that add text: beside the system's words, and behind answers.
#include <gtest/gtest.h>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/explain.hpp"
#include "texts.hpp"

namespace sluice::policy {
namespace {

using namespace testing;

// A rule for requests that finds `word`, with a test that shows it.
std::string injecting(const std::string& id, const std::string& word, const std::string& action, const std::string& more = {}) {
  return "  - id: " + id + "\n    direction: request\n    match: {keywords: [" + word + "]}\n    action: {type: inject_system, " + action + "}\n" + more +
         "    tests:\n      - {name: a, request: a " + word + ", expect: {rules_any: [" + id + "], shadow: []}}\n      - {name: b, request: hay, expect: {rules_none: [" + id + "]}}\n";
}

outcome asked(const build_report& made, std::string_view text, bool takes_system_words = true) {
  EXPECT_NE(made.snapshot, nullptr) << to_text(made.found);
  if (made.snapshot == nullptr) return {};
  scratch working;
  const text_part part{.role = role::user, .kind = part_kind::text, .text = text};
  evaluate_options options{.direction = direction::request};
  options.takes_system_words = takes_system_words;
  return evaluate(made.snapshot->rules_for({}), {&part, 1}, options, working);
}

TEST(policy_additions, system_words_come_in_the_order_of_policies_and_ids_whatever_matched_first) {
  const auto source = source_of({{"bundle.yaml", bundle_file("  - {use: zeta, bind: {scope: global}}\n  - {use: alpha, bind: {scope: global}}\n")},
                                 {"a.yaml", policy_file("zeta", injecting("a-1", "one", "text: Z1"))},
                                 {"z.yaml", policy_file("alpha", injecting("z-2", "two", "text: A2") + injecting("b-1", "three", "text: A1") +
                                                                     injecting("c-1", "four", "text: first, position: prepend") + injecting("d-1", "five", "text: A1"))}});
  const auto made = built(source);
  for (const char* text : {"one two three four five one", "five four three two one"}) {
    const auto got = asked(made, text);
    EXPECT_EQ(got.system.before, "first") << text;
    EXPECT_EQ(got.system.behind, "A1\n\nA2\n\nZ1") << text;  // what two rules say alike is said once
    EXPECT_EQ(got.system.rules, 5u);
    EXPECT_EQ(got.verdict, verdict::edit);
    EXPECT_TRUE(got.edits.empty());
  }
  const auto none = asked(made, "hay");
  EXPECT_EQ(none.system.rules, 0u);
  EXPECT_EQ(none.verdict, verdict::allow);
}

TEST(policy_additions, a_request_without_a_place_for_them_is_refused_unless_the_rule_says_skip) {
  const auto blocks = asked(built(one_policy(injecting("r", "bonds", "text: x"))), "bonds", false);
  EXPECT_EQ(blocks.verdict, verdict::block);
  EXPECT_TRUE(blocks.block.message.contains("no place for them"));
  EXPECT_EQ(blocks.system.rules, 0u);
  ASSERT_EQ(blocks.findings.size(), 1u);
  EXPECT_EQ(blocks.findings[0].action, action::block);
  const auto skips = asked(built(one_policy(injecting("r", "bonds", "text: x, on_structured: skip"))), "bonds", false);
  EXPECT_EQ(skips.verdict, verdict::flag);
  EXPECT_EQ(skips.findings.at(0).action, action::flag);
  EXPECT_EQ(skips.system.rules, 0u);
}

TEST(policy_additions, a_blocked_request_gets_no_words_and_a_rule_in_shadow_adds_none) {
  const std::string block = "  - id: stop\n    direction: request\n    match: {keywords: [bomb]}\n    action: {type: block, message: m}\n"
                            "    tests: [{name: a, request: bomb, expect: {rules_any: [stop]}}, {name: b, request: hay, expect: {rules: []}}]\n";
  const auto blocked = asked(built(one_policy(injecting("r", "bonds", "text: x") + block)), "bonds and a bomb");
  EXPECT_EQ(blocked.verdict, verdict::block);
  EXPECT_TRUE(blocked.system.behind.empty());
  const std::string shadow = "  - id: r\n    direction: request\n    enforcement: shadow\n    match: {keywords: [bonds]}\n    action: {type: inject_system, text: x}\n"
                             "    tests: [{name: a, request: bonds, expect: {shadow: [r], action: allow}}, {name: b, request: hay, expect: {rules: []}}]\n";
  const auto tried = built(one_policy(shadow));
  const auto made = asked(tried, "bonds");
  EXPECT_EQ(made.verdict, verdict::allow);
  EXPECT_EQ(made.shadow_verdict, verdict::edit);
  EXPECT_EQ(made.system.rules, 0u);
  EXPECT_EQ(asked(tried, "bonds", false).shadow_verdict, verdict::block);
}

TEST(policy_additions, an_exception_keeps_the_words_out) {
  const std::string exception = "    exceptions:\n      - {id: x, match: {keywords: [bonds of friendship]}, reason: r, owner: o, ticket: t, expires: 2027-01-01}\n";
  const auto made = built(one_policy("  - id: r\n    direction: request\n    match: {keywords: [bonds, bonds of friendship]}\n    action: {type: inject_system, text: x}\n" + exception +
                                     "    tests:\n      - {name: a, request: bonds, expect: {rules: [r], action: inject_system}}\n"
                                     "      - {name: b, request: bonds of friendship, expect: {rules: [], suppressed: [x]}}\n"));
  EXPECT_EQ(asked(made, "bonds of friendship").system.rules, 0u);
  EXPECT_EQ(asked(made, "bonds").system.behind, "x");
}

TEST(policy_additions, explain_shows_the_words) {
  const auto made = built(one_policy(injecting("r", "bonds", "text: General only., position: prepend")));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  const auto why = explain(made.bundle, *made.snapshot, {.who = {}, .text = "bonds?"});
  EXPECT_EQ(why.verdict, verdict::edit);
  EXPECT_EQ(why.text, "bonds?");
  EXPECT_EQ(why.system.before, "General only.");
}

TEST(policy_additions, are_refused_in_the_other_direction) {
  const auto rule = [](const char* direction, const std::string& action) {
    return checked(one_policy("  - id: r\n    direction: " + std::string(direction) + "\n    match: {keywords: [needle]}\n    action: " + action +
                              "\n    tests: [{name: a, request: needle, expect: {rules: [r]}}]\n"));
  };
  for (const char* direction : {"both", "response"}) {
    EXPECT_TRUE(says(rule(direction, "{type: inject_system, text: x}"), "inject_system adds to requests, and the rule says direction: " + std::string(direction)));
  }
  EXPECT_TRUE(clean(rule("request", "{type: inject_system, text: x}")));
}

TEST(policy_additions, diff_says_when_what_is_added_or_where_it_may_be_left_out_changed) {
  const auto with = [](const std::string& action) {
    bundle_ast ast;
    EXPECT_TRUE(clean(checked(one_policy(injecting("r", "bonds", action)), &ast)));
    return ast;
  };
  const auto was = with("text: x");
  EXPECT_EQ(diff(was, with("text: y")).effect, effect::may_weaken);
  EXPECT_EQ(diff(was, with("text: x, position: prepend")).effect, effect::may_weaken);
  EXPECT_EQ(diff(was, with("text: x, on_structured: skip")).effect, effect::weaker);
  EXPECT_EQ(diff(with("text: x, on_structured: skip"), was).effect, effect::stronger);
  EXPECT_EQ(diff(was, with("text: x")).effect, effect::none);
}

// A rule for answers that finds `word`.
std::string answering(const std::string& id, const std::string& word, const std::string& action, const std::string& more = {}) {
  return "  - id: " + id + "\n    direction: response\n    match: {keywords: [" + word + "]}\n    action: {" + action + "}\n" + more +
         "    tests:\n      - {name: a, response: a " + word + ", expect: {rules_any: [" + id + "]}}\n      - {name: b, response: hay, expect: {rules_none: [" + id + "]}}\n";
}
const std::string notices = "disclaimers:\n  general: {text: General information., present_if: {regex: '(?i)not\\s+financial\\s+advice'}}\n  plain: {text: Not advice.}\n";

struct said {
  policy::verdict verdict;
  std::vector<std::string> texts;  // of the parts, and of the choices' additions
  std::vector<action> actions;     // of the findings
  bool operator==(const said&) const = default;
};

// Parts of one answer, whole; `structured` by choice.
said whole(const build_report& made, const std::vector<text_part>& parts, std::vector<std::uint8_t> structured = {}) {
  EXPECT_NE(made.snapshot, nullptr) << to_text(made.found);
  if (made.snapshot == nullptr) return {};
  scratch working;
  evaluate_options options{.direction = direction::response};
  options.structured = structured;
  const auto got = evaluate(made.snapshot->rules_for({}), parts, options, working);
  said out{got.verdict, {}, {}};
  for (std::uint32_t i = 0; i < parts.size() && got.verdict != verdict::block; ++i) {
    std::string text;
    std::size_t at = 0;
    for (const auto& each : got.edits) {
      if (each.part != i) continue;
      text.append(parts[i].text, at, each.begin - at).append(each.replacement);
      at = each.end;
    }
    out.texts.push_back(text.append(parts[i].text, at));
  }
  for (const auto& each : got.additions) out.texts.push_back(std::to_string(each.choice) + ": " + each.text);
  for (const auto& each : got.findings) out.actions.push_back(each.action);
  return out;
}

// The same as a stream in single letters, the choices closed in order.
said streamed(const build_report& made, const std::vector<text_part>& parts, std::vector<std::uint8_t> structured = {}) {
  scratch working;
  evaluate_options options{.direction = direction::response};
  stream_evaluator stream(made.snapshot, made.snapshot->rules_for({}), options, working);
  said out{verdict::allow, {}, {}};
  std::vector<std::uint32_t> channels;
  std::int32_t last = 0;
  for (const auto& p : parts) {
    channels.push_back(stream.open(p.role, p.kind, p.editable, p.choice));
    auto& left = out.texts.emplace_back();
    for (const char letter : p.text) (void)stream.feed(channels.back(), std::string_view(&letter, 1), left);
    (void)stream.finish(channels.back(), left, true);
    last = std::max(last, p.choice);
  }
  std::vector<std::string> added;
  for (std::int32_t choice = 0; choice <= last; ++choice) {
    std::string addition;
    const auto at = static_cast<std::size_t>(choice);
    (void)stream.close(choice, at < structured.size() && structured[at] != 0, addition);
    if (!addition.empty()) added.push_back(std::to_string(choice) + ": " + addition);
  }
  for (std::size_t i = 0; i < channels.size(); ++i) stream.rest(channels[i], out.texts[i]);
  out.texts.insert(out.texts.end(), added.begin(), added.end());
  EXPECT_EQ(stream.close_all() == stream_evaluator::status::blocked, stream.blocked());
  out.verdict = stream.result().verdict;
  for (const auto& each : stream.result().findings) out.actions.push_back(each.action);
  if (out.verdict == verdict::block) out.texts.clear();
  return out;
}

said both(const build_report& made, const std::vector<text_part>& parts, std::vector<std::uint8_t> structured = {}) {
  const auto a = whole(made, parts, structured);
  if (made.snapshot != nullptr) EXPECT_EQ(streamed(made, parts, structured), a);
  return a;
}

text_part answer(std::string_view text, std::int32_t choice = 0, part_kind kind = part_kind::text) {
  return {.role = role::assistant, .kind = kind, .text = text, .choice = choice};
}

TEST(policy_additions, a_text_comes_behind_each_choice_in_which_the_rule_matched) {
  const auto made = built(one_policy(answering("b-2", "bonds", "type: append, text: Two.") + answering("a-1", "stocks", "type: append, text: One.") +
                                     answering("c-3", "funds", "type: append, text: Two.")));
  EXPECT_EQ(both(made, {answer("bonds, bonds and stocks", 0), answer("hay", 1), answer("funds", 2)}),
            (said{verdict::edit, {"bonds, bonds and stocks", "hay", "funds", "0: \n\nOne.\n\nTwo.", "2: \n\nTwo."}, {action::append, action::append, action::append, action::append}}));
  EXPECT_EQ(both(made, {answer("bonds and funds")}).texts, (std::vector<std::string>{"bonds and funds", "0: \n\nTwo."})) << "what two rules say alike is said once";
  EXPECT_EQ(both(made, {answer("on bonds", 0, part_kind::reasoning)}).texts, (std::vector<std::string>{"on bonds", "0: Two."})) << "no blank line before the first text";
  EXPECT_EQ(both(made, {answer("hay")}).verdict, verdict::allow);
}

TEST(policy_additions, nothing_comes_behind_a_structured_choice_and_the_rule_says_what_then) {
  const auto skips = built(one_policy(answering("r", "bonds", "type: append, text: x")));
  EXPECT_EQ(both(skips, {answer("bonds", 0), answer("bonds", 1)}, {1, 0}), (said{verdict::edit, {"bonds", "bonds", "1: \n\nx"}, {action::flag, action::append}}));
  EXPECT_EQ(both(skips, {answer("bonds")}, {1}).verdict, verdict::flag);
  const auto blocks = built(one_policy(answering("r", "bonds", "type: append, text: x, on_structured: block")));
  EXPECT_EQ(both(blocks, {answer("bonds")}, {1}).verdict, verdict::block);
  EXPECT_EQ(both(blocks, {answer("bonds")}, {0}).verdict, verdict::edit);
  // Text that belongs to no choice has no end.
  EXPECT_EQ(both(skips, {answer("bonds", -1)}).actions, std::vector{action::flag});
  EXPECT_EQ(both(blocks, {answer("bonds", -1)}).verdict, verdict::block);
}

TEST(policy_additions, a_disclaimer_passes_where_it_is_and_is_added_where_it_is_not) {
  const auto made = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: general"), notices + "  idle: {text: x}\n"));
  EXPECT_TRUE(says(made.found, "disclaimer 'idle' is asked for by no rule"));
  EXPECT_EQ(both(made, {answer("You should invest.", 0), answer("You may invest. This is NOT financial  advice.", 1)}),
            (said{verdict::edit, {"You should invest.", "You may invest. This is NOT financial  advice.", "0: \n\nGeneral information."}, {action::require_disclaimer, action::allow}}));
  EXPECT_EQ(both(made, {answer("Not financial"), answer(" advice: invest.")}).verdict, verdict::allow) << "in two pieces of one choice";
  EXPECT_EQ(both(made, {answer("Not financial advice.", 0, part_kind::reasoning), answer("Invest.")}).verdict, verdict::edit) << "thoughts are not read";
  const auto plain = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain"), notices));
  EXPECT_EQ(both(plain, {answer("Invest. NOT ADVICE.")}).verdict, verdict::allow) << "by default the text itself, in any case";
}

TEST(policy_additions, a_disclaimer_is_there_where_a_rule_would_find_its_words) {
  const std::string signs = "disclaimers:\n  words: {text: General information., present_if: {keywords: [this is not financial advice]}}\n"
                            "  pattern: {text: General information., present_if: {regex: '(?i)\\bnot financial advice\\b'}}\n";
  const auto made = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: words") + answering("s", "bonds", "type: require_disclaimer, disclaimer: pattern"), signs));
  for (const std::string text : {"_This is not financial advice._", "__This is not financial advice__.", "This is not financial advice™", "x\u200bThis is not financial advice", "注意This is not financial advice吧"}) {
    EXPECT_EQ(both(made, {answer("Invest. " + text)}).verdict, verdict::allow) << text;
  }
  for (const std::string text : {"_not financial advice_", "的not financial advice™"}) EXPECT_EQ(both(made, {answer("Bonds. " + text)}).verdict, verdict::allow) << text;
  for (const std::string text : {"This is not financial advices", "my_This is not financial advice"}) EXPECT_EQ(both(made, {answer("Invest. " + text)}).verdict, verdict::edit) << text;
}

TEST(policy_additions, a_disclaimer_that_another_rule_takes_out_is_missing) {
  const std::string redact = answering("hide", "not advice", "type: redact, mask: \"[x]\"");
  const auto made = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain") + redact, notices));
  EXPECT_EQ(both(made, {answer("Invest, not advice.")}).texts, (std::vector<std::string>{"Invest, [x].", "0: \n\nNot advice."}));
}

TEST(policy_additions, a_missing_disclaimer_rewrites_or_blocks_a_choice_held_to_its_end) {
  const std::string full = "    stream: {hold: full}\n";
  const auto rewrites = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain, on_missing: rewrite, replacement: Ask us.", full) +
                                         answering("s", "bonds", "type: append, text: Mind."), notices));
  EXPECT_EQ(both(rewrites, {answer("Thinking of it", 0, part_kind::reasoning), answer("You should invest"), answer(" in bonds."), answer("hay", 1)}),
            (said{verdict::edit, {"Thinking of it", "Ask us.", "", "hay", "0: \n\nMind."}, {action::rewrite, action::append}}));
  EXPECT_EQ(both(rewrites, {answer("Invest. Not advice.")}).texts, std::vector<std::string>{"Invest. Not advice."});
  const auto blocks = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain, on_missing: block, message: No., http_status: 200", full), notices));
  EXPECT_EQ(both(blocks, {answer("hay", 0), answer("Invest.", 1)}).verdict, verdict::block);
  EXPECT_EQ(both(blocks, {answer("Invest."), answer("Not advice.")}).verdict, verdict::allow);
  EXPECT_EQ(both(blocks, {answer("Invest.")}, {1}).verdict, verdict::flag) << "on_structured decides where the form has no place for it";
}

TEST(policy_additions, what_may_still_be_rewritten_does_not_leave_before_its_choice_ends) {
  const auto made = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain, on_missing: block, message: No.", "    stream: {hold: full}\n"), notices));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  scratch working;
  stream_evaluator stream(made.snapshot, made.snapshot->rules_for({}), {.direction = direction::response}, working);
  std::string left, addition;
  const auto first = stream.open(role::assistant, part_kind::text, true, 0);
  (void)stream.feed(first, "All is well.", left);
  (void)stream.finish(first, left, true);
  EXPECT_TRUE(left.empty());
  EXPECT_TRUE(stream.keeps_rest(first));
  EXPECT_EQ(stream.held_bytes(first), 12u);
  const auto second = stream.open(role::assistant, part_kind::text, true, 0);
  (void)stream.feed(second, "Invest!", left);
  (void)stream.finish(second, left, true);
  EXPECT_EQ(stream.close(0, false, addition), stream_evaluator::status::blocked);
  stream.rest(first, left);
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(stream.result().block.message, "No.");
}

TEST(policy_additions, an_answer_too_long_for_the_other_readings_of_a_rule_is_cut_where_its_text_still_ends) {
  const auto made = built(one_policy("  - id: r\n    direction: response\n    match: {keywords: [bonds], decode: [base64]}\n    action: {type: append, text: x}\n"
                                     "    tests: [{name: a, response: bonds, expect: {rules_any: [r]}}, {name: b, response: hay, expect: {rules: []}}]\n"));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);
  scratch working;
  stream_evaluator stream(made.snapshot, made.snapshot->rules_for({}), {.direction = direction::response}, working);
  const auto c = stream.open(role::assistant, part_kind::text, true, 0);
  const std::string piece(1u << 16, 'w');
  std::string left;
  auto status = stream_evaluator::status::released;
  for (int i = 0; i < 32 && status == stream_evaluator::status::released; ++i) status = stream.feed(c, piece, left);
  EXPECT_EQ(status, stream_evaluator::status::blocked);
  EXPECT_LE(left.size(), 1u << 20) << "nothing is sent that the record says was stopped";
  EXPECT_EQ(stream.result().verdict, verdict::block);
  EXPECT_TRUE(stream.result().reason.starts_with("matcher unavailable"));
}

TEST(policy_additions, nothing_is_added_to_what_was_blocked_and_shadow_only_says_so) {
  const auto made = built(one_policy(answering("r", "bonds", "type: append, text: x") + answering("stop", "bomb", "type: block, message: m")));
  EXPECT_EQ(both(made, {answer("bonds and a bomb")}).texts, std::vector<std::string>{});
  const std::string shadow = "    enforcement: shadow\n    stream: {hold: full}\n";
  const auto tried = built(one_policy("  - id: r\n    direction: response\n    match: {keywords: [invest]}\n    action: {type: require_disclaimer, disclaimer: plain, on_missing: block, message: m}\n" + shadow +
                                      "    tests: [{name: a, response: Invest, expect: {shadow: [r], action: allow, text: Invest}}, {name: b, response: hay, expect: {rules: []}}]\n", notices));
  EXPECT_EQ(both(tried, {answer("Invest.")}), (said{verdict::allow, {"Invest."}, {action::block}}));
  EXPECT_EQ(both(tried, {answer("Invest. Not advice.")}), (said{verdict::allow, {"Invest. Not advice."}, {action::allow}}));
}

TEST(policy_additions, only_what_is_enforced_lets_the_end_of_an_answer_wait) {
  const std::string shadow = "  - id: r\n    direction: response\n    enforcement: shadow\n    match: {keywords: [bonds]}\n    action: {type: append, text: x}\n"
                             "    tests: [{name: a, response: bonds, expect: {shadow: [r]}}, {name: b, response: hay, expect: {rules: []}}]\n";
  const auto adds = [](const std::string& rules) {
    const auto made = built(one_policy(rules));
    EXPECT_NE(made.snapshot, nullptr) << to_text(made.found);
    return made.snapshot != nullptr && adds_to_answers(made.snapshot->rules_for({}));
  };
  EXPECT_FALSE(adds(shadow));
  EXPECT_TRUE(adds(answering("r", "bonds", "type: append, text: x")));
  EXPECT_FALSE(adds(answering("r", "bonds", "type: redact")));
}

TEST(policy_additions, a_disclaimer_in_a_very_long_answer_is_seen_wherever_it_stands) {
  const auto made = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain"), notices));
  std::string first = "Invest. Not advice. ", last = "Invest. ";
  for (int i = 0; i < 400'000; ++i) first += "words ", last += "words ";
  last += "Not advice.";
  EXPECT_EQ(whole(made, {answer(first)}).verdict, verdict::allow);
  EXPECT_EQ(whole(made, {answer(last)}).verdict, verdict::allow);
  EXPECT_EQ(whole(made, {answer(last.substr(0, last.size() - 7))}).verdict, verdict::edit);
}

TEST(policy_additions, inline_tests_say_what_was_done) {
  const std::string rules =
      "  - id: fin-002\n    direction: response\n    match: {regex: '(?i)\\byou should (?:buy|invest)'}\n    action: {type: require_disclaimer, disclaimer: general, on_missing: append, on_structured: block, message: No.}\n"
      "    tests:\n"
      "      - {name: missing, response: You should invest in bonds., expect: {rules: [fin-002], action: require_disclaimer, text: \"You should invest in bonds.\\n\\nGeneral information.\"}}\n"
      "      - {name: present, response: You should buy. This is not financial advice., expect: {rules: [fin-002], action: allow, text: You should buy. This is not financial advice.}}\n"
      "      - {name: a call, response: You should invest, part: tool_call, expect: {rules: [fin-002], action: block}}\n"
      "      - {name: benign, response: Our opening hours are 9 to 17., expect: {rules: [], action: allow}}\n";
  const auto made = built(one_policy(rules, notices));
  ASSERT_NE(made.snapshot, nullptr) << to_text(made.found);  // a bundle that fails its own tests has no snapshot
  const auto why = explain(made.bundle, *made.snapshot, {.who = {}, .direction = direction::response, .role = role::assistant, .text = "You should buy"});
  EXPECT_EQ(why.text, "You should buy\n\nGeneral information.");
}

TEST(policy_additions, cost_what_a_request_is_long_however_many_of_its_parts_match) {
  const auto injects = built(one_policy(injecting("r", "bonds", "text: x")));
  ASSERT_NE(injects.snapshot, nullptr) << to_text(injects.found);
  scratch working;
  testing::expect_time_by_number([&](std::size_t n) {
    const std::vector<text_part> parts(n, {.role = role::user, .kind = part_kind::text, .text = "bonds"});
    evaluate_options options{.direction = direction::request};
    options.takes_system_words = true;
    const auto begin = mono_now();
    EXPECT_EQ(evaluate(injects.snapshot->rules_for({}), parts, options, working).system.behind, "x");
    return mono_now() - begin;
  }, 16'000);
}

TEST(policy_additions, cost_what_an_answer_is_long_however_many_choices_it_has) {
  const auto rewrites = built(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: plain, on_missing: rewrite, replacement: Ask us.", "    stream: {hold: full}\n") +
                                         answering("s", "bonds", "type: append, text: Mind."), notices));
  ASSERT_NE(rewrites.snapshot, nullptr) << to_text(rewrites.found);
  scratch working;
  testing::expect_time_by_number([&](std::size_t n) {
    std::vector<text_part> parts;
    for (std::size_t i = 0; i < n; ++i) parts.push_back(answer("invest in bonds", static_cast<std::int32_t>(i)));
    const auto begin = mono_now();
    const auto got = evaluate(rewrites.snapshot->rules_for({}), parts, {.direction = direction::response}, working);
    EXPECT_EQ(got.edits.size(), n);
    EXPECT_EQ(got.additions.size(), n);
    return mono_now() - begin;
  }, 2000);
}

TEST(policy_additions, checks_that_disclaimers_can_be_found_and_waited_for) {
  const auto with = [](const std::string& action, const std::string& more = {}, const std::string& stream = {}) {
    return checked(one_policy(answering("r", "invest", "type: require_disclaimer, disclaimer: d" + action, stream), "disclaimers: {d: {text: x" + more + "}}\n"));
  };
  EXPECT_TRUE(clean(with("")));
  for (const char* action : {", on_missing: rewrite, replacement: y", ", on_missing: block, message: m"}) {
    EXPECT_TRUE(says(with(action), "whether the disclaimer is missing is known at the end of an answer"));
    EXPECT_TRUE(says(with(action), "stream: {hold: full}"));
    EXPECT_TRUE(clean(with(action, "", "    stream: {hold: full}\n")));
    EXPECT_TRUE(says(with(action, "", "    enforcement: shadow\n"), "whether the disclaimer is missing"));
  }
  EXPECT_TRUE(says(with(", on_missing: block", "", "    stream: {hold: full}\n"), "a block without 'message'"));
  EXPECT_TRUE(says(with(", message: m"), "'message' does nothing without on_missing: block"));
  EXPECT_TRUE(says(with("", ", present_if: {regex: '('}"), "no regular expression"));
  EXPECT_TRUE(says(with("", ", present_if: {list: nobody}"), "list 'nobody' does not exist"));
  for (const char* match : {"{all: [{keywords: [a]}, {keywords: [b]}]}", "{not: {keywords: [a]}}", "{keywords: [a], min_count: 2}", "{regex: '[0-9]{12}', validator: luhn}"}) {
    EXPECT_TRUE(says(with("", std::string(", present_if: ") + match), "more than words and patterns")) << match;
  }
  EXPECT_TRUE(clean(with("", ", present_if: {any: [{phrase: not advice}, {keywords: [no advice]}]}")));
  for (const char* direction : {"both", "request"}) {
    for (const char* action : {"{type: append, text: x}", "{type: require_disclaimer, disclaimer: d}"}) {
      EXPECT_TRUE(says(checked(one_policy("  - id: r\n    direction: " + std::string(direction) + "\n    match: {keywords: [needle]}\n    action: " + action +
                                          "\n    tests: [{name: a, request: needle, expect: {rules: [r]}}]\n", "disclaimers: {d: {text: x}}\n")),
                       "adds to answers, and the rule says direction: " + std::string(direction)));
    }
  }
}

TEST(policy_additions, diff_ranks_a_disclaimer_as_what_happens_without_it) {
  const auto with = [](const std::string& action) {
    bundle_ast ast;
    EXPECT_TRUE(clean(checked(one_policy(answering("r", "invest", action, "    stream: {hold: full}\n"), "disclaimers: {plain: {text: Not advice.}}\n"), &ast)));
    return ast;
  };
  const std::string asks = "type: require_disclaimer, disclaimer: plain";
  const std::vector<std::string> ladder = {"type: flag", asks, asks + ", on_missing: rewrite, replacement: y", asks + ", on_missing: block, message: m"};
  for (std::size_t i = 0; i + 1 < ladder.size(); ++i) {
    // What was always flagged passes in silence where the disclaimer is there.
    EXPECT_EQ(diff(with(ladder[i]), with(ladder[i + 1])).effect, i == 0 ? effect::may_weaken : effect::stronger) << ladder[i];
    EXPECT_EQ(diff(with(ladder[i + 1]), with(ladder[i])).effect, effect::weaker) << ladder[i];
  }
  EXPECT_EQ(diff(with(ladder[2]), with("type: redact")).effect, effect::may_weaken) << "all of the answer was replaced, now the match alone is";
  EXPECT_EQ(diff(with(ladder[3]), with("type: redact")).effect, effect::weaker);
  for (const char* always : {"type: append, text: x", "type: redact", "type: block, message: m"}) {
    EXPECT_GE(diff(with(always), with(ladder[3])).effect, effect::may_weaken) << always << ": it passes where the disclaimer is there";
  }
}

}  // namespace
}  // namespace sluice::policy
