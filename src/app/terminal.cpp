// How commands talk to people: complaints on stderr, aligned tables, the --json flag.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "failure_document.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/printable.hpp"

namespace sluice::app {
namespace {

// So that a name with an umlaut does not push its row out of line.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(code_points(text));
}

}  // namespace

void add_json(CLI::App& command, invocation& call) {
  command.add_flag("--json", call.json, "Print JSON, for machines");
}

void complain(const std::string& what, const std::string& advice) {
  // NO_COLOR: https://no-color.org
  const char* plain = std::getenv("NO_COLOR");
  const bool colour = ::isatty(STDERR_FILENO) == 1 && (plain == nullptr || *plain == '\0');
  std::string text = colour ? "\033[31msluice:\033[0m " : "sluice: ";
  text += printable_lines(what) + "\n";
  if (!advice.empty()) text += "  → " + printable_lines(advice) + "\n";
  std::cerr << text;
  keep_complaint(what, advice);
}

std::string table(const std::vector<std::vector<std::string>>& cells) {
  auto rows = cells;
  std::vector<std::size_t> widths;
  for (auto& row : rows) {
    for (auto& cell : row) cell = printable(cell);
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace sluice::app
