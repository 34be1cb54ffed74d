// What a rule looks for, and lists of words. Phrases: parse_phrase.cpp; macros: parse_macro.cpp.
#include <algorithm>

#include "reader.hpp"

namespace sluice::policy {
namespace {

// Places of the words in schema.hpp's `normalize_words`.
constexpr std::size_t nfkc = 0, strip_zero_width = 1, confusables = 2, leet = 5, strip_marks = 6;

void read_form(const object& from, keyword_match& out) {
  out.case_sensitive = from.word("case").value_or(0) == 1;
  out.fold = !out.case_sensitive;
  out.boundary = from.word("boundary").value_or(0) == 1 ? boundary::none : boundary::word;
}

// The first three views are fixed: saying so is allowed when it is true, asking for another choice is not. `folded`: empty when it
// depends on something that is not known here.
std::uint8_t read_views(reading& in, const object& from, std::optional<bool> folded) {
  std::uint8_t views = 0;
  bool says[3] = {};
  for (const std::size_t at : from.word_list("normalize")) {
    if (at <= confusables) {
      says[at] = true;
    } else {
      views |= static_cast<std::uint8_t>(at == leet ? extra_view::leet : at == strip_marks ? extra_view::marks : extra_view::spaced);
    }
  }
  const bool says_any = says[nfkc] || says[strip_zero_width] || says[confusables];
  if (!says_any || !folded) return views;
  if (says[nfkc] && says[strip_zero_width] && says[confusables] == *folded) return views;
  in.error(*from.get("normalize"),
           std::string("this choice for 'normalize' is not supported by this version ") +
               (*folded ? "with case: insensitive" : "where case is sensitive"),
           *folded ? "write [nfkc, strip_zero_width, confusables] and further views, or only these"
                   : "write [nfkc, strip_zero_width] and further views, or only these");
  return views;
}

void read_words(reading& in, const yaml_node& node, keyword_match& out) {
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

void read_regex(reading& in, const object& from, match_spec& out) {
  const yaml_node& node = *from.get("regex");
  out.kind = match_spec::kind::regex;
  out.regex.pattern = read_string(in, node, "regex").value_or("");
  out.regex.place = in.place_of(node);
  if (node.quoted) ++out.regex.place.column;
  if (out.regex.pattern.contains('\b')) {
    in.error(node, "the regex holds a backspace, which is what YAML makes of \\b in double quotes", R"(write it in single quotes, which keep a backslash: '\b…')");
  }
  out.regex.prefilter = from.strings("prefilter");
  out.validator = from.word("validator", validator::none);
}

void read_classifier(reading& in, const yaml_node& node, match_spec& out) {
  using timeout = classifier_match::timeout;
  out.kind = match_spec::kind::classifier;
  const object from(in, node, classifier_shape);
  out.classifier.name = from.name("name");
  out.classifier.label = from.name("label");
  out.classifier.threshold = from.real("threshold").value_or(1);
  if (const auto at = from.word("on_timeout")) out.classifier.on_timeout = *at == 0 ? timeout::match : timeout::no_match;
}

void read_children(reading& in, const yaml_node& node, std::string_view key, match_spec& out) {
  out.kind = key == "any" ? match_spec::kind::any : match_spec::kind::all;
  if (node.kind != yaml_node::kind::sequence || node.items.empty()) {
    in.error(node, "'" + std::string(key) + "' must be a list with at least one match");
    return;
  }
  for (const yaml_node& item : node.items) out.children.push_back(read_match(in, item));
}

// Views and encodings asked of an expression are asked of each of its leaves.
void ask_leaves(match_spec& of, std::uint8_t views, std::uint32_t decode, std::uint32_t depth) {
  for (match_spec& child : of.children) ask_leaves(child, views, decode, depth);
  if (of.kind != match_spec::kind::keywords && of.kind != match_spec::kind::regex) return;
  of.views |= views;
  if (decode == 0) return;
  of.decode |= decode;
  of.decode_depth = std::max(of.decode_depth, depth);
}

// Look-alikes are resolved where case is folded too, so only a pattern that does not care about case may ask for it.
bool ask_confusables(reading& in, const object& from, const regex_match& regex) {
  const auto asked = from.word_list("normalize");
  if (std::ranges::find(asked, confusables) == asked.end()) return false;
  if (regex.pattern.starts_with("(?i")) return true;
  in.error(*from.get("normalize"), "'confusables' also folds case, and this pattern tells capitals from small letters", "begin the pattern with (?i)");
  return false;
}

void read_modifiers(reading& in, const object& from, match_spec& out) {
  read_nearness(in, from, out.near, out.unless_near);
  if (const yaml_node* entropy = from.get("entropy")) out.entropy_min = object(in, *entropy, entropy_shape).real("min");
  out.min_count = static_cast<std::uint32_t>(from.number("min_count", out.min_count));
  std::optional<bool> folded;
  if (from.has("keywords")) folded = out.keywords.fold;
  if (from.has("regex")) folded = out.regex.folded = ask_confusables(in, from, out.regex);
  const std::uint8_t views = read_views(in, from, folded);
  std::uint32_t decode = 0;
  for (const std::size_t at : from.word_list("decode")) decode |= text::bit(text::reading_names[at].reading);
  if (from.has("max_depth") && !from.has("decode")) in.error(*from.get("max_depth"), "'max_depth' belongs to decode", "remove it");
  ask_leaves(out, views, decode, static_cast<std::uint32_t>(from.number("max_depth", 1)));
}

// The one key that says what is looked for; empty, with an error, when there is none or more than one.
std::string_view kind_of(reading& in, const object& from) {
  std::string_view kind;
  std::size_t given = 0;
  for (const std::string_view each : match_shape.kinds) {
    if (!from.has(each)) continue;
    kind = each;
    ++given;
  }
  if (given == 1) return kind;
  constexpr const char* advice = "give one of: list, keywords, phrase, regex, classifier, macro, any, all, not";
  if (given > 1) in.error(from.node(), "match may have one of list, keywords, phrase, regex and so on, not several", "join several with any: […] or all: […]");
  if (given == 0 && !from.has("guard")) in.error(from.node(), "match names nothing to look for", advice);
  return {};
}

void read_kind(reading& in, const object& from, std::string_view kind, match_spec& out) {
  const yaml_node* value = from.get(kind);
  if (value == nullptr) return;
  if (kind == "regex") {
    read_regex(in, from, out);
  } else if (kind == "keywords") {
    read_form(from, out.keywords);
    read_words(in, *value, out.keywords);
  } else if (kind == "list") {
    out.keywords.list = read_name(in, value, "list");
  } else if (kind == "phrase") {
    out = phrase_of(in, *value, from.number("gap", 0));
  } else if (kind == "classifier") {
    read_classifier(in, *value, out);
  } else if (kind == "not") {
    out.kind = match_spec::kind::negation;
    out.children.push_back(read_match(in, *value));
  } else if (kind == "macro") {
    const std::string name = read_name(in, value, "macro");
    if (name.empty()) return;
    if (auto found = in.macros == nullptr ? std::nullopt : in.macros->find(in, *value, name)) out = std::move(*found);
  } else {
    read_children(in, *value, kind, out);
  }
}

void read_item(reading& in, const yaml_node& item, keyword_match& out) {
  std::optional<std::string> word;
  word_options options;
  if (item.kind != yaml_node::kind::mapping) {
    word = read_string(in, item, "an item");
  } else {
    const object from(in, item, item_shape);
    if (const yaml_node* value = from.get("value")) word = read_string(in, *value, "value");
    if (const yaml_node* text = from.get("replacement")) options.replacement = read_string(in, *text, "replacement");
    read_nearness(in, from, options.near, options.unless_near);
  }
  if (!word) return;
  if (options != word_options{}) out.options.emplace(static_cast<std::uint32_t>(out.words.size()), std::move(options));
  out.words.push_back(std::move(*word));
  out.places.push_back(in.place_of(item));
}

std::optional<proximity> read_proximity(reading& in, const object& from, std::string_view key) {
  const yaml_node* node = from.get(key);
  if (node == nullptr) return std::nullopt;
  proximity out;
  out.place = in.place_of(*node);
  if (node->kind == yaml_node::kind::mapping) {
    const object fields(in, *node, proximity_shape, key);
    out.of = fields.strings("of");
    out.within = static_cast<std::uint32_t>(fields.number("within", 1));
    if (const yaml_node* outer = from.get("within")) in.error(*outer, "'within' is given twice", "keep the inner one");
  } else {
    out.of = read_strings(in, *node, key);
    out.within = static_cast<std::uint32_t>(from.number("within", 1));
    if (!from.has("within")) in.error(*node, "'" + std::string(key) + "' needs 'within' beside it", "say how many characters away, as within: 24");
  }
  if (out.of.empty()) in.error(*node, "'" + std::string(key) + "' names no word");
  return out;
}

}  // namespace

void read_nearness(reading& in, const object& from, std::optional<proximity>& near, std::optional<proximity>& unless_near) {
  if (from.has("near")) near = read_proximity(in, from, "near");
  if (from.has("unless_near")) unless_near = read_proximity(in, from, "unless_near");
  if (from.has("within") && !from.has("near") && !from.has("unless_near")) {
    in.error(*from.get("within"), "'within' belongs to near and unless_near", "remove it");
  }
}

match_spec read_match(reading& in, const yaml_node& node) {
  match_spec out;
  const object from(in, node, match_shape);
  if (from.valid()) {
    const std::string_view kind = kind_of(in, from);
    if (!kind.empty()) read_kind(in, from, kind, out);
    read_modifiers(in, from, out);
  }
  out.place = in.place_of(node);
  return out;
}

list_ast read_list(reading& in, const yaml_node& document) {
  list_ast out;
  const object from(in, document, list_shape);
  const metadata meta = read_metadata(in, from);
  out.name = meta.name;
  out.owner = meta.owner;
  out.review_by = meta.review_by;
  out.place = meta.place;
  out.words.list = out.name;
  if (const yaml_node* how = from.get("match")) {
    const object fields(in, *how, list_match_shape);
    read_form(fields, out.words);
    out.views = read_views(in, fields, out.words.fold);
  }
  const yaml_node* items = from.get("items");
  if (items == nullptr) return out;
  if (items->kind != yaml_node::kind::sequence) {
    in.error(*items, "'items' must be a list of words");
    return out;
  }
  if (items->items.empty()) in.error(*items, "'items' is empty, so the list would never match", "add words");
  for (const yaml_node& item : items->items) read_item(in, item, out.words);
  return out;
}

}  // namespace sluice::policy
