// The versions that a node keeps on disk, for whoever asks later what was in force. Read only.
#pragma once

#include <string>
#include <vector>

#include "sluice/base/result.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::store {

// Names (64 hex digits) of the versions below a state directory, sorted.
[[nodiscard]] std::vector<std::string> stored_versions(const std::string& state_directory);
// errc::integrity: the files are not the version that their name says.
[[nodiscard]] result<policy::bundle_source> load_stored_version(const std::string& state_directory, const std::string& version);

}  // namespace sluice::store
