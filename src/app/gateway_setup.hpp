// Files that the gateway reads or makes before it serves: secrets, tokens, its own name. Errors name the file and the key.
#pragma once

#include <string>

#include "sluice/base/result.hpp"

namespace sluice::app {

[[nodiscard]] result<std::string> read_file(const std::string& path, std::string_view what);
// A line of text from a file, surrounding white space removed; an empty one is an error.
[[nodiscard]] result<std::string> read_secret(const std::string& path, std::string_view what);
// From `path`, or 32 random bytes in hex that are made and kept there, readable by this user only.
[[nodiscard]] result<std::string> kept_secret(const std::string& path);
// The host's name and a suffix that is made once and kept in the state directory.
[[nodiscard]] result<std::string> kept_node_id(const std::string& state_directory);

}  // namespace sluice::app
