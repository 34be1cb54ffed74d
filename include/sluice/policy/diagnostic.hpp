// What a compiler tells a person: all findings at once, each with its place and advice.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::policy {

enum class severity : unsigned char { error, warning };
std::string_view to_string(severity s);

struct place {
  std::string file;  // relative to the bundle's root
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1
};
std::string to_string(const place& p);  // file:line:column

struct diagnostic {
  policy::severity severity = policy::severity::error;
  policy::place place;
  std::string rule;     // rule id, when there is one
  std::string message;  // what is wrong
  std::string advice;   // what to do; may be empty
};

using diagnostics = std::vector<diagnostic>;
[[nodiscard]] bool has_errors(const diagnostics& found);
// "file:line:column: error: rule x: message; advice"; of several, one a line.
[[nodiscard]] std::string to_text(const diagnostic& d);
[[nodiscard]] std::string to_text(const diagnostics& found);

}  // namespace sluice::policy
