// The heads of documents: metadata of every kind, a policy around its rules, and the bundle that binds them.
#include <algorithm>
#include <charconv>

#include "reader.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view engine_version = SLUICE_VERSION;

constexpr std::string_view features[] = {
    "match.list",   "match.keywords", "match.regex",    "match.prefilter",    "validator.luhn", "validator.iban",
    "action.allow", "action.flag",    "action.redact",  "action.block",       "scope.region",   "scope.tenant",
    "scope.tier",   "scope.route",    "scope.model",    "enforcement.shadow", "exceptions",     "stream.hold.full",
    "where.roles",  "where.parts",    "where.last_turn"};

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
    if (std::ranges::find(features, feature) != std::end(features)) continue;
    in.error(*fields.get("required_features"),
             "feature '" + clipped(feature, 60) + "' is not supported by this version");
  }
}

template <class T>
void read_limit(const object& from, std::string_view key, T& out, std::uint64_t max) {
  out = static_cast<T>(from.number(key, out, max));
}

void read_limits(reading& in, const yaml_node& node, bundle_ast& out) {
  static constexpr std::string_view known[] = {"max_rules", "max_patterns", "max_pattern_bytes", "max_db_bytes"};
  static constexpr std::string_view later[] = {"rule_cpu_us_p99"};
  const object from(in, node, "limits", known, later);
  // A bundle may lower the engine's limits, or raise them this far.
  read_limit(from, "max_rules", out.limits.rules_max, 50'000);
  read_limit(from, "max_patterns", out.limits.patterns_max, 2'000'000);
  read_limit(from, "max_pattern_bytes", out.limits.pattern_bytes_max, 65'536);
  read_limit(from, "max_db_bytes", out.limits.database_bytes_max, 4ull << 30);
}

void read_on_error(reading& in, const yaml_node& node, bundle_ast& out) {
  static constexpr std::string_view known[] = {"policy_stale", "max_stale", "no_policy_at_all", "matcher_unavailable"};
  static constexpr std::string_view later[] = {"detector_timeout"};
  static constexpr std::string_view stale_words[] = {"last_known_good", "fail_closed"};
  static constexpr std::string_view none_words[] = {"fail_closed"};
  static constexpr std::string_view unavailable_words[] = {"block", "allow"};
  const object from(in, node, "on_error", known, later);
  if (const yaml_node* stale = from.get("policy_stale")) {
    if (const auto at = read_word(in, *stale, "policy_stale", stale_words))
      out.on_error.policy_stale = stale_words[*at];
  }
  if (const yaml_node* age = from.get("max_stale")) {
    const auto read = parse_duration(age->scalar);
    if (read && read->count() > 0) {
      out.on_error.max_stale = *read;
    } else {
      in.error(*age, "'max_stale' must be a duration", "write it as 24h");
    }
  }
  if (const yaml_node* none = from.get("no_policy_at_all")) (void)read_word(in, *none, "no_policy_at_all", none_words);
  if (const yaml_node* unavailable = from.get("matcher_unavailable")) {
    const auto at = read_word(in, *unavailable, "matcher_unavailable", unavailable_words);
    out.on_error.matcher_unavailable = at.value_or(0) == 1 ? action::allow : action::block;
  }
}

// Both have one legal value: they are written down so that a reader sees them, not to be chosen.
void check_fixed(reading& in, const object& from) {
  static constexpr std::string_view order[] = {"global", "region", "tenant", "tier", "route", "model"};
  static constexpr std::string_view combining_words[] = {"deny-overrides"};
  if (const yaml_node* node = from.get("precedence")) {
    bool fits = node->kind == yaml_node::kind::sequence && node->items.size() + 1 >= std::size(order) &&
                node->items.size() <= std::size(order);
    for (std::size_t i = 0; fits && i < node->items.size(); ++i) fits = node->items[i].scalar == order[i];
    if (!fits) in.error(*node, "the precedence is fixed", "write [global, region, tenant, tier, route, model]");
  }
  if (const yaml_node* node = from.get("combining")) (void)read_word(in, *node, "combining", combining_words);
}

std::vector<module_use> read_modules(reading& in, const object& from) {
  static constexpr std::string_view known[] = {"use", "bind"};
  static constexpr std::string_view later[] = {"canary", "rollout", "enforcement"};
  std::vector<module_use> out;
  const yaml_node* list = from.need("modules");
  if (list == nullptr) return out;
  if (list->kind != yaml_node::kind::sequence) {
    in.error(*list, "'modules' must be a list of {use, bind}");
    return out;
  }
  for (const yaml_node& item : list->items) {
    const object fields(in, item, "a module", known, later);
    if (!fields.valid()) continue;
    module_use use;
    use.place = in.place_of(item);
    if (const yaml_node* name = fields.need("use")) {
      use.policy = read_name(in, name, "use");
      use.place = in.place_of(*name);
    }
    if (const yaml_node* bind = fields.need("bind")) use.bind = read_scope(in, *bind, "bind");
    if (!use.policy.empty()) out.push_back(std::move(use));
  }
  return out;
}

}  // namespace

metadata read_metadata(reading& in, const object& from, std::string_view kind) {
  static constexpr std::string_view known[] = {"name",      "title",   "description", "owner",
                                               "ticket",    "status",  "tags",        "references",
                                               "review_by", "expires", "min_engine",  "required_features"};
  static constexpr std::string_view status_words[] = {"experimental", "test", "stable", "deprecated"};
  metadata out;
  out.place = in.place_of(from.node());
  const yaml_node* node = from.need("metadata");
  if (node == nullptr) return out;
  const object fields(in, *node, std::string("the metadata of a ") + std::string(kind), known);
  if (!fields.valid()) return out;
  const yaml_node* name = fields.need("name");
  out.name = read_name(in, name, "name");
  if (name != nullptr) out.place = in.place_of(*name);
  out.title = fields.string("title");
  out.owner = fields.string("owner");
  out.ticket = fields.string("ticket");
  (void)fields.string("description");
  (void)fields.strings("tags");
  (void)fields.strings("references");
  if (const yaml_node* status = fields.get("status")) {
    if (const auto at = read_word(in, *status, "status", status_words)) out.status = status_words[*at];
  }
  out.review_by = fields.date("review_by");
  out.expires = fields.date("expires");
  check_engine(in, fields);
  return out;
}

policy_ast read_policy(reading& in, const yaml_node& document) {
  static constexpr std::string_view known[] = {"apiVersion", "kind", "metadata", "scope", "enforcement", "rules"};
  static constexpr std::string_view later[] = {"thresholds", "disclaimers",  "rollout",
                                               "audit",      "promote_when", "macros"};
  policy_ast out;
  const object from(in, document, "a Policy", known, later);
  const metadata meta = read_metadata(in, from, "Policy");
  out.name = meta.name;
  out.title = meta.title;
  out.owner = meta.owner;
  out.status = meta.status;
  out.ticket = meta.ticket;
  out.review_by = meta.review_by;
  out.expires = meta.expires;
  out.place = meta.place;
  out.enforcement = read_enforcement(in, from, enforcement::enforce);
  if (const yaml_node* scope_node = from.get("scope")) out.scope = read_scope(in, *scope_node, "scope");
  const yaml_node* rules = from.need("rules");
  if (rules == nullptr) return out;
  if (rules->kind != yaml_node::kind::sequence || rules->items.empty()) {
    in.error(*rules, "'rules' must be a list with at least one rule");
    return out;
  }
  for (const yaml_node& node : rules->items) out.rules.push_back(read_rule(in, node, out.enforcement));
  return out;
}

std::vector<module_use> read_bundle(reading& in, const yaml_node& document, bundle_ast& out) {
  static constexpr std::string_view known[] = {"apiVersion", "kind",   "metadata", "precedence",
                                               "combining",  "limits", "on_error", "modules"};
  static constexpr std::string_view later[] = {"classifiers", "guards", "audit", "rollout", "thresholds"};
  const object from(in, document, "the Bundle", known, later);
  const metadata meta = read_metadata(in, from, "Bundle");
  out.name = meta.name;
  out.owner = meta.owner;
  check_fixed(in, from);
  if (const yaml_node* limits = from.get("limits")) read_limits(in, *limits, out);
  if (const yaml_node* on_error = from.get("on_error")) read_on_error(in, *on_error, out);
  return read_modules(in, from);
}

}  // namespace sluice::policy
