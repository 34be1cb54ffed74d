// What an activation did, for people: the version and the rules that it was about. A record says what is there after it, so that what it took away is
// known from the one before.
#pragma once

#include <string>
#include <vector>

#include "sluice/store/publisher.hpp"

namespace sluice::app {

struct activation_subject {
  std::string version;             // of a canary or a version in shadow: that one, also where it ended; otherwise the one that is live
  std::vector<std::string> rules;  // demoted or armed again, each once
  bool all_rules = false;          // all of them were armed again
};
// `before`: the activation that it followed; null: unknown.
[[nodiscard]] activation_subject subject_of(const store::head_record& of, const store::head_record* before);

// "canary 3f0c1d2e4a5b", "rearm fin-003"; the kind alone where it is about the version that is live.
[[nodiscard]] std::string told(const store::head_record& of, const activation_subject& about);

}  // namespace sluice::app
