// See url_scan.hpp. Markdown as CommonMark 0.31 has links, HTML as its tokenizer reads attributes; both a little wider.
#include "url_scan.hpp"

namespace sluice::policy {
namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
constexpr char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_letter(char c) { return lowered(c) >= 'a' && lowered(c) <= 'z'; }

constexpr std::uint64_t packed(std::string_view text) {
  std::uint64_t out = 0;
  for (const char c : text) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

constexpr bool ends_in(std::uint64_t last, std::string_view word) {
  const auto mask = word.size() >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (word.size() * 8)) - 1;
  return (last & mask) == packed(word);
}

}  // namespace

void url_scan::step(char c) {
  step_word(c);
  step_markdown(c);
  step_html(c);
}

void url_scan::step_word(char c) {
  if (is_space(c)) {
    word_ = word::plain;
    last_ = 0;
    return;
  }
  last_ = last_ << 8 | static_cast<unsigned char>(lowered(c));
  if (word_ == word::url) return;
  if (ends_in(last_, "//") || ends_in(last_, "www.") || ends_in(last_, "mailto:") || (word_ == word::dot && (c == '/' || c == '?'))) {
    word_ = word::url;
  } else if (c == '.') {
    word_ = word::dot;
  }
}

void url_scan::step_markdown(char c) {
  const bool was_escaped = escaped_;
  escaped_ = c == '\\' && !was_escaped;
  if (was_escaped && !is_space(c)) {
    // An escaped bracket opens and closes nothing; in a target it is one of its characters.
    if (markdown_ == markdown::bracket) markdown_ = markdown::none;
    if (markdown_ == markdown::reference) markdown_ = markdown::target;
    fresh_ = false;
    return;
  }
  switch (markdown_) {
    case markdown::bracket:
      markdown_ = c == '(' ? markdown::link : c == ':' ? markdown::reference : markdown::none;
      depth_ = 1;
      fresh_ = true;
      line_ends_ = 0;
      if (markdown_ != markdown::none) return;
      break;
    case markdown::link:
      if (c == '\n' && ++line_ends_ > 1) break;  // an empty line ends the paragraph
      if (!is_space(c)) line_ends_ = 0;
      if (c == '<' && fresh_) markdown_ = markdown::angle;
      fresh_ = fresh_ && is_space(c);
      if (c == '(' && depth_ < 1000) ++depth_;
      if (c == ')' && --depth_ == 0) markdown_ = markdown::none;
      return;
    case markdown::angle:
      if (c == '>' || c == '\n') markdown_ = markdown::link;
      return;
    case markdown::reference:
      if (is_space(c)) {
        if (c == '\n' && ++line_ends_ > 1) break;
        return;
      }
      markdown_ = c == '<' ? markdown::angle_target : markdown::target;
      return;
    case markdown::target:
      if (!is_space(c)) return;
      break;
    case markdown::angle_target:
      if (c != '>' && c != '\n') return;
      break;
    case markdown::none: break;
  }
  markdown_ = c == ']' ? markdown::bracket : markdown::none;
}

void url_scan::step_html(char c) {
  switch (html_) {
    case html::none:
      if (c == '<') html_ = html::open;
      return;
    case html::open:
      html_ = is_letter(c) ? html::name : c == '<' ? html::open : html::none;
      return;
    case html::name:
      if (is_space(c) || c == '/') {
        html_ = html::tag;
      } else if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '-' && c != ':') {
        html_ = html::none;
      }
      return;
    case html::tag:
      if (c == '>') html_ = html::none;
      if (c == '=') html_ = html::equals;
      return;
    case html::equals:
      if (is_space(c)) return;
      html_ = c == '>' ? html::none : c == '"' || c == '\'' ? html::quoted : html::bare;
      quote_ = c;
      return;
    case html::bare:
      if (c == '>') html_ = html::none;
      if (is_space(c)) html_ = html::tag;
      return;
    case html::quoted:
      if (c == quote_) html_ = html::tag;
      return;
  }
}

}  // namespace sluice::policy
