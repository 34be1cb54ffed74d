// See golden_file.hpp.
#include "golden_file.hpp"

#include <filesystem>
#include <fstream>
#include <list>
#include <optional>

#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;

class growing_file {
 public:
  explicit growing_file(const golden_lines& what) : what_(what) {
    std::error_code failed;
    if (fs::exists(what.file, failed)) size_ = fs::file_size(what.file, failed);
    if (size_.value_or(0) > 0) {
      std::ifstream in(what.file, std::ios::binary);
      in.seekg(-1, std::ios::end);
      ends_line_ = in.get() == '\n';
    }
    out_.open(what.file, std::ios::binary | std::ios::app);
  }
  [[nodiscard]] const std::string& name() const { return what_.file; }
  [[nodiscard]] bool open() const { return out_.is_open(); }
  bool write() {
    if (!ends_line_) out_ << '\n';
    for (const auto& line : what_.lines) out_ << line << '\n';
    out_.close();
    return !out_.fail();
  }
  // False: it is not what it was.
  bool undo() {
    out_.close();
    std::error_code failed;
    if (size_) fs::resize_file(what_.file, *size_, failed);
    else fs::remove(what_.file, failed);
    return !failed;
  }

 private:
  const golden_lines& what_;
  std::optional<std::uintmax_t> size_;  // none: it did not exist
  bool ends_line_ = true;
  std::ofstream out_;
};

bool give_up(std::list<growing_file>& files, const std::string& name) {
  std::string changed;
  for (auto& each : files) {
    if (!each.undo()) changed += (changed.empty() ? "" : ", ") + each.name();
  }
  complain(name + " cannot be written, so " + (changed.empty() ? "no case was added to any file" : "no case was to be added to any file, but of some this was begun in " + changed),
           changed.empty() ? "does its folder exist, and may this user write there?" : "look at the last lines there; does the folder of " + name + " exist, and may this user write there?");
  return false;
}

}  // namespace

bool append(const std::vector<golden_lines>& files) {
  std::list<growing_file> growing;
  for (const auto& each : files) {
    if (each.lines.empty()) continue;
    growing.emplace_back(each);
    if (!growing.back().open()) {
      const auto name = each.file;
      growing.pop_back();
      return give_up(growing, name);
    }
  }
  for (auto& each : growing) {
    if (!each.write()) return give_up(growing, each.name());
  }
  return true;
}

}  // namespace sluice::app
