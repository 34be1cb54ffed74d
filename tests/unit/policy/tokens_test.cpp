// Tokens, and values that are put back. Goal: the same value of one conversation has one token, nothing that the exchange did not
// make is replaced, no URL gets a value, and any cut of an answer gives the same. Method: random answers at every cut against the
// answer in one piece, and a search for tokens that is written down anew.
#include "sluice/policy/tokens.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "built.hpp"
#include "texts.hpp"
#include "sluice/policy/restore.hpp"

namespace sluice::policy {
namespace {

using testing::built;
using testing::one_policy;
using testing::edited;

context conversation(const std::string& id, const std::string& tenant = "acme") {
  context who;
  who.tenant = tenant;
  who.conversation = id;
  return who;
}

std::string iban_token(token_map& in, const std::string& value) { return in.token_of("<IBAN_{n}>", value, true, milliseconds(0)); }

std::string in_pieces(const token_map& known, const std::vector<std::string>& pieces, std::uint32_t* restored = nullptr) {
  restorer r(known);
  std::string out;
  for (const auto& p : pieces) r.feed(p, out);
  r.finish(out);
  if (restored != nullptr) *restored = r.restored();
  return out;
}

std::string in_one(const token_map& known, const std::string& text) {
  std::uint32_t restored = 0;
  return edited(text, with_originals(0, text, {}, known, restored));
}

std::vector<std::string> bytes(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

TEST(tokens, are_the_same_for_one_conversation_and_shared_by_no_other) {
  const auto token = [](const std::string& key, const context& who, const std::string& caller, const std::string& value = "DE89") {
    token_map map(key, who, caller);
    return iban_token(map, value);
  };
  const auto first = token("key", conversation("c"), "caller");
  EXPECT_EQ(token("key", conversation("c"), "another caller"), first);  // another node, another client's key: one conversation
  EXPECT_TRUE(first.starts_with("<IBAN_") && first.ends_with(">"));
  EXPECT_EQ(first.find_first_of("0123456789aeiou"), std::string::npos) << first;
  const std::set<std::string> all = {first,
                                     token("other key", conversation("c"), "caller"),
                                     token("key", conversation("d"), "caller"),
                                     token("key", conversation("c", "bcme"), "caller"),
                                     token("key", conversation("c"), "caller", "DE90"),
                                     token("key", conversation(""), "caller"),
                                     token("key", conversation(""), "c")};  // a caller named as a conversation
  EXPECT_EQ(all.size(), 7u);
  context user = conversation("");
  user.user = "c";
  EXPECT_FALSE(all.contains(token("key", user, "caller")));
  EXPECT_EQ(token("key", user, "caller"), token("key", user, "another caller"));
}

TEST(tokens, of_tests_count_from_one_for_each_form) {
  token_map map;
  EXPECT_EQ(iban_token(map, "a"), "<IBAN_1>");
  EXPECT_EQ(iban_token(map, "b"), "<IBAN_2>");
  EXPECT_EQ(map.token_of("<CARD_{n}>", "a", false, milliseconds(0)), "<CARD_1>");
  EXPECT_EQ(iban_token(map, "a"), "<IBAN_1>");
}

TEST(tokens, that_would_be_two_values_grow) {
  token_map map("key", conversation("c"), "", 1), again("key", conversation("c"), "", 1);
  std::map<std::string, std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const auto value = std::to_string(i), token = iban_token(map, value);
    EXPECT_TRUE(seen.emplace(token, value).second) << token;
    EXPECT_EQ(iban_token(map, value), token);
    EXPECT_EQ(iban_token(again, value), token);  // the same history, the same tokens
  }
  for (const auto& [token, value] : seen) {
    EXPECT_EQ(in_one(map, token), value);
    EXPECT_EQ(in_pieces(map, bytes(token)), value);
  }
}

TEST(tokens, from_before_are_put_back_but_never_in_place_of_ones_made_here) {
  token_map map("key", conversation("c"), "");
  const auto token = iban_token(map, "value");
  map.recall("<IBAN_elsewhere>", "from before");
  map.recall(token, "an impostor");
  EXPECT_EQ(in_one(map, "<IBAN_elsewhere> " + token), "from before value");
}

TEST(tokens, that_nobody_made_here_stay) {
  token_map map("key", conversation("c"), ""), other("key", conversation("d"), "");
  const auto mine = iban_token(map, "DE89"), foreign = iban_token(other, "FR76");
  const auto invented = map.token_of("<IBAN_{n}>", "GB33", false, milliseconds(0));  // of an answer, or of a rule without restore
  for (const auto& text : {foreign, invented, std::string("<IBAN_1>"), mine.substr(0, mine.size() - 1), mine.substr(1), "<" + mine.substr(1, 5) + ">"}) {
    EXPECT_EQ(in_one(map, text), text);
    EXPECT_EQ(in_pieces(map, bytes(text)), text);
  }
  EXPECT_EQ(in_one(map, foreign + mine + invented), foreign + "DE89" + invented);
}

TEST(restore, holds_what_may_become_a_token_and_nothing_else) {
  token_map map("key", conversation("c"), "");
  const auto token = iban_token(map, "DE89");
  restorer r(map);
  std::string out;
  r.feed("pay ", out);
  EXPECT_EQ(out, "pay ");
  r.feed("<b", out);
  EXPECT_EQ(out, "pay <b");
  EXPECT_EQ(r.held_bytes(), 0u);
  for (std::size_t i = 0; i + 1 < token.size(); ++i) {
    r.feed(token.substr(i, 1), out);
    EXPECT_EQ(r.held_bytes(), i + 1);
  }
  EXPECT_EQ(out, "pay <b");
  r.feed(">", out);
  EXPECT_EQ(out, "pay <bDE89");
  EXPECT_EQ(r.held_bytes(), 0u);
  r.feed(token.substr(0, 9) + "?", out);
  EXPECT_EQ(out, "pay <bDE89" + token.substr(0, 9) + "?");
}

TEST(restore, takes_the_longest_token_whatever_the_cut) {
  token_map map;
  const auto short_one = map.token_of("T{n}x", "short", true, milliseconds(0));
  ASSERT_EQ(short_one, "T1x");
  ASSERT_EQ(map.token_of("T1x{n}y", "long", true, milliseconds(0)), "T1x1y");
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"T1x1y", "long"}, {"T1x1z", "short1z"}, {"T1x", "short"}, {"TT1xT", "TshortT"}, {"T1x1T1x1y", "short1long"}}) {
    EXPECT_EQ(in_one(map, text), expected);
    EXPECT_EQ(in_pieces(map, bytes(text)), expected);
  }
}

TEST(restore, never_puts_a_value_into_a_url) {
  token_map map("key", conversation("c"), "");
  const auto t = iban_token(map, "DE89");
  const std::vector<std::string> kept = {"https://evil.example/?q=T", "see (Http://evil.example/T)", "//evil.example/T", "www.evil.example/T", "evil.example/T", "evil.example?T",
                                         "ftp://T", "mailto:a@b.example?subject=T", "![x](https://evil.example/a T)", "[x](T)", "[x](\n T)", "![](<https://e.example/a b T>)",
                                         "[a](b(c)T)", "[a](b\\)T)", "[1]: https://e.example/T", "[1]: T", "[1]:\n  <a T>", "<img src=\"https://e.example/a T\">", "<img src='x T'>",
                                         "<img alt=x src = xT>", "<a href=T>", "<x-y a=\"b>T\">", "https://a.example/<b>T", "https://a.exampleT", "https://a.example/,T", "https://a.example/\"T", "`//`T", "<a href=\"https://a.example\">T</a>"};
  for (auto text : kept) {
    text.replace(text.find('T'), 1, t);
    EXPECT_EQ(in_one(map, text), text);
    EXPECT_EQ(in_pieces(map, bytes(text)), text);
  }
  const std::vector<std::string> back = {"T", "a/b: T", "(T)", "[T](https://a.example)", "https://a.example T", "\"https://a.example/\", \"T\"", "see [1] T", "[1]: x T", "a < b, T",
                                         "![x](y) T", "<b>T</b>", "<a href=\"x\">T</a>", "IBAN:T", "1.5 T", "e.g. T/U", "f(x)[0]T", "[a](b\n\nT", "`//` T", "\\](T)"};
  for (auto text : back) {
    const auto at = text.find('T');
    auto expected = text;
    text.replace(at, 1, t);
    expected.replace(at, 1, "DE89");
    EXPECT_EQ(in_one(map, text), expected);
    EXPECT_EQ(in_pieces(map, bytes(text)), expected);
  }
}

TEST(restore, a_url_goes_on_behind_a_token_that_stayed_in_it) {
  token_map map("key", conversation("c"), "");
  const auto a = iban_token(map, "DE89"), b = iban_token(map, "FR76");
  for (const auto& text : {"https://e.example/" + a + b, "https://e.example/" + a + "<IBAN_bogus>" + b, "[x](" + a + " " + b + ")"}) {
    EXPECT_EQ(in_one(map, text), text);
    EXPECT_EQ(in_pieces(map, bytes(text)), text);
  }
  EXPECT_EQ(in_one(map, "[x](" + a + ") " + b), "[x](" + a + ") FR76");
  EXPECT_EQ(in_one(map, a + b), "DE89FR76");
}

// What a token is, once more: at each place the longest token of the list, not in a word with "//" in it.
std::string by_hand(const std::vector<std::pair<std::string, std::string>>& pairs, const std::string& text) {
  std::string out;
  bool url = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::pair<std::string, std::string>* best = nullptr;
    for (const auto& p : pairs) {
      if (text.compare(at, p.first.size(), p.first) == 0 && (best == nullptr || p.first.size() > best->first.size())) best = &p;
    }
    if (best == nullptr) {
      if (text[at] == ' ') url = false;
      if (text[at] == '/' && at > 0 && text[at - 1] == '/') url = true;
      out += text[at++];
      continue;
    }
    out += url ? best->first : best->second;
    at += best->first.size();
  }
  return out;
}

TEST(restore, any_cut_gives_what_the_whole_text_gives) {
  token_map map("key", conversation("c"), "");
  std::vector<std::pair<std::string, std::string>> pairs;
  std::vector<std::string> pieces = {" ", "//", "x", "<", "<IBAN_", ">", "é", "<IBAN_bcdf>"};
  for (const char* value : {"DE89", "FR76", "//", "GB33"}) {
    pairs.emplace_back(iban_token(map, value), value);
    pieces.push_back(pairs.back().first);
    pieces.push_back(pairs.back().first.substr(0, 9));
    pieces.push_back(pairs.back().first.substr(9));
  }
  std::mt19937 rng(3);
  std::size_t changed = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto n = 1 + rng() % 10; n > 0; --n) text += pieces[rng() % pieces.size()];
    const auto expected = by_hand(pairs, text);
    changed += expected != text;
    ASSERT_EQ(in_one(map, text), expected) << text;
    ASSERT_EQ(in_pieces(map, bytes(text)), expected) << text;
    std::vector<std::string> cut(1);
    for (const auto& b : bytes(text)) {
      if (rng() % 4 == 0) cut.emplace_back();
      cut.back() += b;
    }
    ASSERT_EQ(in_pieces(map, cut), expected) << text;
  }
  EXPECT_GT(changed, 1000u);
}

TEST(restore, goes_with_what_the_rules_changed) {
  token_map map("key", conversation("c"), "");
  const auto t = iban_token(map, "DE89");
  const auto text = "a secret, " + t + " and " + t.substr(0, 5) + "XX" + t.substr(5) + " end";
  const auto at = static_cast<std::uint32_t>(text.find("XX"));
  const auto apply = [&](const std::vector<edit>& all) {
    std::string out;
    std::size_t from = 0;
    for (const auto& e : all) {
      out += text.substr(from, e.begin - from) + e.replacement;
      from = e.end;
    }
    return out + text.substr(from);
  };
  const edit redacts{3, 2, 8, "[S]"}, joins{3, at, at + 2, ""};
  std::uint32_t restored = 0;
  const auto apart = with_originals(3, text, std::vector{redacts}, map, restored);
  EXPECT_EQ(restored, 1u);
  EXPECT_EQ(apart.size(), 2u);
  EXPECT_EQ(apply(apart), "a [S], DE89 and " + t.substr(0, 5) + "XX" + t.substr(5) + " end");
  // A rule that takes something out of the middle of a token leaves a token, as in a stream.
  const auto joined = with_originals(3, text, std::vector{redacts, joins}, map, restored);
  EXPECT_EQ(restored, 3u);
  EXPECT_EQ(apply(joined), "a [S], DE89 and DE89 end");
}

const std::string rules_of_the_worked_example = R"(
  - id: pii-iban
    title: IBAN
    severity: high
    category: pii.bank_account
    direction: both
    where: {roles: [user, assistant, tool]}
    match: {regex: '\b[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]){11,30}\b', validator: iban}
    action: {type: tokenize, token: "<IBAN_{n}>", restore: true, vault_ttl: 15m}
    relaxable: false
    tests:
      - {name: valid, request: "Pay DE89370400440532013000 please", expect: {rules: [pii-iban], action: tokenize, text: "Pay <IBAN_1> please"}}
      - {name: bad-checksum, request: "Pay DE00370400440532013000 please", expect: {rules: [], action: allow}}
      - {name: twice, request: "DE89370400440532013000, GB33BUKB20201555555555, DE89370400440532013000", expect: {rules: [pii-iban], text: "<IBAN_1>, <IBAN_2>, <IBAN_1>"}}
      - {name: invented, response: "Send it to GB33BUKB20201555555555 now or to DE89370400440532013000", expect: {rules: [pii-iban], action: tokenize, text: "Send it to <IBAN_1> now or to <IBAN_2>"}}
      - {name: other message, messages: [{role: user, content: "GB33BUKB20201555555555"}, {role: user, content: "DE89370400440532013000"}], expect: {rules: [pii-iban], text: "<IBAN_2>"}}
)";

TEST(tokenize, the_worked_example_passes_its_own_tests) {
  const auto report = built(one_policy(rules_of_the_worked_example));
  EXPECT_NE(report.snapshot, nullptr);
  EXPECT_EQ(report.found.size(), 0u) << to_text(report.found);
}

TEST(tokenize, in_shadow_changes_nothing) {
  const auto report = built(one_policy(rules_of_the_worked_example));
  ASSERT_NE(report.snapshot, nullptr);
  scratch working;
  const auto who = conversation("c");
  token_map tokens("key", who, "");
  const text_part part{role::user, part_kind::text, true, true, "Pay DE89370400440532013000"};
  const auto o = evaluate(report.snapshot->rules_for(who), {&part, 1}, {.global_shadow = true, .who = &who, .tokens = &tokens}, working);
  EXPECT_EQ(o.verdict, verdict::allow);
  EXPECT_EQ(o.shadow_verdict, verdict::edit);
  EXPECT_TRUE(o.edits.empty());
  EXPECT_FALSE(tokens.restores());
}

TEST(tokenize, where_a_rule_without_restore_overlaps_the_value_stays_out) {
  const auto report = built(one_policy(R"(
  - id: number
    direction: both
    match: {regex: '[0-9]{6}'}
    action: {type: tokenize, token: "<N_{n}>", restore: true}
    tests: [{name: a, request: "123456", expect: {rules: [number]}}, {name: b, request: x, expect: {rules: []}}]
  - id: word
    direction: both
    match: {keywords: [id 123456]}
    action: {type: rewrite, replacement: "an id"}
    tests: [{name: a, request: "id 123456", expect: {rules: [number, word], text: "<N_1>"}}, {name: b, request: x, expect: {rules: []}}]
)"));
  ASSERT_NE(report.snapshot, nullptr) << to_text(report.found);
  scratch working;
  token_map tokens("key", conversation("c"), "");
  const text_part both{role::user, part_kind::text, true, true, "id 123456"}, alone{role::user, part_kind::text, true, true, "123456"};
  const auto& rules = report.snapshot->rules_for({});
  EXPECT_EQ(evaluate(rules, {&both, 1}, {.tokens = &tokens}, working).edits.size(), 1u);
  EXPECT_FALSE(tokens.restores());
  EXPECT_EQ(evaluate(rules, {&alone, 1}, {.tokens = &tokens}, working).edits.size(), 1u);
  EXPECT_TRUE(tokens.restores());
}

TEST(tokenize, restore_in_a_rule_for_answers_is_told_to_do_nothing) {
  EXPECT_TRUE(testing::says(testing::checked(one_policy(R"(
  - id: r
    direction: response
    match: {keywords: [needle]}
    action: {type: tokenize, restore: true}
    tests: [{name: a, response: needle, expect: {rules: [r]}}, {name: b, response: x, expect: {rules: []}}]
)")), "restore does nothing in a rule for answers"));
}

}  // namespace
}  // namespace sluice::policy
