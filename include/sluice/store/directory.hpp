// A bundle in a folder, read whole or not at all.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sluice/base/result.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::store {

struct load_limits {
  std::size_t files_max = 10'000;
  std::uint64_t file_bytes_max = 8ull << 20;
  std::uint64_t total_bytes_max = 64ull << 20;
  std::size_t depth_max = 8;
};

// Reads the files of a bundle. Refused by name: a missing bundle.yaml, a symlink that leaves the folder (links inside it, as
// Kubernetes' ..data, are followed), special files, anything over the limits. Hidden entries are skipped, and so is a folder with a bundle.yaml of its own:
// that is another bundle.
[[nodiscard]] result<policy::bundle_source> load_directory(const std::string& directory, const load_limits& bounds);
// Writes the files of a bundle into a folder that is made, and holds nothing else. errc::integrity: a path leads out of it, as whoever owns a Redis could write one.
[[nodiscard]] result<void> write_directory(const policy::bundle_source& source, const std::string& directory);

}  // namespace sluice::store
