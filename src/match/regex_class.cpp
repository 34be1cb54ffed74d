// See regex_class.hpp. Source: pcre2pattern(3), "Square brackets and character classes" and "Posix character classes".
#include "regex_class.hpp"

#include <algorithm>

namespace sluice::match {
namespace {

// Behind the signs that make a class one of what it does not name, and what quotes nothing, and a `]` that is the first of its members.
std::size_t first_member_end(std::string_view pattern, std::size_t at) {
  for (bool negated = false;;) {
    const auto rest = pattern.substr(at);
    if (rest.starts_with("\\E")) {
      at += 2;
    } else if (rest.starts_with("\\Q\\E")) {
      at += 4;
    } else if (!negated && rest.starts_with("^")) {
      negated = true;
      ++at;
    } else {
      return rest.starts_with("]") ? at + 1 : at;
    }
  }
}

}  // namespace

std::size_t posix_class_size(std::string_view pattern, std::size_t at) {
  if (!pattern.substr(at).starts_with("[:")) return 0;
  auto end = at + 2;
  if (end < pattern.size() && pattern[end] == '^') ++end;
  while (end < pattern.size() && pattern[end] >= 'a' && pattern[end] <= 'z') ++end;
  return pattern.substr(end).starts_with(":]") ? end + 2 - at : 0;
}

std::size_t class_size(std::string_view pattern, std::size_t at) {
  const auto begin = at;
  at = first_member_end(pattern, at + 1);
  for (bool quoted = false; at < pattern.size() && (quoted || pattern[at] != ']');) {
    const auto rest = pattern.substr(at);
    if (rest.starts_with("\\E")) {
      quoted = false;
      at += 2;
    } else if (quoted) {
      ++at;
    } else if (rest.starts_with("\\Q")) {
      quoted = true;
      at += 2;
    } else if (rest.starts_with("\\")) {
      at += rest.starts_with("\\c") ? 3 : 2;
    } else {
      at += std::max<std::size_t>(posix_class_size(pattern, at), 1);
    }
  }
  return std::min(at + 1, pattern.size()) - begin;
}

}  // namespace sluice::match
