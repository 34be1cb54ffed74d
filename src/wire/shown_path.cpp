// See shown_path.hpp.
#include "sluice/wire/shown_path.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

bool is_letter(char c) { return (static_cast<char>(c | 0x20) >= 'a' && static_cast<char>(c | 0x20) <= 'z') || c == '_' || c == '-' || c == '$'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Of JSON Schema (2020-12 and draft 7), which stands below a row as a whole.
constexpr std::string_view schema_words[] = {"$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "definitions", "description", "enum", "examples", "format",
                                             "items", "not", "oneOf", "pattern", "patternProperties", "prefixItems", "properties", "propertyNames", "required", "title", "type"};

// Every word of the paths of every table, sorted; views into the tables. The answers' lines beside the data are named "event".
std::vector<std::string_view> words_of_apis() {
  std::vector<std::string_view> out(std::begin(schema_words), std::end(schema_words));
  out.emplace_back("event");
  for (const auto name : dialect_names()) {
    for (const auto& row : find_dialect(name)->coverage()) {
      for (std::size_t at = 0; at < row.path.size();) {
        const auto end = std::find_if(row.path.begin() + static_cast<std::ptrdiff_t>(at), row.path.end(), [](char c) { return !is_letter(c) && !is_digit(c); }) - row.path.begin();
        if (static_cast<std::size_t>(end) > at) out.push_back(row.path.substr(at, static_cast<std::size_t>(end) - at));
        at = static_cast<std::size_t>(end) + 1;
      }
    }
  }
  std::ranges::sort(out);
  const auto twice = std::ranges::unique(out);
  out.erase(twice.begin(), twice.end());
  return out;
}

// As the tables write what an API takes in two spellings: "inlineData" for "inline_data".
std::string in_camel_case(std::string_view key) {
  std::string out;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const bool joins = key[i] == '_' && i > 0 && i + 1 < key.size() && key[i + 1] >= 'a' && key[i + 1] <= 'z';
    out += joins ? static_cast<char>(key[++i] & ~0x20) : key[i];
  }
  return out;
}

bool word_of_an_api(std::string_view key) {
  static const auto words = words_of_apis();
  return std::ranges::binary_search(words, key) || (key.contains('_') && std::ranges::binary_search(words, in_camel_case(key)));
}

bool looks_like_a_name(std::string_view key) {
  constexpr std::size_t longest = 40;
  constexpr std::ptrdiff_t digits_max = 3;
  return key.size() <= longest && std::ranges::all_of(key, [](char c) { return is_letter(c) || is_digit(c); }) && std::ranges::count_if(key, is_digit) <= digits_max;
}

template <class Shown>
std::string masked(std::string_view path, Shown&& shown) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t at = 0; at < path.size();) {
    if (path[at] == '.' || path[at] == '?') {  // '?': of a parameter of the query
      out += path[at++];
      continue;
    }
    if (path[at] == '[') {  // a place, or several: what else stands there is a key that looks like one
      const auto end = std::min(path.find(']', at), path.size() - 1);
      const auto inside = path.substr(at + 1, end - at - 1);
      out += std::ranges::all_of(inside, is_digit) ? path.substr(at, end + 1 - at) : "[*]";
      at = end + 1;
      continue;
    }
    const auto end = std::min(path.find_first_of(".[", at), path.size());
    const auto key = path.substr(at, end - at);
    out += shown(key) ? key : "*";
    at = end;
  }
  return out;
}

}  // namespace

std::string shown_path(std::string_view path) { return masked(path, word_of_an_api); }

std::string named_path(std::string_view path) {
  return masked(path, [](std::string_view key) { return word_of_an_api(key) || looks_like_a_name(key); });
}

}  // namespace sluice::wire
