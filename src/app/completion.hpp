// Completion scripts, made from the command tree itself, so that they never name what is not there.
#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace sluice::app {

// `shell`: bash, zsh or fish; anything else gives an empty string.
[[nodiscard]] std::string completion_script(const CLI::App& root, std::string_view shell);

}  // namespace sluice::app
