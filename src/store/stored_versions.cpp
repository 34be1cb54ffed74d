// See stored_versions.hpp.
#include "sluice/store/stored_versions.hpp"

#include <algorithm>
#include <filesystem>

#include "state_store.hpp"

namespace sluice::store {
namespace fs = std::filesystem;

std::vector<std::string> stored_versions(const std::string& state_directory) {
  std::vector<std::string> out;
  std::error_code why;
  for (fs::directory_iterator it(state_directory + "/versions", why), end; !why && it != end; it.increment(why)) {
    if (it->path().extension() == ".bundle") out.push_back(it->path().stem().string());
  }
  std::ranges::sort(out);
  return out;
}

result<policy::bundle_source> load_stored_version(const std::string& state_directory, const std::string& version) {
  return state_store(state_directory).load_version(version);
}

}  // namespace sluice::store
