// The contract of a comparison, held against what two versions do: where any text gets less from the newer one, it says `weaker` or `may
// weaken`. Random bundles whose rules lean on each other: by tags, sums, exceptions, overlays and disclaimers.
#include <gtest/gtest.h>

#include <random>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "trial.hpp"

namespace sluice::policy {
namespace {

using dice = std::mt19937;
std::size_t roll(dice& d, std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(d); }
template <class T, std::size_t N>
const T& pick(dice& d, const T (&from)[N]) { return from[roll(d, N)]; }

// Some are parts of others, and one is the disclaimer.
constexpr const char* words[] = {"alphacode", "betacode", "gammacode", "alphacode betacode", "code", "Itisso"};
constexpr const char* scopes[] = {"global", "global", "{region: [eu]}", "{region: [eu, us]}", "{conversation_tag: [x]}", "{conversation_tag: [x, y]}", "{conversation_tag: [y], region: [us]}"};
constexpr const char* regions[] = {"eu", "us", ""};

struct action_case {
  const char* yaml;
  bool requests, answers;
};
constexpr action_case actions[] = {
    {"{type: allow}", true, true},
    {"{type: flag}", true, true},
    {"{type: tag, tags: [x]}", true, true},
    {"{type: tag, tags: [x]}", true, true},
    {"{type: tag, tags: [y]}", true, true},
    {"{type: tag, tags: [x, y]}", true, true},
    {"{type: append, text: added}", false, true},
    {"{type: append, text: added, on_structured: block}", false, true},
    {"{type: require_disclaimer, disclaimer: d}", false, true},
    {"{type: require_disclaimer, disclaimer: d, on_missing: rewrite, replacement: r}", false, true},
    {"{type: require_disclaimer, disclaimer: d, on_missing: block, message: stopped}", false, true},
    {"{type: inject_system, text: i}", true, false},
    {"{type: rewrite, replacement: r}", true, true},
    {"{type: rewrite, replacement: Itisso}", true, true},
    {"{type: tokenize, token: \"<{n}>\"}", true, true},
    {"{type: tokenize, token: \"<{n}>\", restore: true}", true, true},
    {"{type: redact, mask: m}", true, true},
    {"{type: redact, mask: m, keep_last: 4}", true, true},
    {"{type: redact, mask: m, keep_first: 30}", true, true},
    {"{type: redact, mask: Itisso}", true, true},
    {"{type: block, message: stopped}", true, true},
};
constexpr const char* directions[] = {"request", "response", "both"};
constexpr const char* wheres[] = {"{}", "{}", "{}", "{roles: [user]}", "{roles: [user, assistant]}", "{parts: [text]}", "{messages: last_turn}"};
constexpr const char* enforcements[] = {"enforce", "enforce", "enforce", "shadow", "off"};
constexpr const char* extras[] = {"", "", "", ", case: sensitive", ", boundary: none", ", normalize: [leet]", ", min_count: 2"};
constexpr const char* whens[] = {"when: {conversation_tag: [x]}", "when: {conversation_tag: [y]}", "when: {region: [eu]}", "match: {keywords: [betacode]}"};
constexpr const char* sums[] = {"", "", "{request: 4, response: 4}", "{request: 4}", "{request: 2, response: 2, action: flag}", "{request: 6, response: 6}"};

struct random_rule {
  std::string id;
  std::vector<std::string> looks_for;
  std::string extra, direction = "both", where = "{}", enforcement = "enforce", action, exception;
  std::size_t score = 0;
};
struct random_policy {
  std::string name, bind = "global", sum;
  std::vector<random_rule> rules;
};
struct random_bundle {
  std::vector<random_policy> policies;
  std::string patched, patch, fits;  // an overlay of one rule, where there is one
};

void choose_action(random_rule& r, dice& d) {
  for (;;) {
    const auto& one = pick(d, actions);
    if ((r.direction != "response" && !one.requests) || (r.direction != "request" && !one.answers)) continue;
    r.action = one.yaml;
    return;
  }
}

random_rule made_rule(const std::string& id, dice& d) {
  random_rule out{.id = id, .looks_for = {pick(d, words)}, .extra = roll(d, 3) == 0 ? pick(d, extras) : "", .direction = pick(d, directions), .action = {}, .exception = {}};
  if (roll(d, 3) == 0) out.looks_for.emplace_back(pick(d, words));
  if (roll(d, 4) == 0) out.where = pick(d, wheres);
  if (roll(d, 4) == 0) out.enforcement = pick(d, enforcements);
  if (roll(d, 3) == 0) out.exception = pick(d, whens);
  choose_action(out, d);
  if (roll(d, 2) == 0) out.score = 1 + roll(d, 4);
  return out;
}

void choose_overlay(random_bundle& b, dice& d) {
  const auto& policy = b.policies[roll(d, b.policies.size())];
  if (policy.rules.empty()) return;
  random_rule like = policy.rules[roll(d, policy.rules.size())];
  b.patched = like.id;
  b.fits = pick(d, scopes);
  choose_action(like, d);
  switch (roll(d, 3)) {
    case 0: b.patch = "{enforcement: " + std::string(pick(d, enforcements)) + "}"; break;
    case 1: b.patch = "{score: " + std::to_string(roll(d, 4)) + "}"; break;
    default: b.patch = "{action: " + like.action + "}"; break;
  }
}

random_bundle made_bundle(dice& d) {
  random_bundle out;
  std::size_t ids = 0;
  for (std::size_t p = 0; p < 3; ++p) {
    auto& policy = out.policies.emplace_back();
    policy.name = "p" + std::to_string(p);
    policy.bind = pick(d, scopes);
    policy.sum = pick(d, sums);
    for (std::size_t n = 1 + roll(d, 2); n > 0; --n) policy.rules.push_back(made_rule("r" + std::to_string(ids++), d));
  }
  if (roll(d, 3) == 0) choose_overlay(out, d);
  return out;
}

void change(random_rule& r, dice& d) {
  switch (roll(d, 9)) {
    case 0: r.looks_for.emplace_back(pick(d, words)); break;
    case 1: r.extra = pick(d, extras); break;
    case 2: r.direction = pick(d, directions); choose_action(r, d); break;
    case 3: r.where = pick(d, wheres); break;
    case 4: r.enforcement = pick(d, enforcements); break;
    case 5: r.exception = roll(d, 2) == 0 ? "" : pick(d, whens); break;
    case 6: r.score = roll(d, 5); break;
    default: choose_action(r, d); break;
  }
}

void change(random_bundle& b, dice& d) {
  auto& policy = b.policies[roll(d, b.policies.size())];
  const auto some = policy.rules.empty() ? 0 : roll(d, policy.rules.size());
  switch (roll(d, 9)) {
    case 0: policy.rules.push_back(made_rule("n" + std::to_string(roll(d, 1000)), d)); break;
    case 1: if (!policy.rules.empty()) policy.rules.erase(policy.rules.begin() + static_cast<std::ptrdiff_t>(some)); break;
    case 2: policy.bind = pick(d, scopes); break;
    case 3: policy.sum = pick(d, sums); break;
    case 4: policy.name += "n"; break;
    case 5: {
      if (policy.rules.empty()) break;
      const auto moved = policy.rules[some];
      policy.rules.erase(policy.rules.begin() + static_cast<std::ptrdiff_t>(some));
      b.policies[roll(d, b.policies.size())].rules.push_back(moved);
      break;
    }
    case 6: choose_overlay(b, d); break;
    default: if (!policy.rules.empty()) change(policy.rules[some], d); break;
  }
}

std::string yaml_of(const random_rule& r, bool patched) {
  std::string all;
  for (const auto& word : r.looks_for) {
    if (all.find("\"" + word + "\"") == std::string::npos) all += (all.empty() ? "\"" : ", \"") + word + "\"";
  }
  const bool whole = r.direction != "request";
  return "  - {id: " + r.id + ", direction: " + r.direction + ", match: {keywords: [" + all + "]" + r.extra + "}, action: " + r.action + (r.where == "{}" ? "" : ", where: " + r.where) + ", enforcement: " + r.enforcement +
         (r.score == 0 ? "" : ", score: " + std::to_string(r.score)) + (whole ? ", stream: {hold: full}" : "") + (patched ? ", relaxable: true" : "") +
         (r.exception.empty() ? "" : ", exceptions: [{id: " + r.id + "x, reason: r, owner: o, ticket: t, expires: 2026-12-31, " + r.exception + "}]") + ", tests: [{name: hit, " +
         (r.direction == "response" ? "response" : "request") + ": " + r.looks_for[0] + ", expect: {" + (r.enforcement == "shadow" ? "shadow" : "rules_any") + ": [" + r.id + "]}}]}\n";
}

std::vector<std::pair<std::string, std::string>> files_of(const random_bundle& b) {
  std::vector<std::pair<std::string, std::string>> out;
  std::string modules;
  for (const auto& policy : b.policies) {
    std::string rules;
    for (const auto& each : policy.rules) rules += yaml_of(each, each.id == b.patched);
    if (rules.empty()) continue;
    modules += "  - {use: " + policy.name + ", bind: " + policy.bind + "}\n";
    out.emplace_back(policy.name + ".yaml", testing::policy_file(policy.name, rules, "disclaimers: {d: {text: Itisso}}\n" + (policy.sum.empty() ? "" : "thresholds: {anomaly: " + policy.sum + "}\n")));
  }
  if (!b.patched.empty()) {
    modules += "  - {use: o, bind: " + b.fits + "}\n";
    out.emplace_back("o.yaml", "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: o, owner: o}\npatches:\n  - {rule: " + b.patched + ", override: {replace: " + b.patch + "}}\n");
  }
  out.emplace_back("bundle.yaml", testing::bundle_file(modules));
  return out;
}

std::string text_of(const random_bundle& b) {
  std::string out;
  for (const auto& [name, bytes] : files_of(b)) out += "--- " + name + "\n" + bytes;
  return out;
}

std::optional<bundle_ast> checked(const random_bundle& b) {
  bundle_ast out;
  const auto found = testing::checked(testing::source_of(files_of(b)), &out);
  return has_errors(found) ? std::nullopt : std::optional(std::move(out));
}

std::shared_ptr<const snapshot> compiled(const bundle_ast& ast) {
  static const auto backend = match::in_process_backend();
  static shard_cache cache{""};
  diagnostics found;
  return compile(ast, *backend, cache, found);
}

// A conversation of two exchanges, whose tags are those that the first set.
struct asked {
  std::string region;
  std::vector<trial_input> turns;
};
asked random_conversation(dice& d) {
  constexpr role whose[] = {role::user, role::user, role::system, role::tool};
  constexpr part_kind kinds[] = {part_kind::text, part_kind::text, part_kind::name};
  asked out{.region = pick(d, regions), .turns = {}};
  for (int turn = 0; turn < 2; ++turn) {
    auto& input = out.turns.emplace_back();
    input.direction = roll(d, 2) == 0 ? direction::request : direction::response;
    const auto say = [&](role by, part_kind kind) {
      std::string text;
      for (std::size_t n = 1 + roll(d, 4); n > 0; --n) text += (text.empty() ? "" : " ") + std::string(roll(d, 6) == 0 ? "hay" : pick(d, words));
      if (roll(d, 8) == 0) text += "more";
      input.messages.push_back({.who = by, .content = text, .part = kind});
    };
    if (input.direction == direction::response) {
      say(role::assistant, part_kind::text);
      continue;
    }
    if (roll(d, 3) == 0) {
      say(role::user, part_kind::text);
      say(role::assistant, part_kind::text);
    }
    say(pick(d, whose), pick(d, kinds));
  }
  return out;
}

// How much of a word can be read in a text: the longest piece of its begin or end, of four letters or more.
std::size_t readable(const std::string& word, const std::string& in) {
  for (std::size_t n = word.size(); n >= 4; --n) {
    if (in.contains(word.substr(0, n)) || in.contains(word.substr(word.size() - n))) return n;
  }
  return 0;
}

// Why the second did less to the text than the first; empty: it did not.
std::string less(const trial_outcome& before, const trial_outcome& after) {
  if (after.verdict < before.verdict) return std::string(to_string(before.verdict)) + " → " + std::string(to_string(after.verdict));
  if (after.verdict == verdict::block) return {};
  if (before.edited.contains("added") && !after.edited.contains("added")) return "nothing is added";
  for (const std::string word : {"alphacode", "betacode", "gammacode"}) {
    if (readable(word, after.edited) > readable(word, before.edited)) return word + " can be read";
  }
  return {};
}

std::string got_less(const asked& who, const snapshot& a, const snapshot& b, scratch& working, bool& differs) {
  std::vector<std::string> tags_a, tags_b;
  for (auto turn : who.turns) {
    turn.who.region = who.region;
    turn.who.tags = tags_a;
    const auto before = try_whole(a, turn, working);
    turn.who.tags = tags_b;
    const auto after = try_whole(b, turn, working);
    differs = differs || before.verdict != after.verdict;
    if (const auto why = less(before, after); !why.empty()) return why + ", region '" + who.region + "': " + turn.messages.back().content + " → " + before.edited + " | " + after.edited;
    tags_a = before.tags;
    tags_b = after.tags;
  }
  return {};
}

TEST(policy_diff, says_so_wherever_a_text_gets_less) {
  dice d(29);
  scratch working;
  std::size_t held = 0, differ = 0, weaker = 0;
  for (int round = 0; round < 6000; ++round) {
    const auto before = made_bundle(d);
    auto after = before;
    for (auto n = 1 + roll(d, 2); n > 0; --n) change(after, d);
    const auto a = checked(before), b = checked(after);
    if (!a || !b) continue;
    if (diff(*a, *b).effect >= effect::may_weaken) {
      ++weaker;
      continue;
    }
    const auto old = compiled(*a), made = compiled(*b);
    ASSERT_TRUE(old != nullptr && made != nullptr) << round;
    ++held;
    bool differs = false;
    for (int texts = 0; texts < 60; ++texts) {
      const auto why = got_less(random_conversation(d), *old, *made, working, differs);
      ASSERT_TRUE(why.empty()) << "round " << round << ", said to be " << to_string(diff(*a, *b).effect) << ": " << why << "\n==== before\n" << text_of(before) << "\n==== after\n" << text_of(after);
    }
    differ += differs ? 1 : 0;
  }
  EXPECT_GT(held, 500u);
  EXPECT_GT(differ, 100u) << "too few of them differ in anything";
  EXPECT_GT(weaker, 500u);
}

}  // namespace
}  // namespace sluice::policy
