// Composition and comparison against a slow oracle that knows nothing of tables: random bundles, every context that they tell apart.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "built.hpp"
#include "sluice/policy/diff.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

using dice = std::mt19937;
std::size_t roll(dice& d, std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(d); }

// Business hours of Berlin on weekdays, and nights of Tokyo.
constexpr const char* window_yaml[] = {"{tz: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: \"09:00\", to: \"17:00\"}",
                                       "{tz: Asia/Tokyo, from: \"22:00\", to: \"06:00\"}"};
// In December: Wednesday noon in Berlin (night nowhere: 20:00 in Tokyo), Wednesday 14:30 in Berlin (22:30 in Tokyo), Sunday night of
// both, Sunday noon in Berlin.
constexpr const char* times[] = {"2026-12-02T11:00:00Z", "2026-12-02T13:30:00Z", "2026-12-06T20:00:00Z", "2026-12-06T11:00:00Z"};
constexpr bool in_window[4][2] = {{true, false}, {true, true}, {false, true}, {false, false}};

struct model_scope {
  std::vector<std::string> region, tenant, tag;
  int window = -1;

  [[nodiscard]] bool fits(const context& who, std::size_t time) const {
    const auto axis = [](const std::vector<std::string>& wanted, const std::string& value) {
      return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
    };
    const bool tags = tag.empty() || std::ranges::any_of(tag, [&](const auto& t) { return std::ranges::find(who.tags, t) != who.tags.end(); });
    return axis(region, who.region) && axis(tenant, who.tenant) && tags && (window < 0 || in_window[time][window]);
  }
  [[nodiscard]] std::string yaml() const {
    const auto list = [](const std::vector<std::string>& all) {
      std::string out = "[";
      for (const auto& each : all) out += (out.size() > 1 ? ", " : "") + each;
      return out + "]";
    };
    std::string out;
    const auto say = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
    if (!region.empty()) say("region: " + list(region));
    if (!tenant.empty()) say("tenant: " + list(tenant));
    if (!tag.empty()) say("conversation_tag: " + list(tag));
    if (window >= 0) say(std::string("time: ") + window_yaml[window]);
    return out.empty() ? "global" : "{" + out + "}";
  }
};

// Every action of the language, as a rule says it, as a finding of it is told, and how strong it is.
struct model_action {
  const char* yaml;
  action told;
  int strength;
  bool requests, answers;
};
constexpr model_action actions[] = {
    {"{type: allow}", action::allow, 0, true, true},
    {"{type: flag}", action::flag, 1, true, true},
    {"{type: tag, tags: [z]}", action::tag, 1, true, true},
    {"{type: append, text: a}", action::append, 2, false, true},
    {"{type: require_disclaimer, disclaimer: d}", action::require_disclaimer, 2, false, true},
    {"{type: inject_system, text: i}", action::inject_system, 3, true, false},
    {"{type: rewrite, replacement: r}", action::rewrite, 4, true, true},
    {"{type: require_disclaimer, disclaimer: d, on_missing: rewrite, replacement: r}", action::rewrite, 4, false, true},
    {"{type: tokenize}", action::tokenize, 5, true, true},
    {"{type: redact}", action::redact, 6, true, true},
    {"{type: block, message: stopped}", action::block, 7, true, true},
    {"{type: require_disclaimer, disclaimer: d, on_missing: block, message: stopped}", action::block, 7, false, true},
};
constexpr const char* enforcements[] = {"shadow", "enforce", "off"};
constexpr std::size_t enforced = 1, off = 2;

// Whose words a rule of requests looks at: a bit a role. A rule of answers looks at the assistant's, the second bit.
constexpr role roles[] = {role::system, role::user, role::tool};
constexpr unsigned every_role = 7, the_assistant = 2;
std::string roles_yaml(unsigned mask) {
  std::string out;
  for (std::size_t i = 0; i < std::size(roles); ++i) {
    if ((mask >> i & 1) != 0) out += (out.empty() ? "" : ", ") + std::string(to_string(roles[i]));
  }
  return "[" + out + "]";
}

struct model_rule {
  std::string id;
  bool answers = false;  // the direction that it looks at
  unsigned roles = every_role;
  std::size_t action = 0, enforcement = enforced;
  bool relaxable = false;
  std::vector<std::pair<std::string, model_scope>> exceptions;
};
struct model_policy {
  std::string name;
  std::vector<model_scope> binds;
  std::vector<model_rule> rules;
  bool on_record = false;  // audit.on_full: block
};
struct model_overlay {
  std::string name;
  std::vector<model_scope> binds;
  std::map<std::string, std::size_t> action, enforcement;  // by rule
  std::map<std::string, unsigned> roles;
  bool on_record = false;
};
struct model_bundle {
  std::vector<model_policy> policies;
  std::vector<model_overlay> overlays;
};

model_scope random_scope(dice& d) {
  model_scope out;
  const auto pick = [&](std::vector<std::string>& into, std::initializer_list<const char*> from) {
    for (const char* each : from) {
      if (roll(d, 2) == 0) into.emplace_back(each);
    }
  };
  if (roll(d, 2) == 0) pick(out.region, {"eu", "us"});
  if (roll(d, 2) == 0) pick(out.tenant, {"a", "b", "c"});
  if (roll(d, 4) == 0) pick(out.tag, {"x", "y"});
  if (roll(d, 5) == 0) out.window = static_cast<int>(roll(d, 2));
  return out;
}

std::size_t random_action(dice& d, bool answers) {
  for (;;) {
    const auto one = roll(d, std::size(actions));
    if (answers ? actions[one].answers : actions[one].requests) return one;
  }
}
unsigned random_roles(dice& d) { return roll(d, 2) == 0 ? every_role : 1 + static_cast<unsigned>(roll(d, every_role)); }
std::size_t random_enforcement(dice& d) { return roll(d, 4) != 0 ? enforced : roll(d, 2) == 0 ? off : 0; }

model_bundle random_bundle(dice& d) {
  model_bundle out;
  for (std::size_t p = 0, n = 1 + roll(d, 3); p < n; ++p) {
    auto& policy = out.policies.emplace_back();
    policy.name = "p" + std::to_string(p);
    policy.on_record = roll(d, 4) == 0;
    for (std::size_t b = 0, binds = 1 + roll(d, 2); b < binds; ++b) policy.binds.push_back(random_scope(d));
    for (std::size_t r = 0, rules = 1 + roll(d, 3); r < rules; ++r) {
      auto& rule = policy.rules.emplace_back();
      rule.id = policy.name + "r" + std::to_string(r);
      rule.answers = roll(d, 2) == 0;
      rule.roles = rule.answers ? the_assistant : random_roles(d);
      rule.action = random_action(d, rule.answers);
      rule.enforcement = random_enforcement(d);
      rule.relaxable = roll(d, 2) == 0;
      if (roll(d, 4) == 0) {
        auto when = random_scope(d);
        if (when.yaml() == "global") when.tenant = {"a"};
        rule.exceptions.emplace_back(rule.id + "x", when);
      }
    }
  }
  for (std::size_t o = 0, n = roll(d, 3); o < n; ++o) {
    auto& overlay = out.overlays.emplace_back();
    overlay.name = "o" + std::to_string(o);
    overlay.on_record = roll(d, 4) == 0;
    overlay.binds.push_back(random_scope(d));
    for (const auto& policy : out.policies) {
      for (const auto& rule : policy.rules) {
        if (roll(d, 3) != 0) continue;
        if (o == 0) overlay.action[rule.id] = random_action(d, rule.answers);
        else if (rule.answers || roll(d, 2) == 0) overlay.enforcement[rule.id] = random_enforcement(d);
        else overlay.roles[rule.id] = random_roles(d);
      }
    }
    if (overlay.action.empty() && overlay.enforcement.empty() && overlay.roles.empty()) out.overlays.pop_back();
  }
  return out;
}

std::string rule_yaml(const model_rule& rule) {
  const std::string list = rule.enforcement == 0 ? "shadow: [" + rule.id + "]" : "rules: [" + rule.id + "]", side = rule.answers ? "response" : "request";
  std::string out = "  - id: " + rule.id + "\n    direction: " + side + "\n    match: {keywords: [word" + rule.id + "]}\n    action: " + actions[rule.action].yaml + "\n    enforcement: " +
                    enforcements[rule.enforcement] + (rule.answers ? "\n    stream: {hold: full}" : "") +
                    (rule.answers || rule.roles == every_role ? "" : "\n    where: {roles: " + roles_yaml(rule.roles) + "}") + (rule.relaxable ? "\n    relaxable: true" : "") +
                    "\n    tests:\n      - {name: hit, context: {tier: t}, " + side + ": word" + rule.id + ", expect: {" + list + "}}\n      - {name: miss, " + side + ": hay, expect: {rules: []}}\n";
  if (!rule.exceptions.empty()) out += "    exceptions:\n";
  for (const auto& [id, when] : rule.exceptions) {
    out += "      - {id: " + id + ", when: " + when.yaml() + ", reason: r, owner: o, ticket: t, expires: 2026-12-31}\n";
  }
  return out;
}

constexpr auto on_record_yaml = "audit: {on_full: block}\n";

bundle_source source_of(const model_bundle& bundle, dice* shuffled = nullptr) {
  std::vector<std::string> modules;
  std::vector<std::pair<std::string, std::string>> files;
  const auto add_file = [&](const std::string& name, const std::string& bytes) { files.emplace_back(name + ".yaml", bytes); };
  for (const auto& policy : bundle.policies) {
    for (const auto& bind : policy.binds) modules.push_back("  - {use: " + policy.name + ", bind: " + bind.yaml() + "}\n");
    std::string rules;
    for (const auto& rule : policy.rules) rules += rule_yaml(rule);
    add_file(policy.name, testing::policy_file(policy.name, rules, std::string("disclaimers: {d: {text: It is so.}}\n") + (policy.on_record ? on_record_yaml : "")));
  }
  for (const auto& overlay : bundle.overlays) {
    for (const auto& bind : overlay.binds) modules.push_back("  - {use: " + overlay.name + ", bind: " + bind.yaml() + "}\n");
    std::string patches;
    for (const auto& [rule, to] : overlay.action) {
      patches += "  - {rule: " + rule + ", override: {replace: {action: " + actions[to].yaml + "}}}\n";
    }
    for (const auto& [rule, to] : overlay.enforcement) patches += "  - {rule: " + rule + ", override: {replace: {enforcement: " + enforcements[to] + "}}}\n";
    for (const auto& [rule, to] : overlay.roles) patches += "  - {rule: " + rule + ", override: {replace: {where.roles: " + roles_yaml(to) + "}}}\n";
    add_file(overlay.name, "apiVersion: sluice/v1\nkind: Overlay\nmetadata: {name: " + overlay.name + ", owner: o}\n" + (overlay.on_record ? on_record_yaml : "") + "patches:\n" + patches);
  }
  if (shuffled != nullptr) {
    std::ranges::shuffle(modules, *shuffled);
    for (auto& [name, bytes] : files) name = std::to_string(roll(*shuffled, 1'000'000)) + name;
  }
  std::string all;
  for (const auto& module : modules) all += module;
  add_file("bundle", testing::bundle_file(all));
  return testing::source_of(files);
}

bool fit(const std::vector<model_scope>& binds, const context& who, std::size_t time) {
  return std::ranges::any_of(binds, [&](const auto& b) { return b.fits(who, time); });
}
bool on_record(const model_bundle& in, const context& who, std::size_t time) {
  const auto asks = [&](const auto& each) { return each.on_record && fit(each.binds, who, time); };
  return std::ranges::any_of(in.policies, asks) || std::ranges::any_of(in.overlays, asks);
}
bool in_force(const model_policy& policy, const model_rule& rule, const context& who, std::size_t time) {
  return fit(policy.binds, who, time) && std::ranges::none_of(rule.exceptions, [&](const auto& e) { return e.second.fits(who, time); });
}

// What a rule does in a context to the words of a role, as `actions`, and whether it enforces; nothing when it is not in force, off,
// excepted or does not look there.
std::optional<std::pair<std::size_t, bool>> oracle(const model_bundle& in, const model_policy& policy, const model_rule& rule, const context& who, std::size_t time, std::size_t whose) {
  if (!in_force(policy, rule, who, time)) return std::nullopt;
  auto action = rule.action, how = rule.enforcement;
  auto looks_at = rule.roles;
  for (const auto& overlay : in.overlays) {
    if (!fit(overlay.binds, who, time)) continue;
    if (overlay.action.contains(rule.id)) action = overlay.action.at(rule.id);
    if (overlay.enforcement.contains(rule.id)) how = overlay.enforcement.at(rule.id);
    if (overlay.roles.contains(rule.id)) looks_at = overlay.roles.at(rule.id);
  }
  if (how == off || (looks_at >> whose & 1) == 0) return std::nullopt;
  return std::pair{action, how == enforced};
}

template <class F>
void each_context(F&& f) {
  for (const char* region : {"", "eu", "us", "zz"}) {
    for (const char* tenant : {"", "a", "b", "c", "zz"}) {
      for (int tags = 0; tags < 4; ++tags) {
        for (std::size_t time = 0; time < std::size(times); ++time) {
          context who;
          who.region = region;
          who.tenant = tenant;
          if ((tags & 1) != 0) who.tags.emplace_back("x");
          if ((tags & 2) != 0) who.tags.emplace_back("y");
          who.minute = minute_of(parse_time(times[time]).value());
          f(who, time);
        }
      }
    }
  }
}

// By rule and role.
using seen = std::map<std::pair<std::string, std::size_t>, std::pair<action, bool>>;

seen evaluated(const snapshot& with, const context& who, const std::string& text, scratch& working) {
  seen out;
  const auto look = [&](direction side, std::span<const text_part> parts, std::size_t first) {
    for (const auto& f : evaluate(with.rules_for(who), parts, {.direction = side}, working).findings) out[{with.rules()[f.rule].id, first + f.part}] = {f.action, f.enforced};
  };
  std::vector<text_part> asked;
  for (const auto whose : roles) asked.push_back({.role = whose, .text = text});
  look(direction::request, asked, 0);
  const text_part answered{.role = role::assistant, .text = text};
  look(direction::response, {&answered, 1}, 1);
  return out;
}

seen expected(const model_bundle& in, const context& who, std::size_t time) {
  seen out;
  for (const auto& policy : in.policies) {
    for (const auto& rule : policy.rules) {
      for (std::size_t whose = 0; whose < std::size(roles); ++whose) {
        if (const auto does = oracle(in, policy, rule, who, time, whose)) out[{rule.id, whose}] = {actions[does->first].told, does->second};
      }
    }
  }
  return out;
}

std::string every_word(const model_bundle& in) {
  std::string out;
  for (const auto& policy : in.policies) {
    for (const auto& rule : policy.rules) out += "word" + rule.id + " ";
  }
  return out;
}

std::shared_ptr<const snapshot> compiled(const bundle_source& source, bundle_ast* ast = nullptr, diagnostics* said = nullptr) {
  static const auto backend = match::in_process_backend();
  static shard_cache cache{""};
  diagnostics found;
  bundle_ast made = parse(source, found);
  if (!has_errors(found)) check(made, testing::today, found);
  auto out = has_errors(found) ? nullptr : compile(made, *backend, cache, found);
  if (ast != nullptr) *ast = std::move(made);
  if (said != nullptr) *said = std::move(found);
  return out;
}

int strength(const std::optional<std::pair<std::size_t, bool>>& does) { return does && does->second ? actions[does->first].strength : 0; }

TEST(policy_composition, is_what_a_slow_oracle_says_in_every_context) {
  dice d(7);
  scratch working;
  std::size_t accepted = 0, refused = 0;
  for (int round = 0; round < 300; ++round) {
    const auto model = random_bundle(d);
    diagnostics found;
    const auto made = compiled(source_of(model), nullptr, &found);
    if (made == nullptr) {
      ++refused;
      EXPECT_TRUE(testing::says(found, "weaker")) << round;  // nothing else is wrong with these bundles
      continue;
    }
    ++accepted;
    const std::string text = every_word(model);
    each_context([&](const context& who, std::size_t time) {
      ASSERT_EQ(evaluated(*made, who, text, working), expected(model, who, time)) << "round " << round << " " << who.region << " " << who.tenant << " " << time;
      ASSERT_EQ(needs_record(made->rules_for(who)), on_record(model, who, time)) << "round " << round;
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(accepted, 100u);
  EXPECT_GT(refused, 30u);
}

TEST(policy_composition, never_ends_weaker_in_a_narrower_scope_than_what_is_not_relaxable) {
  dice d(11);
  std::size_t looked_at = 0;
  for (int round = 0; round < 400; ++round) {
    const auto model = random_bundle(d);
    if (compiled(source_of(model)) == nullptr) continue;
    for (const auto& policy : model.policies) {
      for (const auto& rule : policy.rules) {
        if (rule.relaxable) continue;
        each_context([&](const context& who, std::size_t time) {
          for (std::size_t whose = 0; whose < std::size(roles); ++whose) {
            if (!in_force(policy, rule, who, time) || (rule.roles >> whose & 1) == 0) continue;
            ++looked_at;
            ASSERT_GE(strength(oracle(model, policy, rule, who, time, whose)), rule.enforcement == enforced ? actions[rule.action].strength : 0) << "round " << round << " " << rule.id;
          }
        });
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(looked_at, 10'000u);
}

TEST(policy_composition, does_not_depend_on_the_order_of_files_or_modules) {
  dice d(13);
  scratch working;
  for (int round = 0; round < 100; ++round) {
    const auto model = random_bundle(d);
    const auto one = compiled(source_of(model)), other = compiled(source_of(model, &d));
    ASSERT_EQ(one == nullptr, other == nullptr) << round;
    if (one == nullptr) continue;
    const std::string text = every_word(model);
    each_context([&](const context& who, std::size_t) {
      ASSERT_EQ(evaluated(*one, who, text, working), evaluated(*other, who, text, working)) << round;
      ASSERT_EQ(effective_hash(one->rules_for(who)), effective_hash(other->rules_for(who))) << round;
    });
    if (HasFatalFailure()) return;
  }
}

// One thing is changed: a bind, an action, an enforcement, an exception, an overlay, whether what cannot be recorded is refused.
model_bundle changed(model_bundle in, dice& d) {
  auto& policy = in.policies[roll(d, in.policies.size())];
  auto& rule = policy.rules[roll(d, policy.rules.size())];
  switch (roll(d, 8)) {
    case 0: policy.binds[0] = random_scope(d); break;
    case 1: rule.action = random_action(d, rule.answers); break;
    case 2: rule.enforcement = rule.enforcement == enforced ? roll(d, 2) * off : enforced; break;
    case 3: rule.exceptions.clear(); break;
    case 6: policy.on_record = !policy.on_record; break;
    case 4:
      if (!rule.answers) rule.roles = random_roles(d);
      break;
    case 5:
      if (!in.overlays.empty()) in.overlays.pop_back();
      break;
    default:
      if (!in.overlays.empty()) in.overlays[0].binds[0] = random_scope(d);
      break;
  }
  return in;
}

TEST(policy_diff, finds_every_weakening_that_the_oracle_finds_and_no_other) {
  dice d(17);
  std::size_t weaker = 0, not_weaker = 0;
  for (int round = 0; round < 400; ++round) {
    const auto before = random_bundle(d);
    const auto after = changed(before, d);
    bundle_ast a, b;
    if (compiled(source_of(before), &a) == nullptr || compiled(source_of(after), &b) == nullptr) continue;
    std::set<std::string> oracle_says, diff_says;
    for (std::size_t p = 0; p < before.policies.size(); ++p) {
      for (std::size_t r = 0; r < before.policies[p].rules.size(); ++r) {
        each_context([&](const context& who, std::size_t time) {
          for (std::size_t whose = 0; whose < std::size(roles); ++whose) {
            const int was = strength(oracle(before, before.policies[p], before.policies[p].rules[r], who, time, whose));
            const int now = strength(oracle(after, after.policies[p], after.policies[p].rules[r], who, time, whose));
            if (now < was) oracle_says.insert(before.policies[p].rules[r].id);
          }
        });
      }
    }
    each_context([&](const context& who, std::size_t time) {
      if (on_record(before, who, time) && !on_record(after, who, time)) oracle_says.insert("audit.on_full");
    });
    const auto found = diff(a, b);
    for (const auto& change : found.rules) {
      if (change.effect == effect::weaker) diff_says.insert(change.rule);
    }
    for (const auto& change : found.bundle) {
      if (change.starts_with("audit.on_full: block is not asked for any more: ")) diff_says.insert("audit.on_full");
    }
    ASSERT_TRUE(!diff_says.contains("audit.on_full") || found.effect == effect::weaker) << "round " << round;
    ASSERT_EQ(diff_says, oracle_says) << "round " << round;
    (oracle_says.empty() ? not_weaker : weaker) += 1;
  }
  EXPECT_GT(weaker, 50u);
  EXPECT_GT(not_weaker, 50u);
}

}  // namespace
}  // namespace sluice::policy
