// Why a text was or would be treated as it is: every rule of the bundle, whether it applies, where it matched and what
// came of it. A dry run for people (`sluice explain`, POST /v1/explain); never on the request path.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::policy {

struct explain_request {
  context who;
  policy::direction direction = policy::direction::request;  // request or response
  policy::role role = policy::role::user;
  part_kind part = part_kind::text;
  std::string text;  // valid UTF-8
  bool global_shadow = false;  // the gateway's `mode: shadow`
};

struct explained_rule {
  struct span {
    std::uint32_t begin, end;  // bytes of the text
    bool enforced;
    policy::action action;
    std::string reading;  // the form of the text that it was seen in, as in `sighting`; empty: a classifier's
  };
  // An overlay that is in force here and what it changed of the rule.
  struct patch {
    std::string overlay, place;
    std::vector<std::string> changed;
  };
  std::string id, policy, title, place;
  std::vector<patch> patches;  // rule → place → these: where what it does comes from
  policy::enforcement enforcement = policy::enforcement::enforce;
  policy::action action = policy::action::flag;
  std::string validator;  // empty: none
  bool applies = false;   // to this context, direction, role and part
  std::string why_not;    // "scope", "direction", … with the values, when it does not apply
  std::vector<span> matches;
  // An exception that took findings of the rule away; the place is the first one's.
  struct excuse {
    std::string exception, owner, ticket, reason, expires;
    std::uint32_t begin = 0, end = 0;
    std::uint64_t count = 0;
  };
  std::vector<excuse> suppressed;
  std::uint32_t score = 0;                 // what each match adds to its policy's threshold
  std::uint64_t alone_ns = 0;              // what it costs by itself on this text; 0: it does not apply
  std::string note;                        // "the pattern matches at 4..12, but validator luhn refuses it"
};

struct explanation {
  std::string version, effective;
  policy::verdict verdict = policy::verdict::allow, shadow_verdict = policy::verdict::allow;
  std::string text;                   // after edits; as it was when blocked
  system_addition system;             // what a request gets beside it
  std::string message;                // of a block
  std::string reason;                 // of a verdict without a rule; a threshold that blocks among them
  struct sum {
    std::string policy;
    std::uint64_t enforced = 0, all = 0;  // as in score_sum
    std::uint32_t threshold = 0;
    policy::action action = action::block;
    bool crossed = false;
  };
  std::vector<sum> scores;            // of policies with a threshold
  std::vector<std::pair<std::string, float>> classifiers;  // the highest score of each label that a rule asked for, as "topic.advice"
  std::vector<std::string> tags;      // what it tags the conversation with
  std::vector<explained_rule> rules;  // in the order of the bundle
  // What here says audit.on_full: block, "policy pci" or "overlay gdpr-eu", and where.
  struct record_demand {
    std::string by, place;
  };
  std::vector<record_demand> needs_record;
  std::uint64_t evaluate_ns = 0;      // of one evaluation of all rules, the best of several
};

// Where the patterns and words of the rules in force match, and in which form of the text: what a finding does not say. Of a rule whose
// match is an expression, what any of its members sees. Classifiers are not asked.
struct sighting {
  std::uint32_t rule, part, begin, end;  // as in a finding
  std::string reading;                   // "case kept" or "folded", with what was read first: "base64+percent, folded"
};
[[nodiscard]] std::vector<sighting> sightings(const ruleset& rules, std::span<const text_part> parts, direction which, scratch& working);

// What the rules cost on these parts, the best of several runs: all together, and each by itself, the views of the text and the scan for
// its patterns included, which all share when they run together.
struct rule_costs {
  std::uint64_t all_ns = 0;
  std::map<std::uint32_t, std::uint64_t> alone_ns;  // by index into snapshot::rules()
};
[[nodiscard]] rule_costs costs(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working);
// rule_costs::alone_ns, and its all_ns, alone.
[[nodiscard]] std::map<std::uint32_t, std::uint64_t> costs_alone(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working);
[[nodiscard]] std::uint64_t cost_of_all(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working);

// `bundle` is what `compiled` was made of.
[[nodiscard]] explanation explain(const bundle_ast& bundle, const snapshot& compiled, const explain_request& asked);

}  // namespace sluice::policy
