// What a rule looks for: lists, keywords and regular expressions.
#include <algorithm>

#include "reader.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view match_known[] = {"list", "keywords", "regex", "case", "boundary", "validator", "prefilter"};
constexpr std::string_view match_later[] = {
    "phrase", "classifier",  "guard",  "macro",     "any",       "all",    "not",       "entropy",
    "near",   "unless_near", "within", "min_count", "normalize", "decode", "max_depth", "engine"};
constexpr std::string_view case_words[] = {"insensitive", "sensitive"};
constexpr std::string_view boundary_words[] = {"word", "none"};
constexpr std::string_view boundary_later[] = {"start", "end", "line"};
constexpr std::string_view validator_words[] = {"none", "luhn", "iban"};
constexpr std::string_view validator_later[] = {"aba", "nhs", "ssn", "phone", "verhoeff", "mod11", "email", "jwt"};

void read_case(reading& in, const object& from, keyword_match& out) {
  if (const yaml_node* node = from.get("case")) {
    out.case_sensitive = read_word(in, *node, "case", case_words).value_or(0) == 1;
  }
  out.fold = !out.case_sensitive;
}

void read_boundary(reading& in, const object& from, keyword_match& out) {
  if (const yaml_node* node = from.get("boundary")) {
    const auto at = read_word(in, *node, "boundary", boundary_words, boundary_later);
    out.boundary = at.value_or(0) == 1 ? boundary::none : boundary::word;
  }
}

// The views are fixed in this version: saying so is allowed, asking for another is not.
void check_normalize(reading& in, const object& from, const keyword_match& words_read) {
  static constexpr std::string_view known[] = {"nfkc", "strip_zero_width", "confusables"};
  static constexpr std::string_view later[] = {"collapse_space", "nfc", "nfd", "nfkd", "leet", "homoglyphs"};
  const yaml_node* node = from.get("normalize");
  if (node == nullptr) return;
  if (node->kind != yaml_node::kind::sequence) {
    in.error(*node, "'normalize' must be a list");
    return;
  }
  bool has[3] = {};
  bool all_known = true;
  for (const yaml_node& item : node->items) {
    const auto at = read_word(in, item, "normalize", known, later);
    if (at) has[*at] = true;
    all_known = all_known && at.has_value();
  }
  if (!all_known) return;
  const bool confusables_fit = has[2] == words_read.fold;
  if (has[0] && has[1] && confusables_fit) return;
  in.error(*node,
           std::string("this choice for 'normalize' is not supported by this version with case: ") +
               (words_read.fold ? "insensitive" : "sensitive"),
           words_read.fold ? "write [nfkc, strip_zero_width, confusables], or leave it out"
                           : "write [nfkc, strip_zero_width], or leave it out");
}

void read_keywords(reading& in, const yaml_node& node, keyword_match& out) {
  if (node.kind != yaml_node::kind::sequence) {
    in.error(node, "'keywords' must be a list of words");
    return;
  }
  if (node.items.empty()) in.error(node, "'keywords' is empty, so the rule would never match");
  for (const yaml_node& item : node.items) {
    auto word = read_string(in, item, "a keyword");
    if (!word) continue;
    out.words.push_back(std::move(*word));
    out.places.push_back(in.place_of(item));
  }
}

void read_regex(reading& in, const object& from, const yaml_node& node, match_spec& out) {
  out.kind = match_spec::kind::regex;
  out.regex.pattern = read_string(in, node, "regex").value_or("");
  out.regex.place = in.place_of(node);
  if (node.quoted) ++out.regex.place.column;
  out.regex.prefilter = from.strings("prefilter");
  if (const yaml_node* name = from.get("validator")) {
    const auto at = read_word(in, *name, "validator", validator_words, validator_later);
    out.validator = static_cast<policy::validator>(at.value_or(0));
  }
}

void refuse_with(reading& in, const object& from, std::string_view key, std::string_view belongs) {
  if (const yaml_node* node = from.node().find(key)) {
    in.error(*node, "'" + std::string(key) + "' belongs to " + std::string(belongs), "remove it");
  }
}

std::optional<std::string> read_item(reading& in, const yaml_node& item) {
  if (item.kind != yaml_node::kind::mapping) return read_string(in, item, "an item");
  static constexpr std::string_view known[] = {"value"};
  static constexpr std::string_view later[] = {"unless_near", "within", "near", "case", "boundary"};
  const object fields(in, item, "an item", known, later);
  const yaml_node* value = fields.need("value");
  if (value == nullptr) return std::nullopt;
  return read_string(in, *value, "value");
}

}  // namespace

match_spec read_match(reading& in, const yaml_node& node) {
  match_spec out;
  out.place = in.place_of(node);
  const object from(in, node, "match", match_known, match_later);
  if (!from.valid()) return out;
  const yaml_node* list = from.get("list");
  const yaml_node* keywords = from.get("keywords");
  const yaml_node* regex = from.get("regex");
  const int given = (list != nullptr) + (keywords != nullptr) + (regex != nullptr);
  if (given == 0) {
    const bool later = std::ranges::any_of(node.members, [](const yaml_member& member) {
      return std::ranges::find(match_later, member.first.scalar) != std::end(match_later);
    });
    if (!later) in.error(node, "match names nothing to look for", "give one of: list, keywords, regex");
    return out;
  }
  if (given > 1) {
    in.error(node, "match may have one of list, keywords and regex, not several", "write one rule for each");
    return out;
  }
  if (regex != nullptr) {
    read_regex(in, from, *regex, out);
    refuse_with(in, from, "case", "list items and keywords; in a regex write (?i)");
    refuse_with(in, from, "boundary", "list items and keywords; in a regex write \\b");
    return out;
  }
  refuse_with(in, from, "validator", "regex");
  refuse_with(in, from, "prefilter", "regex");
  if (list != nullptr) {
    out.keywords.list = read_name(in, list, "list");
    refuse_with(in, from, "case", "the list itself (match: {case: …})");
    refuse_with(in, from, "boundary", "the list itself (match: {boundary: …})");
    return out;
  }
  read_case(in, from, out.keywords);
  read_boundary(in, from, out.keywords);
  read_keywords(in, *keywords, out.keywords);
  return out;
}

list_ast read_list(reading& in, const yaml_node& document) {
  static constexpr std::string_view known[] = {"apiVersion", "kind", "metadata", "match", "items"};
  static constexpr std::string_view match_keys[] = {"case", "normalize", "boundary"};
  list_ast out;
  const object from(in, document, "a List", known);
  const metadata meta = read_metadata(in, from, "List");
  out.name = meta.name;
  out.owner = meta.owner;
  out.review_by = meta.review_by;
  out.place = meta.place;
  out.words.list = out.name;
  if (const yaml_node* how = from.get("match")) {
    const object fields(in, *how, "a list's match", match_keys);
    read_case(in, fields, out.words);
    read_boundary(in, fields, out.words);
    check_normalize(in, fields, out.words);
  }
  const yaml_node* items = from.need("items");
  if (items == nullptr) return out;
  if (items->kind != yaml_node::kind::sequence) {
    in.error(*items, "'items' must be a list of words");
    return out;
  }
  if (items->items.empty()) in.error(*items, "'items' is empty, so the list would never match", "add words");
  for (const yaml_node& item : items->items) {
    auto word = read_item(in, item);
    if (!word) continue;
    out.words.words.push_back(std::move(*word));
    out.words.places.push_back(in.place_of(item));
  }
  return out;
}

}  // namespace sluice::policy
