// See screen_block.hpp. Three sequences of ECMA-48 are used: cursor up, erase to the end of the line, erase below.
#include "screen_block.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string_view>
#include <vector>

#include "sluice/base/code_points.hpp"

namespace sluice::app {
namespace {

std::string_view cut(std::string_view line, std::size_t columns) {
  std::size_t end = 0, points = 0;
  for (; end < line.size(); ++end) {
    if (!continues_code_point(line[end]) && ++points > columns) break;
  }
  return line.substr(0, end);
}

}  // namespace

bool screen_block::possible() {
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

std::string fitted(const std::string& text, std::size_t columns, std::size_t rows) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  const bool all = lines.size() <= rows;
  const auto shown = all ? lines.size() : std::max<std::size_t>(rows, 1) - 1;
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) out.append(cut(lines[i], columns)) += '\n';
  if (!all) out.append(cut("and " + std::to_string(lines.size() - shown) + " more", columns)) += '\n';
  return out;
}

void screen_block::draw(const std::string& text) {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1;
  // The last row stays free: the cursor is there, and a block as high as the terminal could not be gone back over. So does the last column:
  // erasing behind a full line would take its last sign.
  const auto shown = fitted(text, (known ? size.ws_col : 80U) - 1U, (known ? size.ws_row : 24U) - 1U);
  if (shown == shown_) return;
  std::string out;
  if (lines_ > 0) out += "\033[" + std::to_string(lines_) + "A";
  lines_ = 0;
  for (const char c : shown) {
    if (c == '\n') {
      out += "\033[K";
      ++lines_;
    }
    out += c;
  }
  std::cout << out << "\033[J" << std::flush;
  shown_ = shown;
}

void screen_block::leave() {
  lines_ = 0;
  shown_.clear();
}

}  // namespace sluice::app
