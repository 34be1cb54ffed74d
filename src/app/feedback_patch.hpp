// A proposal as a patch to a bundle's files, for `git apply` and for reviewers. Lines are only added: nothing that stands there is written anew.
#pragma once

#include <string>
#include <vector>

#include "bundle_input.hpp"
#include "sluice/rollout/feedback.hpp"

namespace sluice::app {

struct bundle_patch {
  std::string text;                   // unified diff; "" when there is nothing to add
  policy::bundle_source patched;      // the bundle with it
  std::vector<std::string> left_out;  // exceptions that have no place here, and why
  std::size_t exceptions = 0;         // those that are in it
};
// New cases go to golden/feedback.jsonl; exceptions to their rules, where those are written one field a line and have none, or a list of them.
[[nodiscard]] bundle_patch patch_of(const bundle_input& bundle, const rollout::proposal& what);

}  // namespace sluice::app
