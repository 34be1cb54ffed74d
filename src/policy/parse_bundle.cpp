// The heads of documents: metadata of every kind, a policy around its rules, and the bundle that binds them.
#include <algorithm>
#include <charconv>

#include "parse_overlay.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view engine_version = SLUICE_VERSION;

// Beside these, match.<kind>, action.<type> and validator.<name> of the tables are features.
constexpr std::string_view features[] = {
    "match.near",   "match.unless_near", "match.entropy", "match.min_count",    "match.prefilter", "match.normalize",
    "match.decode", "scope.region",      "scope.tenant",  "scope.tier",         "scope.route",     "scope.model",
    "scope.time",   "scope.conversation_tag", "enforcement.shadow", "exceptions", "stream.hold.full", "where.roles",
    "where.parts",  "where.last_turn",   "overlays", "thresholds", "audit.on_full"};

bool has_feature(std::string_view asked) {
  if (std::ranges::find(features, asked) != std::end(features)) return true;
  const auto in = [&](std::string_view prefix, words known) {
    return asked.starts_with(prefix) && std::ranges::find(known, asked.substr(prefix.size())) != known.end();
  };
  return in("action.", action_words) || in("match.", match_shape.kinds) || (in("validator.", validator_words) && asked != "validator.none");
}

std::string near_feature(std::string_view asked) {
  std::vector<std::string> all(std::begin(features), std::end(features));
  for (const auto& [prefix, known] : {std::pair<const char*, words>{"action.", action_words}, {"match.", match_shape.kinds}, {"validator.", validator_words}}) {
    for (const std::string_view word : known) all.push_back(prefix + std::string(word));
  }
  const std::vector<std::string_view> names(all.begin(), all.end());
  const std::string_view near = nearest(asked, names);
  return near.empty() ? "" : "did you mean '" + std::string(near) + "'?";
}

// "0.1" and "0.1.2" as numbers; nothing when it is no version.
std::optional<std::vector<int>> version_numbers(std::string_view text) {
  std::vector<int> out;
  while (true) {
    int number = 0;
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || number < 0) return std::nullopt;
    out.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (text.empty()) return out;
    if (text[0] != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

void check_engine(reading& in, const object& fields) {
  const std::string wanted = fields.string("min_engine");
  if (!wanted.empty()) {
    const auto asked = version_numbers(wanted);
    if (!asked) {
      in.error(*fields.get("min_engine"), "'min_engine' is no version", "write it as \"0.1\"");
    } else if (*asked > *version_numbers(engine_version)) {
      in.error(*fields.get("min_engine"),
               "this needs Sluice " + wanted + " or newer; this is " + std::string(engine_version), "upgrade the node");
    }
  }
  for (const std::string& feature : fields.strings("required_features")) {
    if (has_feature(feature)) continue;
    in.error(*fields.get("required_features"),
             "feature '" + clipped(feature, 60) + "' is not supported by this version", near_feature(feature));
  }
}

template <class T>
void read_limit(const object& from, std::string_view key, T& out) {
  out = static_cast<T>(from.number(key, out));
}

// A bundle may lower the engine's limits, or raise them as far as the tables say.
void read_limits(reading& in, const yaml_node& node, bundle_ast& out) {
  const object from(in, node, limits_shape);
  read_limit(from, "max_rules", out.limits.rules_max);
  read_limit(from, "max_patterns", out.limits.patterns_max);
  read_limit(from, "max_pattern_bytes", out.limits.pattern_bytes_max);
  read_limit(from, "max_db_bytes", out.limits.database_bytes_max);
  if (from.has("rule_cpu_us_p99")) out.limits.rule_cpu_us_p99 = static_cast<std::uint32_t>(from.number("rule_cpu_us_p99", 1));
}

void read_on_error(reading& in, const yaml_node& node, bundle_ast& out) {
  const object from(in, node, on_error_shape);
  if (const auto at = from.word("policy_stale")) out.on_error.policy_stale = find_field(on_error_shape, "policy_stale")->known[*at];
  out.on_error.max_stale = from.duration("max_stale");
  (void)from.word("no_policy_at_all");
  (void)from.word("detector_timeout");
  out.on_error.matcher_unavailable = from.word("matcher_unavailable").value_or(0) == 1 ? action::allow : action::block;
}

// Both have one legal value: they are written down so that a reader sees them, not to be chosen.
void check_fixed(reading& in, const object& from) {
  (void)from.word("combining");
  const yaml_node* node = from.get("precedence");
  if (node == nullptr) return;
  const words order = find_field(bundle_shape, "precedence")->known;
  bool fits = node->kind == yaml_node::kind::sequence && node->items.size() + 1 >= order.size() && node->items.size() <= order.size();
  for (std::size_t i = 0; fits && i < node->items.size(); ++i) fits = node->items[i].scalar == order[i];
  if (!fits) in.error(*node, "the precedence is fixed", "write [global, region, tenant, tier, route, model]");
}

void read_models(reading& in, const object& from, bundle_ast& out) {
  from.each("classifiers", [&](const yaml_node& item) {
    const object fields(in, item, model_shape);
    model_ast model{.name = fields.name("name"), .path = fields.string("model"), .sha256 = {}, .place = in.place_of(item)};
    if (model.name.empty() || model.path.empty()) return;
    if (const auto at = std::ranges::find(out.models, model.name, &model_ast::name); at != out.models.end()) {
      in.error(item, "classifier '" + model.name + "' exists already", "the first stands at " + to_string(at->place));
    } else if (!model.path.starts_with("models/") || model.path.contains("..")) {
      in.error(*fields.get("model"), "a model lies below models/ in the bundle", "put it there and write models/" + model.path.substr(model.path.rfind('/') + 1));
    } else {
      out.models.push_back(std::move(model));
    }
  });
  std::ranges::sort(out.models, {}, &model_ast::name);
}

std::vector<module_use> read_modules(reading& in, const object& from) {
  std::vector<module_use> out;
  from.each("modules", [&](const yaml_node& item) {
    const object fields(in, item, module_shape);
    if (!fields.valid()) return;
    module_use use;
    use.place = in.place_of(item);
    if (const yaml_node* name = fields.get("use")) {
      use.policy = read_name(in, name, "use");
      use.place = in.place_of(*name);
    }
    if (const yaml_node* bind = fields.get("bind")) use.bind = read_scope(in, *bind, "bind");
    if (!use.policy.empty()) out.push_back(std::move(use));
  });
  return out;
}

void read_disclaimers(reading& in, const object& from, policy_ast& out) {
  const yaml_node* node = from.get("disclaimers");
  if (node == nullptr) return;
  if (node->kind != yaml_node::kind::mapping) {
    in.error(*node, "'disclaimers' must be a mapping from a name to {text, present_if}");
    return;
  }
  for (const auto& [key, value] : node->members) {
    if (read_name(in, &key, "disclaimers").empty()) continue;
    const object fields(in, value, disclaimer_shape);
    disclaimer_spec made{.text = fields.string("text"), .present_if = {}, .place = in.place_of(key)};
    if (const yaml_node* match = fields.get("present_if")) made.present_if = read_match(in, *match);
    out.disclaimers.emplace(key.scalar, std::move(made));
  }
}

void read_thresholds(reading& in, const object& from, policy_ast& out) {
  const yaml_node* node = from.get("thresholds");
  if (node == nullptr) return;
  const object outer(in, *node, thresholds_shape);
  const yaml_node* sums = outer.get("anomaly");
  if (sums == nullptr) return;
  const object fields(in, *sums, anomaly_shape);
  anomaly_spec made{.place = in.place_of(*sums)};
  made.request = static_cast<std::uint32_t>(fields.number("request", 0));
  made.response = static_cast<std::uint32_t>(fields.number("response", 0));
  made.action = fields.word("action").value_or(1) == 0 ? action::flag : action::block;
  if (fields.valid() && made.request == 0 && made.response == 0) in.error(*sums, "'anomaly' names no sum", "write {request: 10}, {response: 8}, or both");
  out.anomaly = made;
}

}  // namespace

// Names of disclaimers are the policy's own, so this is the one reference that a policy can settle alone.
void check_disclaimer(reading& in, const yaml_node& node, const rule& of, const policy_ast& policy) {
  const std::string& name = of.action.disclaimer;
  if (name.empty() || policy.disclaimers.contains(name)) return;
  std::vector<std::string_view> names;
  for (const auto& [known, spec] : policy.disclaimers) names.push_back(known);
  const std::string_view near = nearest(name, names);
  in.rule = of.id;
  in.error(*node.find("action")->find("disclaimer"), "disclaimer '" + name + "' does not exist in this policy",
           near.empty() ? "add it to 'disclaimers' beside 'rules'" : "did you mean '" + std::string(near) + "'?");
  in.rule.clear();
}

std::optional<audit_spec> read_audit(reading& in, const object& from) {
  const yaml_node* node = from.get("audit");
  if (node == nullptr) return std::nullopt;
  const object fields(in, *node, audit_shape);
  audit_spec out;
  out.place = in.place_of(*node);
  if (const auto at = fields.word("store_text")) out.store_text = find_field(audit_shape, "store_text")->known[*at];
  if (fields.word("subject_id")) out.subject_id = "hmac";
  out.retention = fields.duration("retention").value_or(milliseconds{0});
  out.region_pin = fields.string("region_pin");
  out.refuses_when_full = fields.word("on_full").has_value();
  return out;
}

metadata read_metadata(reading& in, const object& from) {
  metadata out;
  out.place = in.place_of(from.node());
  const yaml_node* node = from.get("metadata");
  if (node == nullptr) return out;
  const yaml_node* kind = from.node().find("kind");
  const object fields(in, *node, metadata_shape, "the metadata of a " + (kind == nullptr ? "document" : kind->scalar));
  if (!fields.valid()) return out;
  if (const yaml_node* name = fields.get("name")) {
    out.name = read_name(in, name, "name");
    out.place = in.place_of(*name);
  }
  out.title = fields.string("title");
  out.owner = fields.string("owner");
  out.ticket = fields.string("ticket");
  (void)fields.string("description");
  (void)fields.strings("tags");
  (void)fields.strings("references");
  if (const auto at = fields.word("status")) out.status = find_field(metadata_shape, "status")->known[*at];
  out.review_by = fields.date("review_by");
  out.expires = fields.date("expires");
  check_engine(in, fields);
  return out;
}

policy_ast read_policy(reading& in, const yaml_node& document) {
  policy_ast out;
  const object from(in, document, policy_shape);
  const metadata meta = read_metadata(in, from);
  out.name = meta.name;
  out.title = meta.title;
  out.owner = meta.owner;
  out.status = meta.status;
  out.ticket = meta.ticket;
  out.review_by = meta.review_by;
  out.expires = meta.expires;
  out.place = meta.place;
  const rule_defaults defaults = read_defaults(in, from);
  out.enforcement = defaults.ceiling;
  if (const yaml_node* scope_node = from.get("scope")) out.scope = read_scope(in, *scope_node, "scope");
  out.audit = read_audit(in, from);
  read_disclaimers(in, from, out);
  read_thresholds(in, from, out);
  const yaml_node* rules = from.get("rules");
  if (rules == nullptr) return out;
  if (rules->kind != yaml_node::kind::sequence || rules->items.empty()) {
    in.error(*rules, "'rules' must be a list with at least one rule");
    return out;
  }
  for (const yaml_node& node : rules->items) {
    out.rules.push_back(read_rule(in, node, defaults));
    check_disclaimer(in, node, out.rules.back(), out);
  }
  return out;
}

suite_ast read_suite(reading& in, const yaml_node& document) {
  suite_ast out;
  const object from(in, document, suite_shape);
  const metadata meta = read_metadata(in, from);
  out.name = meta.name;
  out.place = meta.place;
  out.policy = from.name("policy");
  from.each("tests", [&](const yaml_node& item) { out.tests.push_back(read_test(in, item)); });
  if (from.valid() && from.has("tests") && out.tests.empty()) in.error(*from.node().find("tests"), "'tests' holds no test");
  return out;
}

std::vector<module_use> read_bundle(reading& in, const yaml_node& document, bundle_ast& out) {
  const object from(in, document, bundle_shape);
  const metadata meta = read_metadata(in, from);
  out.name = meta.name;
  out.owner = meta.owner;
  check_fixed(in, from);
  if (const yaml_node* limits = from.get("limits")) read_limits(in, *limits, out);
  if (const yaml_node* on_error = from.get("on_error")) read_on_error(in, *on_error, out);
  if (const yaml_node* gate = from.get("gate")) out.gate = read_gate(in, *gate);
  if (const yaml_node* breaker = from.get("breaker")) out.breaker = read_breaker(in, *breaker);
  read_models(in, from, out);
  return read_modules(in, from);
}

}  // namespace sluice::policy
