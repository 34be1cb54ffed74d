// Keys of documents: what a file may begin with.
#include <array>

#include "schema.hpp"
#include "sluice/policy/ast.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view api_words[] = {"sluice/v1"};
constexpr std::string_view status_words[] = {"experimental", "test", "stable", "deprecated"};
constexpr std::string_view combining_words[] = {"deny-overrides"};
constexpr auto axis_words = [] {
  std::array<std::string_view, 1 + scope_axes.size()> out{"global"};
  for (std::size_t i = 0; i < scope_axes.size(); ++i) out[i + 1] = scope_axes[i].name;
  return out;
}();
constexpr std::string_view stale_words[] = {"last_known_good", "fail_closed"};
constexpr std::string_view none_words[] = {"fail_closed"};
constexpr std::string_view detector_words[] = {"per_rule"};
constexpr std::string_view unavailable_words[] = {"block", "allow"};
constexpr std::string_view store_words[] = {"none", "masked", "encrypted"};
constexpr std::string_view subject_words[] = {"hmac"};
constexpr std::string_view full_words[] = {"block"};
constexpr std::string_view threshold_words[] = {"flag", "block"};

constexpr field api = {.key = "apiVersion", .holds = holds::word, .doc = "`sluice/v1`.", .required = true, .known = api_words};
constexpr field meta = {.key = "metadata", .holds = holds::mapping, .doc = "Name and owner.", .required = true, .of = &metadata_shape};
constexpr field kind_field(words one) { return {.key = "kind", .holds = holds::word, .doc = "What the document is.", .required = true, .known = one}; }
constexpr std::string_view k_bundle[] = {"Bundle"}, k_policy[] = {"Policy"}, k_list[] = {"List"}, k_macro[] = {"Macro"},
                           k_overlay[] = {"Overlay"}, k_suite[] = {"TestSuite"};

constexpr field bundle_fields[] = {
    api, kind_field(k_bundle), meta,
    {.key = "precedence", .holds = holds::word_list, .doc = "Widest first; fixed, written down to be seen.", .known = axis_words},
    {.key = "combining", .holds = holds::word, .doc = "Fixed: the strongest action wins.", .known = combining_words},
    {.key = "limits", .holds = holds::mapping, .doc = "Bounds of this bundle.", .of = &limits_shape},
    {.key = "on_error", .holds = holds::mapping, .doc = "Which way failures go.", .of = &on_error_shape},
    {.key = "gate", .holds = holds::mapping, .doc = "What a version must show before it goes live (docs/gate.md).", .of = &gate_shape},
    {.key = "breaker", .holds = holds::mapping, .doc = "When rules that block too much go to shadow by themselves (docs/rollout.md).", .of = &breaker_shape},
    {.key = "classifiers", .holds = holds::mappings, .doc = "The models of this bundle.", .of = &model_shape},
    {.key = "modules", .holds = holds::mappings, .doc = "Policies and overlays in force, and where.", .required = true, .of = &module_shape},
    {.key = "guards", .holds = holds::refused, .doc = {}},
    {.key = "audit", .holds = holds::refused, .doc = {}},
    {.key = "rollout", .holds = holds::refused, .doc = {}},
    {.key = "thresholds", .holds = holds::refused, .doc = {}},
};

constexpr field policy_fields[] = {
    api, kind_field(k_policy), meta,
    {.key = "scope", .holds = holds::global_or, .doc = "Where it may act; each `bind` narrows it further.", .of = &scope_shape},
    {.key = "enforcement", .holds = holds::word, .doc = "The ceiling of its rules; `enforce` by default.", .known = enforcement_words},
    {.key = "disclaimers", .holds = holds::by_name, .doc = "Texts that `require_disclaimer` asks for.", .of = &disclaimer_shape},
    {.key = "thresholds", .holds = holds::mapping, .doc = "Sums of scores that have an action of their own.", .of = &thresholds_shape},
    {.key = "rollout", .holds = holds::mapping, .doc = "Of each rule that has none of its own.", .of = &rollout_shape},
    {.key = "promote_when", .holds = holds::mapping, .doc = "Of each rule that has none of its own.", .of = &promote_shape},
    {.key = "audit", .holds = holds::mapping, .doc = "What its owner demands of records; all but `on_full` is the node's configuration to keep.", .of = &audit_shape},
    {.key = "rules", .holds = holds::mappings, .doc = "At least one.", .required = true, .of = &rule_shape},
};

constexpr field list_fields[] = {
    api, kind_field(k_list), meta,
    {.key = "match", .holds = holds::mapping, .doc = "How its items match.", .of = &list_match_shape},
    {.key = "items", .holds = holds::item_list, .doc = "Words, or words with what they need beside them.", .required = true, .of = &item_shape},
};

constexpr field macro_fields[] = {
    api, kind_field(k_macro), meta,
    {.key = "match", .holds = holds::mapping, .doc = "What stands wherever it is named.", .required = true, .of = &match_shape},
};

constexpr field overlay_fields[] = {
    api, kind_field(k_overlay), meta,
    {.key = "scope", .holds = holds::global_or, .doc = "Where it may act; each `bind` narrows it further.", .of = &scope_shape},
    {.key = "patches", .holds = holds::mappings, .doc = "Changes to rules, by rule.", .required = true, .of = &patch_shape},
    {.key = "audit", .holds = holds::mapping, .doc = "What its owner demands of records; all but `on_full` is the node's configuration to keep.", .of = &audit_shape},
};

constexpr field suite_fields[] = {
    api, kind_field(k_suite), meta,
    {.key = "policy", .holds = holds::name, .doc = "Run it alone, as if bound; without it, the whole bundle runs."},
    {.key = "tests", .holds = holds::mappings, .doc = "At least one.", .required = true, .of = &test_shape},
};

constexpr field metadata_fields[] = {
    {.key = "name", .holds = holds::name, .doc = "Unique among documents of its kind.", .required = true},
    {.key = "title", .holds = holds::text, .doc = "What it is for, in a line."},
    {.key = "description", .holds = holds::text, .doc = "More of it."},
    {.key = "owner", .holds = holds::text, .doc = "Who answers for it."},
    {.key = "ticket", .holds = holds::text, .doc = "Why it exists."},
    {.key = "status", .holds = holds::word, .doc = "How far along it is; a label for people.", .known = status_words},
    {.key = "tags", .holds = holds::texts, .doc = "Labels for people."},
    {.key = "references", .holds = holds::texts, .doc = "Where it comes from."},
    {.key = "review_by", .holds = holds::date, .doc = "After this day `check` warns."},
    {.key = "expires", .holds = holds::date, .doc = "After this day `check` warns; it stays in force."},
    {.key = "min_engine", .holds = holds::text, .doc = "The oldest Sluice that may run it: \"0.1\"."},
    {.key = "required_features", .holds = holds::texts, .doc = "Words as validator.iban or action.tokenize that the engine must have."},
};

constexpr field limits_fields[] = {
    {.key = "max_rules", .holds = holds::whole, .doc = "5000 by default.", .max = 50'000},
    {.key = "max_patterns", .holds = holds::whole, .doc = "Words and patterns of all rules; 200000 by default.", .max = 2'000'000},
    {.key = "max_pattern_bytes", .holds = holds::whole, .doc = "Of one pattern; 4096 by default. A word has at most 1024, and no more than this.", .max = 65'536},
    {.key = "max_db_bytes", .holds = holds::whole, .doc = "Of the compiled bundle; 256 MiB by default.", .max = 4.0 * (1u << 30)},
    {.key = "rule_cpu_us_p99", .holds = holds::whole, .doc = "What a rule may cost for a text, as `sluice explain` measures it.", .min = 1, .max = 1e9},
};

constexpr field on_error_fields[] = {
    {.key = "policy_stale", .holds = holds::word, .doc = "May only be stricter than the node's.", .known = stale_words},
    {.key = "max_stale", .holds = holds::duration, .doc = "May only be shorter than the node's."},
    {.key = "no_policy_at_all", .holds = holds::word, .doc = "Fixed: `fail_closed`.", .known = none_words},
    {.key = "matcher_unavailable", .holds = holds::word, .doc = "What an enforcing rule's failed matcher means; `block` by default.",
     .known = unavailable_words},
    {.key = "detector_timeout", .holds = holds::word, .doc = "Fixed: each rule says `on_timeout`.", .known = detector_words},
};

constexpr field module_fields[] = {
    {.key = "use", .holds = holds::name, .doc = "Name of a Policy or an Overlay.", .required = true},
    {.key = "bind", .holds = holds::global_or, .doc = "Where it acts.", .required = true, .of = &scope_shape},
    {.key = "canary", .holds = holds::refused, .doc = {}},
    {.key = "rollout", .holds = holds::refused, .doc = {}},
    {.key = "enforcement", .holds = holds::refused, .doc = {}},
};

constexpr field model_fields[] = {
    {.key = "name", .holds = holds::name, .doc = "What `classifier` calls it.", .required = true},
    {.key = "model", .holds = holds::text, .doc = "Its file in the bundle, below models/.", .required = true},
};

constexpr field thresholds_fields[] = {
    {.key = "anomaly", .holds = holds::mapping, .doc = "Over the scores of enforced matches; shadow matches have a sum of their own.", .required = true,
     .of = &anomaly_shape},
};

constexpr field anomaly_fields[] = {
    {.key = "request", .holds = holds::whole, .doc = "Sum of a request from which the action is taken; 0: never.", .max = 1'000'000},
    {.key = "response", .holds = holds::whole, .doc = "Sum of an answer from which the action is taken; 0: never.", .max = 1'000'000},
    {.key = "action", .holds = holds::word, .doc = "`block` by default.", .known = threshold_words},
};

constexpr field disclaimer_fields[] = {
    {.key = "text", .holds = holds::text, .doc = "What is added.", .required = true},
    {.key = "present_if", .holds = holds::mapping, .doc = "What counts as there already; the text itself by default.", .of = &match_shape},
};

constexpr field audit_fields[] = {
    {.key = "on_full", .holds = holds::word, .doc = "Only `block`: what cannot be recorded is refused where this is in force, also by a node whose `audit.on_full` is `drop`.", .known = full_words},
    {.key = "store_text", .holds = holds::word, .doc = "What records may hold of the text.", .known = store_words},
    {.key = "subject_id", .holds = holds::word, .doc = "How records name people: by a keyed hash.", .known = subject_words},
    {.key = "retention", .holds = holds::duration, .doc = "How long they are kept."},
    {.key = "region_pin", .holds = holds::text, .doc = "The region that they must stay in."},
};

constexpr field patch_fields[] = {
    {.key = "rule", .holds = holds::name, .doc = "Id of the rule.", .required = true},
    {.key = "override", .holds = holds::mapping, .doc = "What changes.", .required = true, .of = &override_shape},
};

constexpr field override_fields[] = {
    {.key = "replace", .holds = holds::patch, .doc = "Fields of the rule, dotted when deep (`action.mask`), and their new values."},
    {.key = "append", .holds = holds::patch, .doc = "Lists of the rule, and what is added to them."},
};

}  // namespace

constinit const shape bundle_shape = {.name = "Bundle", .what = "the Bundle", .fields = bundle_fields};
constinit const shape policy_shape = {.name = "Policy", .what = "a Policy", .fields = policy_fields};
constinit const shape list_shape = {.name = "List", .what = "a List", .fields = list_fields};
constinit const shape macro_shape = {.name = "Macro", .what = "a Macro", .fields = macro_fields};
constinit const shape overlay_shape = {.name = "Overlay", .what = "an Overlay", .fields = overlay_fields};
constinit const shape suite_shape = {.name = "TestSuite", .what = "a TestSuite", .fields = suite_fields};
constinit const shape metadata_shape = {.name = "metadata", .what = "metadata", .fields = metadata_fields};
constinit const shape limits_shape = {.name = "limits", .what = "limits", .fields = limits_fields};
constinit const shape on_error_shape = {.name = "on_error", .what = "on_error", .fields = on_error_fields};
constinit const shape module_shape = {.name = "module", .what = "a module", .fields = module_fields};
constinit const shape model_shape = {.name = "model", .what = "a classifier", .fields = model_fields};
constinit const shape thresholds_shape = {.name = "thresholds", .what = "thresholds", .fields = thresholds_fields};
constinit const shape anomaly_shape = {.name = "anomaly", .what = "anomaly", .fields = anomaly_fields};
constinit const shape disclaimer_shape = {.name = "disclaimer", .what = "a disclaimer", .fields = disclaimer_fields};
constinit const shape audit_shape = {.name = "audit", .what = "audit", .fields = audit_fields};
constinit const shape patch_shape = {.name = "patch", .what = "a patch", .fields = patch_fields};
constinit const shape override_shape = {.name = "override", .what = "override", .fields = override_fields};

const shape& shape_of_kind(std::size_t kind) {
  static constexpr std::array all = {&bundle_shape, &policy_shape, &list_shape, &macro_shape, &overlay_shape, &suite_shape};
  return *all[kind];
}

}  // namespace sluice::policy
