// What an activation ends that stood beside the one before it: a canary or a version in shadow, which may be another team's; and demotions.
#pragma once

#include <string>
#include <vector>

#include "sluice/store/publisher.hpp"

namespace sluice::app {

// Of versions that were on trial in `before` and are nowhere in `after`, and of rules that were demoted and are not any more: the warnings, which
// people have read on stderr then. They name who began a trial, where the history knows it.
[[nodiscard]] std::vector<std::string> ended_by(store::publisher& ring, const store::head_record& before, const store::head_record& after);

}  // namespace sluice::app
