// Lines on a terminal that change in their place: a table of nodes while they answer. The cursor stays below it, so that whatever is written
// next (an error on stderr too) stands where it belongs.
#pragma once

#include <string>

namespace sluice::app {

class screen_block {
 public:
  // Whether standard output is a terminal whose cursor can move.
  [[nodiscard]] static bool possible();
  // Shows `text`, whole lines, where the last one stood; what does not fit the terminal is cut off. Nothing is written when nothing changed.
  void draw(const std::string& text);
  // The next draw() begins below.
  void leave();

 private:
  std::size_t lines_ = 0;
  std::string shown_;
};

// The first `rows` lines of `text`, each of at most `columns` code points; where lines are left out, the last one says how many.
[[nodiscard]] std::string fitted(const std::string& text, std::size_t columns, std::size_t rows);

}  // namespace sluice::app
