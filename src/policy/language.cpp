// See language.hpp. What the tables cannot say (which fields of a context need a date that exists, say) is the checker's to find.
#include "sluice/policy/language.hpp"

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "schema.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

using members = std::vector<std::pair<std::string, std::string>>;

std::string object_of(const members& all) {
  std::string out = "{";
  for (const auto& [key, value] : all) out += (out.size() > 1 ? "," : "") + json_quoted(key) + ":" + value;
  return out + "}";
}
std::string array_of(const std::vector<std::string>& all) {
  std::string out = "[";
  for (const auto& each : all) out += (out.size() > 1 ? "," : "") + each;
  return out + "]";
}
std::string quoted_list(words list) {
  std::vector<std::string> out;
  for (const std::string_view word : list) out.push_back(json_quoted(word));
  return array_of(out);
}
std::string number(double value) {
  return std::floor(value) == value && std::abs(value) < 1e16 ? std::to_string(static_cast<long long>(value)) : std::to_string(value);
}
std::string ref(const shape& to) { return object_of({{"$ref", json_quoted("#/$defs/" + std::string(to.name))}}); }
std::string of_type(std::string_view type) { return object_of({{"type", json_quoted(type)}}); }
std::string pattern(std::string_view text) { return object_of({{"type", "\"string\""}, {"pattern", json_quoted(text)}}); }
std::string list_of(const std::string& item, bool may_be_empty = false) {
  members out = {{"type", "\"array\""}, {"items", item}};
  if (!may_be_empty) out.emplace_back("minItems", "1");
  return object_of(out);
}
std::string any_of(const std::vector<std::string>& all) { return object_of({{"anyOf", array_of(all)}}); }
std::string by_name(const std::string& value) { return object_of({{"type", "\"object\""}, {"additionalProperties", value}}); }

std::string value_schema(const field& f) {
  const std::string text = of_type("string");
  switch (f.holds) {
    case holds::text:
    case holds::time: return text;
    case holds::name: return pattern("^[a-z0-9_-]{1,100}$");
    case holds::word: return object_of({{"enum", quoted_list(f.known)}});
    case holds::boolean: return of_type("boolean");
    case holds::whole:
    case holds::real: {
      members out = {{"type", f.holds == holds::whole ? "\"integer\"" : "\"number\""}, {"minimum", number(f.min)}};
      if (f.max < 1e18) out.emplace_back("maximum", number(f.max));
      return object_of(out);
    }
    case holds::date: return pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
    case holds::duration: return pattern("^[0-9]+(ms|s|m|h|d)$");
    case holds::clock: return pattern("^([01][0-9]|2[0-4]):[0-5][0-9]$");
    case holds::texts: return any_of({text, list_of(text)});
    case holds::text_list: return list_of(text);
    case holds::ids: return list_of(text, true);
    case holds::word_list: return list_of(object_of({{"enum", quoted_list(f.known)}}));
    case holds::phrase: return any_of({text, list_of(any_of({text, list_of(text)}))});
    case holds::mapping: return ref(*f.of);
    case holds::mappings: return list_of(ref(*f.of), true);
    case holds::by_name: return by_name(ref(*f.of));
    case holds::text_by_name: return by_name(text);
    case holds::number_by_name: return by_name(object_of({{"type", "\"number\""}, {"minimum", "0"}, {"maximum", "1"}}));
    case holds::global_or: return any_of({object_of({{"const", "\"global\""}}), ref(*f.of)});
    case holds::texts_or: return any_of({text, list_of(text), ref(*f.of)});
    case holds::item_list: return list_of(any_of({text, ref(*f.of)}));
    case holds::patch: return of_type("object");
    case holds::refused: break;
  }
  return "false";
}

std::string with_doc(const std::string& schema, std::string_view doc) {
  return "{\"description\":" + json_quoted(doc) + "," + schema.substr(1);
}

// Keys that mean something only with others, and exactly one of the kinds.
void add_conditions(const shape& of, members& out) {
  std::vector<std::string> all;
  std::map<std::vector<std::string_view>, std::vector<const field*>> together;
  for (const field& f : of.fields) {
    if (!f.with.empty()) together[{f.with.begin(), f.with.end()}].push_back(&f);
  }
  members dependent;
  for (const auto& [with, fields] : together) {
    if (!of.selector.empty()) {
      members refused;
      for (const field* f : fields) refused.emplace_back(f->key, "false");
      all.push_back(object_of({{"if", object_of({{"properties", object_of({{std::string(of.selector), object_of({{"enum", quoted_list(with)}})}})}})},
                               {"else", object_of({{"properties", object_of(refused)}})}}));
      continue;
    }
    std::vector<std::string> one;
    for (const std::string_view kind : with) one.push_back(object_of({{"required", quoted_list(std::span(&kind, 1))}}));
    for (const field* f : fields) dependent.emplace_back(f->key, any_of(one));
  }
  if (!dependent.empty()) out.emplace_back("dependentSchemas", object_of(dependent));
  if (!all.empty()) out.emplace_back("allOf", array_of(all));
  if (of.kinds.empty()) return;
  std::vector<std::string> kinds;
  for (const std::string_view kind : of.kinds) kinds.push_back(object_of({{"required", quoted_list(std::span(&kind, 1))}}));
  out.emplace_back("oneOf", array_of(kinds));
}

std::string definition(const shape& of) {
  members properties;
  std::vector<std::string> required;
  for (const field& f : of.fields) {
    if (f.holds == holds::refused) continue;
    const auto value = f.retired.empty() ? value_schema(f) : "{\"deprecated\":true," + value_schema(f).substr(1);
    properties.emplace_back(f.key, with_doc(value, f.doc));
    if (f.required) required.push_back(json_quoted(f.key));
  }
  members out = {{"type", "\"object\""}, {"properties", object_of(properties)}, {"additionalProperties", "false"}};
  if (!required.empty()) out.emplace_back("required", array_of(required));
  add_conditions(of, out);
  return object_of(out);
}

// Every shape that can be reached, documents first, each once.
std::vector<const shape*> all_shapes() {
  std::vector<const shape*> out;
  std::set<const shape*> seen;
  for (std::size_t i = 0; i < std::size(document_kinds); ++i) {
    out.push_back(&shape_of_kind(i));
    seen.insert(out.back());
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (const field& f : out[i]->fields) {
      if (f.of != nullptr && seen.insert(f.of).second) out.push_back(f.of);
    }
  }
  return out;
}

std::string joined(words list) {
  std::string out;
  for (const std::string_view word : list) out += (out.empty() ? "" : " ") + ("`" + std::string(word) + "`");
  return out;
}

std::string in_words(const field& f) {
  const auto range = [&](const char* what) {
    return std::string(what) + (f.max < 1e15 ? ", " + number(f.min) + " to " + number(f.max) : f.min > 0 ? ", from " + number(f.min) : "");
  };
  const std::string of = f.of == nullptr ? "" : "[" + std::string(f.of->name) + "](#" + lower(f.of->name) + ")";
  switch (f.holds) {
    case holds::text: return "text";
    case holds::name: return "name";
    case holds::word: return joined(f.known);
    case holds::boolean: return "`true` `false`";
    case holds::whole: return range("whole number");
    case holds::real: return range("number");
    case holds::date: return "date";
    case holds::duration: return "duration";
    case holds::clock: return "time of day";
    case holds::time: return "time";
    case holds::texts: return "texts, or one";
    case holds::text_list: return "texts";
    case holds::ids: return "ids";
    case holds::word_list: return "of " + joined(f.known);
    case holds::phrase: return "text, or list";
    case holds::mapping: return of;
    case holds::mappings: return "list of " + of;
    case holds::by_name: return "by name, " + of;
    case holds::text_by_name: return "texts by name";
    case holds::number_by_name: return "numbers by name";
    case holds::global_or: return "`global`, or " + of;
    case holds::texts_or: return "texts, or " + of;
    case holds::item_list: return "texts, or " + of;
    case holds::patch: return "values by field";
    case holds::refused: break;
  }
  return {};
}

}  // namespace

std::string language_schema() {
  members definitions;
  for (const shape* each : all_shapes()) definitions.emplace_back(each->name, definition(*each));
  std::vector<std::string> kinds;
  for (std::size_t i = 0; i < std::size(document_kinds); ++i) {
    const std::string is = object_of({{"properties", object_of({{"kind", object_of({{"const", json_quoted(document_kinds[i])}})}})}});
    kinds.push_back(object_of({{"if", is}, {"then", ref(shape_of_kind(i))}}));
  }
  return object_of({{"$schema", "\"https://json-schema.org/draft/2020-12/schema\""},
                    {"$id", "\"urn:sluice:policy:v1\""},
                    {"title", "\"Sluice policy document\""},
                    {"type", "\"object\""},
                    {"required", "[\"apiVersion\",\"kind\"]"},
                    {"properties", object_of({{"apiVersion", "{\"const\":\"sluice/v1\"}"}, {"kind", object_of({{"enum", quoted_list(document_kinds)}})}})},
                    {"allOf", array_of(kinds)},
                    {"$defs", object_of(definitions)}});
}

std::string language_reference() {
  std::string out;
  for (const shape* each : all_shapes()) {
    out += "### " + std::string(each->name) + "\n\n| key | holds | |\n|---|---|---|\n";
    for (const field& f : each->fields) {
      if (f.holds == holds::refused || !f.retired.empty()) continue;
      out += "| `" + std::string(f.key) + "`" + (f.required ? " *" : "") + " | " + in_words(f) + " | " + std::string(f.doc);
      if (!each->selector.empty() && !f.with.empty()) out += " With " + joined(f.with) + ".";
      out += " |\n";
    }
    out += "\n";
  }
  return out;
}

}  // namespace sluice::policy
