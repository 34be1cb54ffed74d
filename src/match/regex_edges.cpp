// See regex_edges.hpp. A walk over the pattern that only knows what a `\b` or a bracket may stand in: classes, quotes, comments, groups.
#include "regex_edges.hpp"

#include <algorithm>
#include <vector>

#include "regex_class.hpp"

namespace sluice::match {
namespace {

class writer {
 public:
  explicit writer(std::string_view pattern) : in_(pattern) {}

  edged_pattern write() {
    while (at_ < in_.size()) {
      switch (in_[at_]) {
        case '\\': escape(); break;
        case '[': copy(class_size(in_, at_)); break;
        case '(': group(); break;
        case ')':
          if (extended_.size() > 1) extended_.pop_back();
          copy(1);
          break;
        case '#': copy(extended_.back() ? std::min(in_.find('\n', at_), in_.size()) - at_ : 1); break;
        default: copy(1);
      }
    }
    if (has_verb_ || stays_) out_ = in_;
    return {.text = std::move(out_), .has_verb = has_verb_, .callout = callout_};
  }

 private:
  [[nodiscard]] bool here(std::string_view what) const { return in_.substr(at_).starts_with(what); }
  void copy(std::size_t n) {
    out_ += in_.substr(at_, n);
    at_ += std::min(n, in_.size() - at_);
  }
  void copy_with(std::size_t n, unsigned callout) {
    out_ += "(?:";
    copy(n);
    out_ += "|(?C" + std::to_string(callout) + "))";
  }
  // Up to what ends it, or all that is left.
  [[nodiscard]] std::size_t size_to(std::size_t from, std::string_view end) const {
    const auto found = in_.find(end, from);
    return (found == std::string_view::npos ? in_.size() : found + end.size()) - at_;
  }

  void escape() {
    if (here("\\Q")) return copy(size_to(at_ + 2, "\\E"));
    if (here("\\b")) return copy_with(2, any_edge);
    copy(here("\\c") ? 3 : 2);
  }

  [[nodiscard]] bool class_has_word(std::size_t begin, std::size_t size) const {
    for (auto i = begin; i + 1 < begin + size; ++i) {
      if (in_[i] != '\\') continue;
      if (in_[i + 1] == 'w') return true;
      ++i;
    }
    return false;
  }

  // A look-around that refuses one character: wrapped, and true.
  bool refusal() {
    if (!here("(?!") && !here("(?<!")) return false;
    const auto inside = at_ + (here("(?!") ? 3 : 4);
    const auto rest = in_.substr(inside);
    std::size_t size = 0;
    bool word = rest.starts_with("\\w");
    if (word || rest.starts_with("\\d") || rest.starts_with("\\S")) size = 2;
    if (rest.starts_with("[")) {
      size = class_size(in_, inside);
      word = class_has_word(inside, size) && !rest.starts_with("[^");
    }
    if (size == 0 || !in_.substr(inside + size).starts_with(")")) return false;
    copy_with(inside + size + 1 - at_, word ? any_edge : lost_edge);
    return true;
  }

  void group() {
    if (here("(?#")) return copy(size_to(at_, ")"));
    if (here("(*")) has_verb_ = true;  // or an assertion by its name
    if (!callout_ && (here("(?C") || here("(?(?C"))) callout_ = at_;
    if (refusal()) return;
    extended_.push_back(extended_.back());
    if (here("(?(")) {  // a condition stays what it is
      extended_.push_back(extended_.back());
      return copy(3);
    }
    if (!here("(?")) return copy(1);
    flags();
  }

  // (?x) is in force up to the end of the group that it stands in, (?x:…) in its own.
  void flags() {
    bool on = true, extended = extended_.back();
    auto i = at_ + 2;
    if (in_.substr(i, in_.find_first_of(":)", i) - i).contains("xx")) stays_ = true;  // blanks in a class count for nothing
    for (; i < in_.size() && std::string_view("imsxnJU^-").contains(in_[i]); ++i) {
      if (in_[i] == '-') on = false;
      if (in_[i] == '^') extended = false;
      if (in_[i] == 'x') extended = on;
    }
    const bool some = i < in_.size() && (in_[i] == ')' || in_[i] == ':');
    if (!some) return copy(2);
    if (in_[i] == ')') extended_.pop_back();
    extended_.back() = extended;
    copy(i + 1 - at_);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  bool has_verb_ = false, stays_ = false;
  std::optional<std::size_t> callout_;
  std::vector<bool> extended_ = {false};  // of each open group
};

}  // namespace

edged_pattern with_edges(std::string_view pattern) { return writer(pattern).write(); }

}  // namespace sluice::match
