// Diagnostics as text, in the form that editors and CI systems make clickable.
#include "sluice/policy/diagnostic.hpp"

#include <algorithm>

namespace sluice::policy {

std::string to_string(const place& p) {
  std::string out = p.file.empty() ? "bundle" : p.file;
  if (p.line > 0) {
    out += ':' + std::to_string(p.line);
    if (p.column > 0) out += ':' + std::to_string(p.column);
  }
  return out;
}

std::string_view to_string(severity s) { return s == severity::error ? "error" : "warning"; }

bool has_errors(const diagnostics& found) {
  return std::ranges::any_of(found, [](const diagnostic& d) { return d.severity == severity::error; });
}

std::string to_text(const diagnostic& d) {
  std::string out = to_string(d.place);
  out += ": ";
  out += to_string(d.severity);
  out += ": ";
  if (!d.rule.empty()) out += "rule " + d.rule + ": ";
  out += d.message;
  if (!d.advice.empty()) out += "; " + d.advice;
  return out;
}

std::string to_text(const diagnostics& found) {
  std::string out;
  for (const diagnostic& d : found) {
    out += to_text(d);
    out += '\n';
  }
  return out;
}

}  // namespace sluice::policy
