// From which commit a bundle comes.
#pragma once

#include <string>

#include "sluice/policy/source.hpp"

namespace sluice::app {

// What git says of the checkout where a folder lies.
struct checkout {
  std::string head;     // the commit; "" where there is no git or no repository
  bool clean = false;   // everything below the folder is as committed, but for what git ignores
};
// Asked before a bundle is read, so that a commit which comes between is seen.
[[nodiscard]] checkout checkout_of(const std::string& folder);

// The commit that these files are, which were read from `folder` after `before`; asked right after that, for whoever takes long over them. With "-dirty"
// behind it when something below the folder is not as committed, when one of the files is none that git knows (one that it ignores is part of the bundle
// all the same), or when the checkout is not what it was before. "" where there is no git or no repository.
[[nodiscard]] std::string commit_of(const std::string& folder, const checkout& before, const policy::bundle_source& read);

}  // namespace sluice::app
