// The files that `sluice init` and `sluice new` write: they check clean as they are, and show what belongs where.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice::app::scaffold {

using files = std::vector<std::pair<std::string, std::string>>;  // path in the bundle, content

[[nodiscard]] files bundle(const std::string& name);
// `word`: what the rule looks for behind "example", so that no two of them find the same.
[[nodiscard]] std::string policy(const std::string& name, const std::string& word);
[[nodiscard]] std::string rule(const std::string& id, const std::string& word);  // as it stands below `rules:`
[[nodiscard]] std::string list(const std::string& name);

}  // namespace sluice::app::scaffold
