// Golden files as commands let them grow: several at once, all or none.
#pragma once

#include <string>
#include <vector>

namespace sluice::app {

struct golden_lines {
  std::string file;                // may not exist yet; its folder must
  std::vector<std::string> lines;  // of JSON, without their ends; none: the file is left alone
};

// Appends to each file. All are opened before the first byte is written, and when one takes no more all become what they were: false then, and it was
// complained about.
[[nodiscard]] bool append(const std::vector<golden_lines>& files);

}  // namespace sluice::app
