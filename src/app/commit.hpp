// From which commit a bundle comes.
#pragma once

#include <string>

namespace sluice::app {

// The commit that is checked out where `folder` lies, by git; with "-dirty" behind it when something below the folder is not as committed. "" where
// there is no git or no repository.
[[nodiscard]] std::string commit_of(const std::string& folder);

}  // namespace sluice::app
