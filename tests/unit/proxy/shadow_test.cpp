// Shadow changes nothing. Property: random rules of every action that enforce, with and without random rules of every action in shadow
// beside them, in every dialect, plain and streamed: the upstream is sent the same bytes, and the client has the same bytes after each
// piece that arrives. And the global switch makes of all rules what no rules are.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "spoken.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;
using policy::action;

constexpr const char* words[] = {"alder", "birch", "cedar", "delta", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper", "kapok", "larch"};

class author {
 public:
  explicit author(std::uint32_t seed) : random_(seed) {}
  std::size_t roll(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

  std::string text(std::size_t most) {
    std::string out;
    for (auto n = 1 + roll(most); n > 0; --n) out += std::string(words[roll(std::size(words))]) + (roll(6) == 0 ? ", " : " ");
    return out;
  }
  std::vector<std::string> in_pieces(const std::string& whole) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < whole.size();) {
      const auto n = std::min(whole.size() - at, 1 + roll(7));
      out.push_back(whole.substr(at, n));
      at += n;
    }
    return out;
  }

  // One rule of an action, with the tests that the checker asks for.
  std::string rule(const std::string& id, action what, bool shadow) {
    const bool answers_only = what == action::append || what == action::require_disclaimer, requests_only = what == action::inject_system;
    const auto way = answers_only ? 1 : requests_only ? 0 : roll(3);
    static constexpr const char* ways[] = {"request", "response", "both"};
    const std::string first = words[roll(std::size(words))], second = words[roll(std::size(words))];
    const std::string pair = first == second ? first : first + " " + second;
    const auto look = roll(3);
    const std::string match = look == 0   ? "{keywords: [" + pair + "]}"
                              : look == 1 ? "{keywords: [" + pair.substr(0, 3) + "], boundary: none}"
                                          : "{regex: '\\b" + first.substr(0, 2) + "\\w{1,5}\\b'}";
    std::string full;
    const auto does = act(what, way != 1, full);
    const std::string kind = way == 1 ? "response" : "request";
    return "  - id: " + id + "\n    direction: " + ways[way] + "\n    match: " + match + "\n    action: " + does + "\n" + full + (roll(3) == 0 ? "    score: 1\n" : "") +
           (shadow ? "    enforcement: shadow\n" : roll(8) == 0 ? "    rollout: {percentage: 0}\n" : "") + "    tests:\n      - {name: hit, " + kind + ": " + pair + ", expect: {" +
           (shadow ? "shadow" : "rules_any") + ": [" + id + "]}}\n      - {name: miss, " + kind + ": zzz, expect: {rules: []}}\n";
  }

 private:
  std::string act(action what, bool of_requests, std::string& more) {
    switch (what) {
      case action::allow: return "{type: allow}";
      case action::flag: return "{type: flag}";
      case action::tag: return "{type: tag, tags: [wood]}";
      case action::append: return "{type: append, text: \" That is all.\", on_structured: " + std::string(roll(2) == 0 ? "skip}" : "block}");
      case action::require_disclaimer: {
        const auto missing = roll(3);
        if (missing != 0) more = "    stream: {hold: full}\n";
        return missing == 0 ? "{type: require_disclaimer, disclaimer: plain}" : missing == 1 ? "{type: require_disclaimer, disclaimer: plain, on_missing: rewrite, replacement: Withheld.}"
                                                                              : "{type: require_disclaimer, disclaimer: plain, on_missing: block, message: No.}";
      }
      case action::inject_system: return roll(2) == 0 ? "{type: inject_system, text: Be brief., on_structured: skip}" : "{type: inject_system, text: Be kind., position: prepend, on_structured: block}";
      case action::rewrite: return "{type: rewrite, replacement: tree}";
      case action::tokenize: return of_requests ? "{type: tokenize, token: \"<TREE_{n}>\", restore: true}" : "{type: tokenize, token: \"<TREE_{n}>\"}";
      case action::redact: return roll(2) == 0 ? "{type: redact, mask: \"[T]\", hash: true}" : "{type: redact, mask: \"[T]\", keep_last: 2}";
      case action::block: return "{type: block, message: Not here., message_in_stream: true, http_status: " + std::string(roll(2) == 0 ? "200}" : "400}");
    }
    return {};
  }
  std::mt19937 random_;
};

// The rules of one round: those that enforce, and the same with others in shadow between them.
struct rule_pair {
  std::string enforced, with_shadow;
};

rule_pair random_rules(author& of, bool blocks) {
  const std::string head = "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\ndisclaimers: {plain: {text: \" No advice.\"}}\n" +
                           std::string(blocks ? "thresholds: {anomaly: {request: 3, response: 3}}\n" : "") + "rules:\n";
  rule_pair out{head, head};
  for (int i = 0; i < 4; ++i) {
    // A round in which nothing may stop an exchange shows what is done to those that go on.
    const auto one = of.rule("e" + std::to_string(i), static_cast<action>(of.roll(policy::action_count - (blocks ? 0 : 1))), false);
    out.enforced += one;
    out.with_shadow += one;
    for (int k = 0; k < 3; ++k) out.with_shadow += of.rule("s" + std::to_string(i) + std::to_string(k), static_cast<action>(of.roll(policy::action_count)), true);
  }
  return out;
}

// A rule that is in force for conversations with a tag: a tag that is only tried must not bring it in.
const std::string tagged = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: q, owner: o}
rules:
  - id: q1
    direction: both
    match: {keywords: [juniper]}
    action: {type: redact, mask: "[Q]"}
    tests: [{name: hit, request: juniper, expect: {rules_any: [q1]}}, {name: miss, request: zzz, expect: {rules: []}}]
)";

std::shared_ptr<const policy::snapshot> made_of(const std::string& yaml) {
  static const auto backend = match::in_process_backend();
  static policy::shard_cache cache{""};
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: p, bind: {scope: global}}\n"
                                                                 "  - {use: q, bind: {conversation_tag: [wood]}}\n"));
  source.files.push_back(policy::make_source_file("p.yaml", yaml));
  source.files.push_back(policy::make_source_file("q.yaml", tagged));
  policy::diagnostics found;
  auto bundle = policy::parse(source, found);
  if (!policy::has_errors(found)) policy::check(bundle, parse_time("2026-11-23").value(), found);
  auto out = policy::has_errors(found) ? nullptr : policy::compile(bundle, *backend, cache, found);
  EXPECT_NE(out, nullptr) << policy::to_text(found) << yaml;
  return out;
}

said random_words(author& of) {
  const auto answer = of.text(8);
  return {{of.text(2), of.text(4), of.text(4), of.text(4)}, {of.in_pieces(answer), of.roll(3) == 0 ? of.text(2) : ""}};
}

void expect_same(const seen& plain, const seen& shadowed) {
  EXPECT_EQ(plain.upstream, shadowed.upstream);
  EXPECT_EQ(plain.client, shadowed.client);
  EXPECT_EQ(plain.after, shadowed.after) << "what leaves leaves with the same piece";
  EXPECT_EQ(plain.tags, shadowed.tags);
  EXPECT_EQ(plain.verdict, shadowed.verdict);
}

TEST(shadow, rules_of_every_action_beside_any_that_enforce_change_no_byte_in_any_dialect) {
  std::map<std::string, std::set<action>> tried;             // by dialect and way
  std::map<std::string, std::set<policy::verdict>> verdicts;
  author of(29);
  for (int round = 0; round < 60; ++round) {
    const auto rules = random_rules(of, round % 2 == 0);
    const auto enforced = made_of(rules.enforced), with_shadow = made_of(rules.with_shadow);
    ASSERT_TRUE(enforced != nullptr && with_shadow != nullptr);
    for (const auto& who : speakers()) {
      for (const bool stream : {false, true}) {
        for (int i = 0; i < 3; ++i) {
          const auto what = random_words(of);
          const auto plain = exchanged(enforced, who, what, stream), shadowed = exchanged(with_shadow, who, what, stream);
          expect_same(plain, shadowed);
          ASSERT_FALSE(HasFailure()) << "round " << round << ", " << who.name << (stream ? ", streamed\n" : ", plain\n") << rules.with_shadow << what.asks.last << "\n" << what.answers.whole();
          const auto at = std::string(who.name) + (stream ? ", streamed" : ", plain");
          tried[at].insert(shadowed.tried.begin(), shadowed.tried.end());
          verdicts[at].insert(plain.verdict);
        }
      }
    }
  }
  EXPECT_EQ(tried.size(), 2 * speakers().size());
  for (const auto& [at, actions] : tried) EXPECT_EQ(actions.size(), policy::action_count) << at << ": not every action was in play";
  for (const auto& [at, all] : verdicts) EXPECT_EQ(all.size(), 4u) << at << ": allow, flag, edit and block are to be seen beside rules in shadow";
}

// An answer without the framing of its transfer.
std::string unframed(const std::string& answer) { return answer.substr(0, answer.find("\r\n\r\n") + 4) + body_of(answer); }

TEST(shadow, the_global_switch_makes_rules_of_every_action_change_no_byte) {
  std::set<action> tried;
  author of(31);
  const std::string head = "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n";
  // No rules, but for one that finds what nobody says.
  const auto none = made_of(head + "  - id: e\n    direction: both\n    match: {keywords: [qqqq]}\n    action: {type: allow}\n"
                                   "    tests: [{name: hit, request: qqqq, expect: {rules: [e]}}, {name: miss, request: zzz, expect: {rules: []}}]\n");
  for (int round = 0; round < 20; ++round) {
    const auto all = made_of(random_rules(of, true).with_shadow);
    ASSERT_NE(all, nullptr);
    for (const auto& who : speakers()) {
      for (const bool stream : {false, true}) {
        const auto what = random_words(of);
        const auto plain = exchanged(none, who, what, stream), shadowed = exchanged(all, who, what, stream, true);
        // Where nothing can be enforced no event is waited for, so that the chunks are others; what is in them is not.
        EXPECT_EQ(plain.upstream, shadowed.upstream);
        EXPECT_EQ(unframed(plain.client), unframed(shadowed.client));
        EXPECT_TRUE(shadowed.tags.empty());
        ASSERT_FALSE(HasFailure()) << "round " << round << ", " << who.name << (stream ? ", streamed" : ", plain");
        tried.insert(shadowed.tried.begin(), shadowed.tried.end());
      }
    }
  }
  EXPECT_EQ(tried.size(), policy::action_count);
}

}  // namespace
}  // namespace sluice::proxy
