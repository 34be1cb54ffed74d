// Why a text was or would be treated as it is: every rule of the bundle, whether it applies, where it matched and what
// came of it. A dry run for people (`sluice explain`, POST /v1/explain); never on the request path.
#pragma once

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
  std::vector<std::string> suppressed_by;  // exceptions
  std::string note;                        // "the pattern matches at 4..12, but validator luhn refuses it"
};

struct explanation {
  std::string version, effective;
  policy::verdict verdict = policy::verdict::allow, shadow_verdict = policy::verdict::allow;
  std::string text;                   // after edits; as it was when blocked
  std::string message;                // of a block
  std::string reason;                 // of a verdict without a rule
  std::vector<explained_rule> rules;  // in the order of the bundle
  std::uint64_t evaluate_ns = 0;      // of one evaluation of all rules, the best of several
};

// `bundle` is what `compiled` was made of.
[[nodiscard]] explanation explain(const bundle_ast& bundle, const snapshot& compiled, const explain_request& asked);

}  // namespace sluice::policy
