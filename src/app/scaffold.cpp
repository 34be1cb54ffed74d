// See scaffold.hpp.
#include "scaffold.hpp"

namespace sluice::app::scaffold {

std::string rule(const std::string& id, const std::string& word) {
  return "  - id: " + id + R"(
    title: Say in a line what this is for
    severity: medium
    category: example
    direction: request                 # request, response or both
    where: {roles: [user]}
    match: {keywords: [example )" + word + R"(]}
    action: {type: flag}               # flag, redact, block, …; new rules may begin with enforcement: shadow
    tests:
      - {name: found, request: "here is an example )" + word + R"(", expect: {rules: [)" + id + R"(], action: flag}}
      - {name: left alone, request: "here is hay", expect: {rules: [], action: allow}}
)";
}

std::string policy(const std::string& name, const std::string& word) {
  return R"(apiVersion: sluice/v1
kind: Policy
metadata:
  name: )" + name + R"(
  title: Say in a line what these rules are for
  owner: who-answers-for-it
  status: experimental
enforcement: enforce                   # the ceiling of every rule below: enforce, shadow or off
rules:
)" + rule(name + "-001", word);
}

std::string list(const std::string& name) {
  return R"(apiVersion: sluice/v1
kind: List
metadata: {name: )" + name + R"(, owner: who-answers-for-it}
match: {case: insensitive, boundary: word}
items:
  - Example Name
)";
}

files bundle(const std::string& name) {
  return {{"bundle.yaml", R"(apiVersion: sluice/v1
kind: Bundle
metadata: {name: )" + name + R"(, owner: who-answers-for-it, min_engine: "0.1"}
precedence: [global, region, tenant, tier, route, model]   # fixed; written down for the reader
combining: deny-overrides                                  # the strongest action wins
on_error: {matcher_unavailable: block}
# What a version must show before it goes live. With this block a push also holds it against the version that is live, and one that is
# weaker needs a second person. Add benign as soon as you have such texts: docs/gate.md.
gate:
  require: [must_block, must_pass]
modules:
  - {use: first-policy, bind: {scope: global}}
)"},
          {"first-policy.yaml", policy("first-policy", "needle")},
          {"golden/first.jsonl", R"({"id": "first-1", "set": "must_pass", "request": "Good morning, what can you do?", "expect": {"action_at_most": "allow"}}
{"id": "first-2", "set": "must_block", "request": "an example needle", "expect": {"rules_any": ["first-policy-001"]}}
)"},
          {"README.md", "# " + name + R"(

The safety rules of a gateway. `bundle.yaml` says which policies are in force and for whom; every other `.yaml` file holds policies
and lists; `golden/` holds labelled exchanges that the rules must get right.

    sluice check .                     # validate, compile, run the rules' own tests
    sluice test .                      # the same, and the golden set
    echo 'an example needle' | sluice explain .
    sluice new policy NAME --in .      # the next policy
    sluice new rule ID --in .
)"}};
}

}  // namespace sluice::app::scaffold
