// Typed access to mappings, and the wording of what is wrong with them.
#include "reader.hpp"

#include <algorithm>
#include <charconv>

#include "sluice/base/clock.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t diagnostics_max = 500;  // of a bundle

void add(reading& in, severity how, const yaml_node& at, std::string message, std::string advice) {
  if (in.found.size() >= diagnostics_max && how == severity::warning) return;
  if (in.found.size() >= 2 * diagnostics_max) return;
  in.found.push_back({.severity = how,
                      .place = in.place_of(at),
                      .rule = in.rule,
                      .message = std::move(message),
                      .advice = std::move(advice)});
}

std::string quoted(std::string_view word) {
  constexpr std::size_t shown_max = 60;
  std::string out = "'";
  for (const char c : clipped(word, shown_max)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out + "'";
}

std::string joined(words list) {
  std::string out;
  for (const std::string_view word : list) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

std::string suggestion(std::string_view word, words known) {
  const std::string_view near = nearest(word, known);
  return near.empty() ? "known: " + joined(known) : "did you mean " + quoted(near) + "?";
}

std::string_view kind_name(const yaml_node& node) {
  switch (node.kind) {
    case yaml_node::kind::null:
      return "nothing";
    case yaml_node::kind::scalar:
      return "a single value";
    case yaml_node::kind::sequence:
      return "a list";
    case yaml_node::kind::mapping:
      return "a mapping";
  }
  return "?";
}

// What one YAML reader or another takes for something else than a string (YAML 1.1's words included).
bool looks_like_no_string(std::string_view text) {
  static constexpr std::string_view odd[] = {"true", "false", "yes", "no", "on", "off", "null", "~", ".inf", ".nan"};
  if (std::ranges::any_of(odd, [&](std::string_view word) { return iequals(word, text); })) return true;
  if (text.empty()) return false;
  double value = 0;
  const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(begin, end, value);
  return failed == std::errc{} && stop == end;
}

}  // namespace

void reading::error(const yaml_node& at, std::string message, std::string advice) {
  add(*this, severity::error, at, std::move(message), std::move(advice));
}
void reading::warn(const yaml_node& at, std::string message, std::string advice) {
  add(*this, severity::warning, at, std::move(message), std::move(advice));
}
place reading::place_of(const yaml_node& at) const { return {.file = at.file == nullptr ? file : *at.file, .line = at.line, .column = at.column}; }

object::object(reading& in, const yaml_node& node, const shape& of, std::string_view what)
    : in_(in), node_(node), shape_(of), what_(what.empty() ? of.what : what) {
  std::vector<std::string_view> known;
  for (const field& each : of.fields) {
    if (each.holds != holds::refused && each.retired.empty()) known.push_back(each.key);
  }
  if (node.kind != yaml_node::kind::mapping) {
    in.error(node, what_ + " must be a mapping, not " + std::string(kind_name(node)), "known keys: " + joined(known));
    return;
  }
  valid_ = true;
  const auto meant = check_keys(known);
  for (const field& each : of.fields) {
    // A key that is misspelt is there: one error says it.
    if (!each.required || node.find(each.key) != nullptr || std::ranges::find(meant, each.key) != meant.end()) continue;
    const auto doc = each.doc.substr(0, each.doc.size() - (each.doc.ends_with('.') ? 1 : 0));
    in.error(node, what_ + " needs " + quoted(each.key), "add " + std::string(each.key) + ": " + std::string(doc));
  }
}

std::vector<std::string_view> object::check_keys(words known) {
  std::vector<std::string_view> meant;
  std::string kind;
  if (const yaml_node* chosen = shape_.selector.empty() ? nullptr : node_.find(shape_.selector)) kind = chosen->scalar;
  for (const auto& [key, value] : node_.members) {
    const field* of = find_field(shape_, key.scalar);
    if (of == nullptr) {
      in_.error(key, "unknown key " + quoted(key.scalar) + " in " + what_, suggestion(key.scalar, known));
      meant.push_back(nearest(key.scalar, known));
    } else if (of->holds == holds::refused) {
      in_.error(key, quoted(key.scalar) + " is not supported by this version", "remove it; nothing is ignored silently");
    } else {
      if (!of->retired.empty()) in_.warn(key, quoted(key.scalar) + " says nothing any more: " + std::string(of->retired), "remove it");
      if (!of->with.empty()) check_belonging(key, *of, kind);
    }
  }
  return meant;
}

// A key that means something only with some others, and would do nothing here.
void object::check_belonging(const yaml_node& key, const field& of, const std::string& kind) {
  if (!shape_.selector.empty()) {
    if (kind.empty() || std::ranges::find(of.with, kind) != of.with.end()) return;
    if (const field* selector = find_field(shape_, shape_.selector);
        std::ranges::find(selector->known, kind) == selector->known.end()) {
      return;  // the selector's own error says enough
    }
    in_.error(key, quoted(of.key) + " does nothing with " + std::string(shape_.selector) + ": " + kind,
              "it belongs to " + std::string(shape_.selector) + ": " + joined(of.with));
    return;
  }
  const auto here = [&](std::string_view other) { return node_.find(other) != nullptr; };
  if (std::ranges::any_of(of.with, here) || std::ranges::none_of(shape_.kinds, here)) return;
  in_.error(key, quoted(of.key) + " belongs to " + std::string(of.otherwise), "remove it");
}

const field& object::field_of(std::string_view key) const {
  static constexpr field none = {.key = "?", .holds = holds::text, .doc = {}};
  const field* found = find_field(shape_, key);
  return found == nullptr ? none : *found;
}

const yaml_node* object::get(std::string_view key) const {
  if (!valid_) return nullptr;
  const yaml_node* value = node_.find(key);
  if (value == nullptr) return nullptr;
  if (value->kind == yaml_node::kind::null) {
    // What is not there has no place of its own.
    const auto at = std::ranges::find(node_.members, key, [](const auto& member) -> std::string_view { return member.first.scalar; });
    in_.error(at == node_.members.end() ? *value : at->first, quoted(key) + " has no value", "give one, or remove the key");
    return nullptr;
  }
  return value;
}

std::string object::string(std::string_view key) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return {};
  std::string text = read_string(in_, *value, key).value_or("");
  if (text.empty() && field_of(key).required && value->kind == yaml_node::kind::scalar && value->scalar.empty()) {
    in_.error(*value, quoted(key) + " is empty");
  }
  return text;
}

std::string object::name(std::string_view key) const { return read_name(in_, get(key), key); }

std::vector<std::string> object::strings(std::string_view key) const {
  const yaml_node* value = get(key);
  return value == nullptr ? std::vector<std::string>{} : read_strings(in_, *value, key);
}

bool object::boolean(std::string_view key, bool otherwise) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return otherwise;
  if (value->kind == yaml_node::kind::scalar && !value->quoted) {
    if (value->scalar == "true") return true;
    if (value->scalar == "false") return false;
  }
  in_.error(*value, quoted(key) + " must be true or false");
  return otherwise;
}

std::uint64_t object::number(std::string_view key, std::uint64_t otherwise) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return otherwise;
  const field& of = field_of(key);
  const auto min = static_cast<std::uint64_t>(of.min), max = static_cast<std::uint64_t>(of.max);
  std::uint64_t read = 0;
  const std::string& text = value->scalar;
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), read);
  const bool whole = value->kind == yaml_node::kind::scalar && !value->quoted && failed == std::errc{} &&
                     stop == text.data() + text.size();
  if (whole && read >= min && read <= max) return read;
  in_.error(*value, quoted(key) + " must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return otherwise;
}

std::optional<double> object::real(std::string_view key) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return std::nullopt;
  const field& of = field_of(key);
  if (const auto read = read_real(*value); read && *read >= of.min && *read <= of.max) return read;
  in_.error(*value, quoted(key) + " must be a number from " + std::to_string(static_cast<int>(of.min)) + " to " +
                        std::to_string(static_cast<int>(of.max)));
  return std::nullopt;
}

std::string object::date(std::string_view key) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return {};
  constexpr std::size_t date_size = 10;
  if (value->kind == yaml_node::kind::scalar && value->scalar.size() == date_size && parse_time(value->scalar)) {
    return value->scalar;
  }
  in_.error(*value, quoted(key) + " must be a date as YYYY-MM-DD");
  return {};
}

std::optional<milliseconds> object::duration(std::string_view key) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return std::nullopt;
  if (const auto read = parse_duration(value->scalar); read && read->count() > 0) return *read;
  in_.error(*value, quoted(key) + " must be a duration", "write it as 24h");
  return std::nullopt;
}

std::optional<std::size_t> object::word(std::string_view key) const {
  const yaml_node* value = get(key);
  return value == nullptr ? std::nullopt : read_word(in_, *value, key, field_of(key).known);
}

std::vector<std::size_t> object::word_list(std::string_view key) const {
  std::vector<std::size_t> out;
  const yaml_node* list = get(key);
  if (list == nullptr || !is_list(*list, key)) return out;
  if (list->items.empty()) in_.error(*list, quoted(key) + " must be a list with at least one value", "leave it out to mean the usual");
  for (const yaml_node& item : list->items) {
    if (const auto at = read_word(in_, item, key, field_of(key).known)) out.push_back(*at);
  }
  return out;
}

bool object::is_list(const yaml_node& value, std::string_view key) const {
  if (value.kind == yaml_node::kind::sequence) return true;
  in_.error(value, quoted(key) + " must be a list");
  return false;
}

std::optional<double> read_real(const yaml_node& node) {
  double read = 0;
  const std::string& text = node.scalar;
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), read, std::chars_format::fixed);
  const bool good = node.kind == yaml_node::kind::scalar && !node.quoted && !text.empty() && failed == std::errc{} &&
                    stop == text.data() + text.size();
  return good ? std::optional(read) : std::nullopt;
}

std::optional<std::string> read_string(reading& in, const yaml_node& node, std::string_view what) {
  if (node.kind == yaml_node::kind::null) {
    in.error(node, quoted(what) + " is empty or null where text is expected", "to mean the word, put it in quotes");
    return std::nullopt;
  }
  if (node.kind != yaml_node::kind::scalar) {
    in.error(node, quoted(what) + " must be text, not " + std::string(kind_name(node)));
    return std::nullopt;
  }
  if (!node.quoted && looks_like_no_string(node.scalar)) {
    in.error(node, quoted(what) + " is text, and " + quoted(node.scalar) + " may be read as something else",
             "put it in quotes: \"" + node.scalar + "\"");
    return std::nullopt;
  }
  return node.scalar;
}

std::vector<std::string> read_strings(reading& in, const yaml_node& node, std::string_view what) {
  std::vector<std::string> out;
  if (node.kind == yaml_node::kind::sequence) {
    for (const yaml_node& item : node.items) {
      if (auto text = read_string(in, item, what)) out.push_back(std::move(*text));
    }
    return out;
  }
  if (node.kind == yaml_node::kind::mapping) {
    in.error(node, quoted(what) + " must be a list of texts, not a mapping");
    return out;
  }
  if (auto text = read_string(in, node, what)) out.push_back(std::move(*text));
  return out;
}

std::optional<std::size_t> read_word(reading& in, const yaml_node& node, std::string_view what, words known) {
  if (node.kind != yaml_node::kind::scalar) {
    in.error(node, quoted(what) + " must be one of: " + joined(known));
    return std::nullopt;
  }
  if (const auto at = std::ranges::find(known, node.scalar); at != known.end()) {
    return static_cast<std::size_t>(at - known.begin());
  }
  in.error(node, quoted(node.scalar) + " is no value of " + quoted(what), suggestion(node.scalar, known));
  return std::nullopt;
}

bool is_name(std::string_view text) {
  constexpr std::size_t name_max = 100;
  return !text.empty() && text.size() <= name_max && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string read_name(reading& in, const yaml_node* node, std::string_view what) {
  if (node == nullptr) return {};
  const auto text = read_string(in, *node, what);
  if (!text) return {};
  if (is_name(*text)) return *text;
  in.error(*node, quoted(what) + " " + quoted(*text) + " is no name",
           "use a-z, 0-9, '-' and '_', at most 100 characters");
  return {};
}

}  // namespace sluice::policy
