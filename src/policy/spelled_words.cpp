// What words a rule looks for, so that letters that are all spaced alike can be cut into them.
#include <algorithm>
#include <cctype>

#include "compile_terms.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

using forms = std::vector<std::string>;

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '\'' || (static_cast<unsigned char>(c) & 0x80) != 0; }

// Reads a pattern from left to right for the letters that stand in it as they are: "synthesi[sz]e", "kill(?:ing)?", "rules?" are two words each.
class pattern_words {
 public:
  pattern_words(std::string_view pattern, forms& out) : in_(pattern), out_(out) {}

  void run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (is_letter(c)) {
        ++at_;
        add({std::string(1, c)});
      } else if (c == '[' || c == '(') {
        if (!add_class() && !add_group()) skip_head();
      } else {
        end_word();
        ++at_;
        if (c == '\\') skip_escape();
        if (c == '{') skip_to('}');
      }
    }
    end_word();
  }

 private:
  // One of these comes next, or none where the pattern says that it may be missing.
  void add(const forms& next) {
    constexpr std::size_t forms_max = 64;
    const bool optional = at_ < in_.size() && (in_[at_] == '?' || in_[at_] == '*');
    if (optional) ++at_;
    if (word_.size() * (next.size() + 1) > forms_max) end_word();
    if (word_.empty()) word_.emplace_back();
    forms made = optional ? word_ : forms{};
    for (const auto& begin : word_) {
      for (const auto& end : next) made.push_back(begin + end);
    }
    word_ = std::move(made);
  }
  void end_word() {
    for (const auto& form : word_) {
      if (!form.empty()) out_.push_back(lower(form));
    }
    word_.clear();
  }

  // A class of a few letters of ASCII.
  bool add_class() {
    constexpr std::size_t letters_max = 6;
    const auto end = in_.find(']', at_);
    if (in_[at_] != '[' || end == std::string_view::npos) return false;
    const auto inside = in_.substr(at_ + 1, end - at_ - 1);
    const auto plain = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '\''; };
    if (inside.empty() || inside.size() > letters_max || !std::ranges::all_of(inside, plain)) return false;
    forms letters;
    for (const char c : inside) letters.emplace_back(1, c);
    at_ = end + 1;
    add(letters);
    return true;
  }

  // A group of nothing but letters, of which some may be missing.
  bool add_group() {
    constexpr std::string_view head = "(?:";
    const auto end = in_.find(')', at_);
    if (!in_.substr(at_).starts_with(head) || end == std::string_view::npos) return false;
    auto inside = in_.substr(at_ + head.size(), end - at_ - head.size());
    if (!std::ranges::all_of(inside, [](char c) { return is_letter(c) || c == '|' || c == '?'; })) return false;
    forms each;
    for (;;) {
      const auto bar = std::min(inside.find('|'), inside.size());
      forms one;
      pattern_words(inside.substr(0, bar), one).run();
      each.insert(each.end(), one.begin(), one.end());
      if (bar == inside.size()) break;
      inside.remove_prefix(bar + 1);
    }
    at_ = end + 1;
    add(each);
    return true;
  }

  void skip_to(char end) { at_ = std::min(in_.find(end, at_), in_.size() - 1) + 1; }
  void skip_escape() {
    if (at_ >= in_.size()) return;
    const char what = in_[at_++];
    if (at_ < in_.size() && in_[at_] == '{' && std::string_view("pPxoNgk").contains(what)) skip_to('}');
  }
  // What follows a parenthesis and is no text, as "?i)" and "?<name>"; or a class.
  void skip_head() {
    end_word();
    const bool group = in_[at_++] == '(';
    if (group) {
      if (at_ >= in_.size() || in_[at_] != '?') return;
      constexpr std::string_view ends = ":=!>)";
      while (at_ < in_.size() && !ends.contains(in_[at_])) ++at_;
      at_ = std::min(at_ + 1, in_.size());
      return;
    }
    if (at_ < in_.size() && in_[at_] == '^') ++at_;
    if (at_ < in_.size() && in_[at_] == ']') ++at_;
    for (; at_ < in_.size() && in_[at_] != ']'; ++at_) {
      if (in_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, in_.size());
  }

  std::string_view in_;
  std::size_t at_ = 0;
  forms& out_;
  forms word_;  // all forms of the word at hand
};

}  // namespace

void add_words_of_pattern(std::string_view pattern, std::vector<std::string>& out) { pattern_words(pattern, out).run(); }

void add_words_of_form(std::string_view form, std::vector<std::string>& out) {
  while (!form.empty()) {
    const auto end = std::min(form.find(' '), form.size());
    if (end > 0) out.push_back(lower(form.substr(0, end)));
    form.remove_prefix(std::min(end + 1, form.size()));
  }
}

}  // namespace sluice::policy
