// A phrase as a pattern of bounded length over the folded view: its words in order, each a word of its own, what separates words
// between them, and at most `gap` other words.
#include "reader.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t words_max = 32;
// Between two words stand at most this many characters that belong to none; a word in a gap is at most this long.
constexpr const char* separator = "\\W{1,8}";
constexpr const char* other_word = "\\w{1,32}\\W{1,8}";

bool is_letter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0; }

void append_word(reading& in, const yaml_node& at, std::string_view word, std::string& out) {
  const std::string form(trim(text::normalise(word, text::view_kind::folded)));
  if (form.empty()) {
    in.error(at, "a phrase holds an empty word", "remove it");
    return;
  }
  if (is_letter(form.front())) out += "\\b";
  for (const char c : form) {
    if (c == ' ') {
      out += separator;
      continue;
    }
    if (!is_letter(c)) out += '\\';
    out += c;
  }
  if (is_letter(form.back())) out += "\\b";
}

// "reset the password" is three words.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!(text = trim(text)).empty()) {
    const std::size_t end = std::min(text.find_first_of(" \t\n"), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

// One pattern for each place of the phrase.
std::vector<std::string> places_of(reading& in, const yaml_node& node) {
  std::vector<std::string> out;
  if (node.kind != yaml_node::kind::sequence) {
    const auto text = read_string(in, node, "phrase");
    if (!text) return out;
    for (const std::string& word : split(*text)) append_word(in, node, word, out.emplace_back());
    return out;
  }
  for (const yaml_node& item : node.items) {
    std::string& place = out.emplace_back();
    if (item.kind != yaml_node::kind::sequence) {
      if (const auto word = read_string(in, item, "phrase")) append_word(in, item, *word, place);
      continue;
    }
    if (item.items.empty()) in.error(item, "a phrase holds an empty list of alternatives", "remove it, or name words");
    place = "(?:";
    for (const yaml_node& one : item.items) {
      if (place.size() > 3) place += '|';
      if (const auto word = read_string(in, one, "phrase")) append_word(in, one, *word, place);
    }
    place += ')';
  }
  return out;
}

}  // namespace

match_spec phrase_of(reading& in, const yaml_node& node, std::uint64_t gap) {
  match_spec out;
  out.kind = match_spec::kind::regex;
  out.regex.folded = true;
  out.regex.place = in.place_of(node);
  const auto places = places_of(in, node);
  if (places.empty()) in.error(node, "'phrase' is empty, so the rule would never match");
  if (places.size() > words_max) in.error(node, "a phrase of more than " + std::to_string(words_max) + " words", "use a shorter, telling part of it");
  std::string between = separator;
  if (gap > 0) between += "(?:" + std::string(other_word) + "){0," + std::to_string(gap) + "}";
  for (const std::string& place : places) {
    if (!out.regex.pattern.empty()) out.regex.pattern += between;
    out.regex.pattern += place;
  }
  return out;
}

}  // namespace sluice::policy
