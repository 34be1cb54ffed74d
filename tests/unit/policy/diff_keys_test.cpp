// Each key of the language that decides anything is noticed by a comparison. The keys come from the tables that the reader interprets: one
// that is new needs a line here, either what a change of it is, or why it decides nothing.
#include <functional>
#include <set>

#include "schema.hpp"
#include "sluice/policy/diff.hpp"
#include "sources.hpp"

namespace sluice::policy {
namespace {

using testing::checked;
using testing::source_of;

// A bundle of one rule. `edit`: where a file is needed that a test has not, as a model.
struct said {
  std::string bundle = {}, policy = {};
  std::string match = "{keywords: [alpha]}", action = "{type: block, message: m}", rule = {};
  std::string modules = "  - {use: p, bind: {scope: global}}\n";
  std::string file = {};  // one more document
  std::function<void(bundle_ast&)> edit = {};
};

bundle_ast make(const said& s) {
  const std::string way = s.rule.contains("direction: response") ? "response" : "request";
  std::vector<std::pair<std::string, std::string>> files = {
      {"bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\n" + s.bundle + "modules:\n" + s.modules},
      {"p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\n" + s.policy + "rules:\n  - {id: r, " + (s.rule.contains("direction:") ? "" : "direction: request, ") + "match: " + s.match +
                     ", action: " + s.action + (s.rule.empty() ? "" : ", " + s.rule) + ", tests: [{name: a, " + way + ": alpha, expect: {rules_any: [r]}}, {name: b, " + way + ": x, expect: {rules: []}}]}\n"}};
  if (!s.file.empty()) files.emplace_back("z.yaml", "apiVersion: sluice/v1\n" + s.file);
  bundle_ast ast;
  const auto found = checked(source_of(std::move(files)), &ast);
  EXPECT_TRUE(testing::clean(found)) << s.bundle << s.policy << s.match << s.action << s.rule;
  if (s.edit) s.edit(ast);
  return ast;
}

said match(const std::string& m) { return {.match = m}; }
said action(const std::string& a) { return {.action = a}; }
said rule(const std::string& r) { return {.rule = r}; }
said policy(const std::string& p) { return {.policy = p + "\n"}; }
said bundle(const std::string& b) { return {.bundle = b + "\n"}; }
said bind(const std::string& b) { return {.modules = "  - {use: p, bind: " + b + "}\n"}; }
said list(const std::string& more) { return {.match = "{list: names}", .file = "kind: List\nmetadata: {name: names, owner: o}\n" + more + "\n"}; }
said macro(const std::string& m) { return {.match = "{macro: one}", .file = "kind: Macro\nmetadata: {name: one, owner: o}\nmatch: " + m + "\n"}; }
said overlay(const std::string& bound, const std::string& override, const std::string& more = {}) {
  return {.rule = "relaxable: true", .modules = "  - {use: p, bind: {scope: global}}\n  - {use: eu, bind: " + bound + "}\n",
          .file = "kind: Overlay\nmetadata: {name: eu, owner: o}\n" + more + "patches:\n  - {rule: r, override: " + override + "}\n"};
}
said classifier(classifier_match c, const std::string& sha = "a") {
  return {.edit = [=](bundle_ast& ast) {
    ast.models.push_back({.name = "topic", .path = "models/t", .sha256 = sha, .place = {}});
    auto& m = ast.policies[0].rules[0].match;
    m.kind = match_spec::kind::classifier;
    m.classifier = c;
  }};
}
said thresholds(const std::string& t) { return {.policy = "thresholds: {anomaly: {" + t + "}}\n", .rule = "score: 3"}; }
said exception(const std::string& e) { return rule("exceptions: [{id: e, reason: x, owner: y, ticket: z, " + e + "}]"); }
said rollout(const std::string& r) { return rule("rollout: {" + r + "}"); }
said disclaimer(const std::string& d, const std::string& a = {}) {
  return {.policy = "disclaimers: {d: {" + d + "}, e: {text: another}}\n", .action = "{type: require_disclaimer, disclaimer: " + (a.empty() ? "d" : a) + "}", .rule = "direction: response, stream: {hold: full}"};
}
said answer(const std::string& a) { return {.action = "{" + a + "}", .rule = "direction: response"}; }
said asked(const std::string& a) { return {.action = "{" + a + "}", .rule = "direction: request"}; }

struct key_case {
  std::string shape, key;
  said before, after;
  effect least;
};

using enum effect;
using timeout = classifier_match::timeout;

const std::vector<key_case>& cases() {
  static const std::string words = "items: [alpha, beta]", eu = "{replace: {action.message: other}}";
  static const classifier_match topic{.name = "topic", .label = "advice", .threshold = 0.5, .on_timeout = timeout::match};
  static const std::vector<key_case> all = {
      {"Bundle", "limits", {}, bundle("limits: {max_rules: 9}"), changed},
      {"Bundle", "on_error", {}, bundle("on_error: {matcher_unavailable: allow}"), weaker},
      {"Bundle", "breaker", bundle("breaker: {on: false}"), {}, may_weaken},
      {"Bundle", "classifiers", classifier(topic), classifier(topic, "b"), may_weaken},
      {"Bundle", "modules", {}, bind("{tenant: [a]}"), weaker},
      {"limits", "max_rules", {}, bundle("limits: {max_rules: 9}"), changed},
      {"limits", "max_patterns", {}, bundle("limits: {max_patterns: 9}"), changed},
      {"limits", "max_pattern_bytes", {}, bundle("limits: {max_pattern_bytes: 900}"), changed},
      {"limits", "max_db_bytes", {}, bundle("limits: {max_db_bytes: 900000000}"), changed},
      {"limits", "rule_cpu_us_p99", bundle("limits: {rule_cpu_us_p99: 9}"), {}, changed},
      {"on_error", "policy_stale", bundle("on_error: {policy_stale: fail_closed}"), {}, may_weaken},
      {"on_error", "max_stale", bundle("on_error: {max_stale: 1h}"), bundle("on_error: {max_stale: 2h}"), may_weaken},
      {"on_error", "matcher_unavailable", {}, bundle("on_error: {matcher_unavailable: allow}"), weaker},
      {"breaker", "on", bundle("breaker: {on: false}"), {}, may_weaken},
      {"breaker", "on", {}, bundle("breaker: {on: false}"), changed},
      {"breaker", "rule", {}, bundle("breaker: {rule: 0.0001}"), may_weaken},
      {"breaker", "rule", {}, bundle("breaker: {rule: 0.5}"), changed},
      {"breaker", "version", {}, bundle("breaker: {version: 0.0001}"), may_weaken},
      {"breaker", "users_min", {}, bundle("breaker: {users_min: 5}"), may_weaken},
      {"module", "bind", bind("{region: [eu, us]}"), bind("{region: [eu]}"), weaker},
      {"model", "model", classifier(topic), classifier(topic, "b"), may_weaken},
      {"Policy", "scope", {}, policy("scope: {tenant: [a]}"), weaker},
      {"Policy", "enforcement", {}, policy("enforcement: shadow"), weaker},
      {"Policy", "disclaimers", disclaimer("text: one"), disclaimer("text: two"), may_weaken},
      {"Policy", "thresholds", thresholds("request: 5"), rule("score: 3"), weaker},
      {"Policy", "rollout", {}, policy("rollout: {percentage: 5}"), weaker},
      {"Policy", "promote_when", policy("promote_when: {min_samples: 9}"), {}, changed},
      {"Policy", "audit", policy("audit: {on_full: block}"), {}, weaker},
      {"thresholds", "anomaly", thresholds("request: 5"), thresholds("request: 6"), weaker},
      {"anomaly", "request", thresholds("request: 5"), thresholds("request: 6"), weaker},
      {"anomaly", "response", thresholds("response: 5"), thresholds("response: 6"), weaker},
      {"anomaly", "action", thresholds("request: 5"), thresholds("request: 5, action: flag"), weaker},
      {"disclaimer", "text", disclaimer("text: one"), disclaimer("text: two"), may_weaken},
      {"disclaimer", "present_if", disclaimer("text: one"), disclaimer("text: one, present_if: {keywords: [x]}"), may_weaken},
      {"audit", "on_full", policy("audit: {on_full: block}"), {}, weaker},
      {"audit", "store_text", policy("audit: {store_text: none}"), {}, changed},
      {"audit", "subject_id", policy("audit: {subject_id: hmac}"), {}, changed},
      {"audit", "retention", policy("audit: {retention: 30d}"), policy("audit: {retention: 9d}"), changed},
      {"audit", "region_pin", policy("audit: {region_pin: eu}"), {}, changed},
      {"scope", "region", {}, bind("{region: [a]}"), weaker},
      {"scope", "tenant", {}, bind("{tenant: [a]}"), weaker},
      {"scope", "tier", {}, bind("{tier: [a]}"), weaker},
      {"scope", "route", {}, bind("{route: [a]}"), weaker},
      {"scope", "model", {}, bind("{model: [a]}"), weaker},
      {"scope", "conversation_tag", {}, bind("{conversation_tag: [a]}"), weaker},
      {"scope", "time", {}, bind("{time: {tz: UTC, from: \"09:00\"}}"), weaker},
      {"time", "tz", bind("{time: {tz: UTC, from: \"09:00\"}}"), bind("{time: {tz: Europe/Berlin, from: \"09:00\"}}"), weaker},
      {"time", "days", bind("{time: {tz: UTC, to: \"09:00\"}}"), bind("{time: {tz: UTC, to: \"09:00\", days: [mon]}}"), weaker},
      {"time", "from", bind("{time: {tz: UTC, from: \"09:00\"}}"), bind("{time: {tz: UTC, from: \"10:00\"}}"), weaker},
      {"time", "to", bind("{time: {tz: UTC, to: \"09:00\"}}"), bind("{time: {tz: UTC, to: \"08:00\"}}"), weaker},
      {"rule", "enforcement", {}, rule("enforcement: shadow"), weaker},
      {"rule", "direction", rule("direction: both"), {}, weaker},
      {"rule", "where", {}, rule("where: {roles: [user]}"), weaker},
      {"rule", "match", {}, match("{keywords: [beta]}"), may_weaken},
      {"rule", "action", {}, action("{type: flag}"), weaker},
      {"rule", "stream", rule("direction: response, stream: {hold: full}"), rule("direction: response"), may_weaken},
      {"rule", "relaxable", {}, rule("relaxable: true"), changed},
      {"rule", "score", thresholds("request: 5"), {.policy = thresholds("request: 5").policy, .rule = "score: 1"}, may_weaken},
      {"rule", "rollout", {}, rollout("percentage: 5"), weaker},
      {"rule", "promote_when", rule("promote_when: {min_samples: 9}"), rule("promote_when: {min_samples: 8}"), changed},
      {"rule", "max_block_rate", {}, rule("max_block_rate: 0.001"), may_weaken},
      {"rule", "max_block_rate", rule("max_block_rate: 0.5"), {}, may_weaken},
      {"rule", "max_block_rate", rule("max_block_rate: 0.5"), rule("max_block_rate: 0.6"), changed},
      {"rule", "never_demote", rule("never_demote: true"), {}, may_weaken},
      {"rule", "exceptions", {}, exception("expires: 2026-12-31, when: {tenant: [a]}"), weaker},
      {"where", "roles", {}, rule("where: {roles: [user]}"), weaker},
      {"where", "parts", {}, rule("where: {parts: [text]}"), weaker},
      {"where", "messages", {}, rule("where: {messages: last_turn}"), weaker},
      {"stream", "hold", rule("direction: response, stream: {hold: full}"), rule("direction: response, stream: {hold: auto}"), may_weaken},
      {"exception", "id", exception("expires: 2026-12-31, when: {tenant: [a]}"), rule("exceptions: [{id: f, reason: x, owner: y, ticket: z, expires: 2027-01-31, when: {tenant: [a]}}]"), may_weaken},
      {"exception", "when", exception("expires: 2026-12-31, when: {tenant: [a]}"), exception("expires: 2026-12-31, when: {tenant: [a, b]}"), weaker},
      {"exception", "match", exception("expires: 2026-12-31, match: {keywords: [x]}"), exception("expires: 2026-12-31, match: {keywords: [y]}"), may_weaken},
      {"exception", "expires", exception("expires: 2026-12-31, when: {tenant: [a]}"), exception("expires: 2027-01-31, when: {tenant: [a]}"), may_weaken},
      {"rollout", "percentage", rollout("percentage: 50"), rollout("percentage: 5"), weaker},
      {"rollout", "by", rollout("percentage: 50"), rollout("percentage: 50, by: tenant"), may_weaken},
      {"rollout", "salt", rollout("percentage: 50"), rollout("percentage: 50, salt: s"), may_weaken},
      {"promote_when", "min_samples", rule("promote_when: {min_samples: 9}"), rule("promote_when: {min_samples: 8}"), changed},
      {"promote_when", "fpr_upper95", rule("promote_when: {fpr_upper95: 0.1}"), rule("promote_when: {fpr_upper95: 0.2}"), changed},
      {"promote_when", "min_days", rule("promote_when: {min_days: 9}"), rule("promote_when: {min_days: 8}"), changed},
      {"action", "type", {}, action("{type: flag}"), weaker},
      {"action", "mask", action("{type: redact, mask: x}"), action("{type: redact, mask: y}"), changed},
      {"action", "mask", action("{type: redact, mask: x}"), action("{type: redact, mask: Alpha}"), may_weaken},
      {"action", "mask", {.match = "{regex: \"alph.\"}", .action = "{type: redact, mask: x}"}, {.match = "{regex: \"alph.\"}", .action = "{type: redact, mask: my alpha}"}, may_weaken},
      {"action", "keep_first", action("{type: redact}"), action("{type: redact, keep_first: 2}"), weaker},
      {"action", "keep_last", action("{type: redact}"), action("{type: redact, keep_last: 2}"), weaker},
      {"action", "hash", action("{type: redact}"), action("{type: redact, hash: true}"), may_weaken},
      {"action", "token", asked("type: tokenize, token: \"<A_{n}>\""), asked("type: tokenize, token: \"<B_{n}>\""), changed},
      {"action", "restore", asked("type: tokenize, token: \"<A_{n}>\""), asked("type: tokenize, token: \"<A_{n}>\", restore: true"), may_weaken},
      {"action", "vault_ttl", asked("type: tokenize, token: \"<A_{n}>\", restore: true, vault_ttl: 1h"), asked("type: tokenize, token: \"<A_{n}>\", restore: true, vault_ttl: 2h"), may_weaken},
      {"action", "on_vault_unavailable", asked("type: tokenize, token: \"<A_{n}>\", restore: true, vault_ttl: 1h, on_vault_unavailable: block"),
       asked("type: tokenize, token: \"<A_{n}>\", restore: true, vault_ttl: 1h"), weaker},
      {"action", "replacement", action("{type: rewrite, replacement: x}"), action("{type: rewrite, replacement: y}"), changed},
      {"action", "replacement", action("{type: rewrite, replacement: x}"), action("{type: rewrite, replacement: \"the ALPHA\"}"), may_weaken},
      {"action", "replacement", action("{type: rewrite, replacement: x}"), action("{type: rewrite, replacement: \"_ALPHA_\"}"), may_weaken},
      {"action", "text", answer("type: append, text: one"), answer("type: append, text: two"), may_weaken},
      {"action", "position", asked("type: inject_system, text: one"), asked("type: inject_system, text: one, position: prepend"), may_weaken},
      {"action", "disclaimer", disclaimer("text: one"), disclaimer("text: one", "e"), may_weaken},
      {"action", "on_missing", disclaimer("text: one", "d, on_missing: block, message: m"), disclaimer("text: one"), weaker},
      {"action", "on_structured", answer("type: append, text: one, on_structured: block"), answer("type: append, text: one"), weaker},
      {"action", "tags", action("{type: tag, tags: [a]}"), action("{type: tag, tags: [b]}"), may_weaken},
      {"action", "message", {}, action("{type: block, message: other}"), changed},
      {"action", "i18n", {}, action("{type: block, message: m, i18n: {de: n}}"), changed},
      {"action", "http_status", {}, action("{type: block, message: m, http_status: 200}"), changed},
      {"action", "message_in_stream", {}, action("{type: block, message: m, message_in_stream: true}"), changed},
      {"match", "list", list(words), list("items: [alpha]"), may_weaken},
      {"match", "keywords", match("{keywords: [alpha, beta]}"), {}, may_weaken},
      {"match", "phrase", match("{phrase: alpha beta}"), match("{phrase: alpha gamma}"), may_weaken},
      {"match", "regex", match("{regex: a}"), match("{regex: b}"), may_weaken},
      {"match", "classifier", classifier(topic), {}, may_weaken},
      {"match", "macro", macro("{keywords: [a, b]}"), macro("{keywords: [a]}"), may_weaken},
      {"match", "any", match("{any: [{keywords: [a]}, {regex: b}]}"), match("{any: [{keywords: [a]}, {regex: c}]}"), may_weaken},
      {"match", "all", match("{all: [{keywords: [a]}, {regex: b}]}"), match("{all: [{keywords: [a]}, {regex: c}]}"), may_weaken},
      {"match", "not", match("{all: [{keywords: [a]}, {not: {regex: b}}]}"), match("{all: [{keywords: [a]}, {not: {regex: c}}]}"), may_weaken},
      {"match", "case", {}, match("{keywords: [alpha], case: sensitive}"), may_weaken},
      {"match", "boundary", match("{keywords: [alpha], boundary: none}"), {}, may_weaken},
      {"match", "gap", match("{phrase: alpha beta, gap: 3}"), match("{phrase: alpha beta, gap: 2}"), may_weaken},
      {"match", "validator", match("{regex: \"[0-9]{9}\"}"), match("{regex: \"[0-9]{9}\", validator: luhn}"), may_weaken},
      {"match", "prefilter", match("{regex: \"[0-9]{9}\"}"), match("{regex: \"[0-9]{9}\", prefilter: [x]}"), may_weaken},
      {"match", "entropy", match("{regex: \"[0-9]{9}\"}"), match("{regex: \"[0-9]{9}\", entropy: {min: 3}}"), may_weaken},
      {"match", "near", {}, match("{keywords: [alpha], near: [x], within: 9}"), may_weaken},
      {"match", "unless_near", {}, match("{keywords: [alpha], unless_near: [x], within: 9}"), may_weaken},
      {"match", "within", match("{keywords: [alpha], near: [x], within: 9}"), match("{keywords: [alpha], near: [x], within: 8}"), may_weaken},
      {"match", "min_count", {}, match("{keywords: [alpha], min_count: 2}"), may_weaken},
      {"match", "normalize", match("{keywords: [alpha], normalize: [leet]}"), {}, may_weaken},
      {"match", "normalize", match("{regex: \"(?i)alpha\", normalize: [nfkc, strip_zero_width, confusables]}"), match("{regex: \"(?i)alpha\"}"), may_weaken},
      {"match", "decode", match("{keywords: [alpha], decode: [base64]}"), {}, may_weaken},
      {"match", "max_depth", match("{keywords: [alpha], decode: [base64], max_depth: 2}"), match("{keywords: [alpha], decode: [base64]}"), may_weaken},
      {"proximity", "of", match("{keywords: [alpha], near: {of: [x, y], within: 9}}"), match("{keywords: [alpha], near: {of: [x], within: 9}}"), may_weaken},
      {"proximity", "within", match("{keywords: [alpha], near: {of: [x], within: 9}}"), match("{keywords: [alpha], near: {of: [x], within: 8}}"), may_weaken},
      {"classifier", "name", classifier(topic), classifier({.name = "other", .label = "advice", .threshold = 0.5, .on_timeout = timeout::match}), may_weaken},
      {"classifier", "label", classifier(topic), classifier({.name = "topic", .label = "x", .threshold = 0.5, .on_timeout = timeout::match}), may_weaken},
      {"classifier", "threshold", classifier(topic), classifier({.name = "topic", .label = "advice", .threshold = 0.6, .on_timeout = timeout::match}), may_weaken},
      {"classifier", "on_timeout", classifier(topic), classifier({.name = "topic", .label = "advice", .threshold = 0.5, .on_timeout = timeout::no_match}), may_weaken},
      {"entropy", "min", match("{regex: \"[0-9]{9}\", entropy: {min: 2}}"), match("{regex: \"[0-9]{9}\", entropy: {min: 3}}"), may_weaken},
      {"List", "match", list("match: {boundary: none}\n" + words), list(words), may_weaken},
      {"List", "items", list(words), list("items: [alpha]"), may_weaken},
      {"list_match", "case", list(words), list("match: {case: sensitive}\n" + words), may_weaken},
      {"list_match", "normalize", list("match: {normalize: [leet]}\n" + words), list(words), may_weaken},
      {"list_match", "boundary", list("match: {boundary: none}\n" + words), list(words), may_weaken},
      {"item", "value", list("items: [{value: alpha}, {value: beta}]"), list("items: [{value: alpha}]"), may_weaken},
      {"item", "near", list("items: [{value: alpha}]"), list("items: [{value: alpha, near: [x], within: 9}]"), may_weaken},
      {"item", "unless_near", list("items: [{value: alpha}]"), list("items: [{value: alpha, unless_near: [x], within: 9}]"), may_weaken},
      {"item", "within", list("items: [{value: alpha, near: [x], within: 9}]"), list("items: [{value: alpha, near: [x], within: 8}]"), may_weaken},
      {"Macro", "match", macro("{keywords: [a, b]}"), macro("{keywords: [a]}"), may_weaken},
      {"Overlay", "scope", overlay("{region: [eu]}", "{replace: {action: {type: flag}}}", "scope: {tenant: [a]}\n"), overlay("{region: [eu]}", "{replace: {action: {type: flag}}}"), weaker},
      {"Overlay", "patches", overlay("{region: [eu]}", eu), overlay("{region: [eu]}", "{replace: {action: {type: flag}}}"), weaker},
      {"Overlay", "audit", overlay("{region: [eu]}", eu, "audit: {on_full: block}\n"), overlay("{region: [eu]}", eu), weaker},
      {"patch", "override", overlay("{region: [eu]}", eu), overlay("{region: [eu]}", "{replace: {enforcement: shadow}}"), weaker},
      {"override", "replace", overlay("{region: [eu]}", eu), overlay("{region: [eu]}", "{replace: {max_block_rate: 0.001}}"), may_weaken},
      {"override", "append", overlay("{region: [eu]}", eu),
       overlay("{region: [eu]}", "{append: {exceptions: [{id: e, reason: x, owner: y, ticket: z, expires: 2026-12-31, match: {keywords: [x]}}]}}"), may_weaken},
  };
  return all;
}

TEST(diff_keys, a_change_of_what_decides_is_noticed) {
  for (const key_case& each : cases()) {
    const auto change = diff(make(each.before), make(each.after));
    EXPECT_GE(change.effect, each.least) << each.shape << "." << each.key << ": " << to_string(change.effect);
    EXPECT_FALSE(change.rules.empty() && change.bundle.empty()) << each.shape << "." << each.key;
    if (each.least == changed) {
      EXPECT_EQ(change.effect, changed) << each.shape << "." << each.key;
    }
  }
}

// "Shape.key", or "Shape" with all that hangs on it.
const std::set<std::string>& decides_nothing() {
  static const std::set<std::string> all = {
      "metadata", "test", "TestSuite",                                 // labels; what holds rules to their word
      "gate",                                                          // of what a version must show: gate_terms_test.cpp
      "Bundle.apiVersion", "Bundle.kind", "Policy.apiVersion", "Policy.kind", "List.apiVersion", "List.kind", "Macro.apiVersion", "Macro.kind", "Overlay.apiVersion", "Overlay.kind",
      "Bundle.metadata", "Policy.metadata", "List.metadata", "Macro.metadata", "Overlay.metadata",
      "Bundle.precedence", "Bundle.combining", "on_error.no_policy_at_all", "on_error.detector_timeout", "rollout.shadow_outside", "action.finish_reason",  // one legal value
      "Bundle.gate", "Policy.rules", "module.use", "model.name", "patch.rule", "rule.id",  // what comes and goes by it is rules
      "scope.scope", "scope.global",                                   // "everywhere" in words
      "item.replacement",                                              // diff_keys.an_items_own_replacement_is_noticed
      "rule.title", "rule.description", "rule.severity", "rule.category", "rule.owner", "rule.falsepositives", "rule.references", "rule.tags", "rule.ticket", "rule.tests",
      "exception.reason", "exception.owner", "exception.ticket"};
  return all;
}

void collect(const shape& from, std::set<std::string>& seen, std::set<std::string>& keys) {
  if (decides_nothing().contains(std::string(from.name)) || !seen.insert(std::string(from.name)).second) return;
  for (const field& each : from.fields) {
    if (each.holds == holds::refused || !each.retired.empty()) continue;
    keys.insert(std::string(from.name) + "." + std::string(each.key));
    if (each.of != nullptr) collect(*each.of, seen, keys);
  }
}

TEST(diff_keys, each_key_of_the_language_is_looked_at) {
  std::set<std::string> seen, keys, covered;
  for (std::size_t kind = 0; kind < std::size(document_kinds); ++kind) collect(shape_of_kind(kind), seen, keys);
  for (const key_case& each : cases()) covered.insert(each.shape + "." + each.key);
  for (const std::string& key : keys) {
    EXPECT_TRUE(covered.contains(key) || decides_nothing().contains(key)) << key << " is in no case of this test, nor among what decides nothing";
  }
  for (const std::string& key : covered) EXPECT_TRUE(keys.contains(key)) << key << " is no key";
}

TEST(diff_keys, an_items_own_replacement_is_noticed) {
  const auto with = [](const std::string& items) {
    auto out = list("items: [" + items + "]");
    out.action = "{type: rewrite}";
    return make(out);
  };
  EXPECT_GE(diff(with("{value: alpha, replacement: x}"), with("{value: alpha, replacement: y}")).effect, changed);
  EXPECT_GE(diff(with("{value: alpha, replacement: x}"), with("{value: alpha, replacement: alpha}")).effect, may_weaken);
}

}  // namespace
}  // namespace sluice::policy
