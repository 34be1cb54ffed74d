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
place reading::place_of(const yaml_node& at) const { return {.file = file, .line = at.line, .column = at.column}; }

void refuse_later(reading& in, const yaml_node& at, std::string_view what) {
  in.error(at, quoted(what) + " is not supported by this version", "remove it; nothing is ignored silently");
}

object::object(reading& in, const yaml_node& node, std::string_view what, words known, words later)
    : in_(in), node_(node), what_(what) {
  if (node.kind != yaml_node::kind::mapping) {
    in.error(node, std::string(what) + " must be a mapping, not " + std::string(kind_name(node)),
             "known keys: " + joined(known));
    return;
  }
  valid_ = true;
  for (const auto& [key, value] : node.members) {
    if (std::ranges::find(known, key.scalar) != known.end()) continue;
    if (std::ranges::find(later, key.scalar) != later.end()) {
      refuse_later(in, key, key.scalar);
      continue;
    }
    in.error(key, "unknown key " + quoted(key.scalar) + " in " + std::string(what), suggestion(key.scalar, known));
  }
}

const yaml_node* object::get(std::string_view key) const {
  if (!valid_) return nullptr;
  const yaml_node* value = node_.find(key);
  if (value == nullptr) return nullptr;
  if (value->kind == yaml_node::kind::null) {
    in_.error(*value, quoted(key) + " has no value", "give one, or remove the key");
    return nullptr;
  }
  return value;
}

const yaml_node* object::need(std::string_view key) const {
  const yaml_node* value = get(key);
  if (value == nullptr && valid_ && node_.find(key) == nullptr) {
    in_.error(node_, what_ + " needs " + quoted(key));
  }
  return value;
}

std::string object::string(std::string_view key) const {
  const yaml_node* value = get(key);
  return value == nullptr ? std::string{} : read_string(in_, *value, key).value_or("");
}

std::string object::need_string(std::string_view key) const {
  const yaml_node* value = need(key);
  if (value == nullptr) return {};
  std::string text = read_string(in_, *value, key).value_or("");
  if (text.empty() && value->kind == yaml_node::kind::scalar && value->scalar.empty()) {
    in_.error(*value, quoted(key) + " is empty");
  }
  return text;
}

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

std::uint64_t object::number(std::string_view key, std::uint64_t otherwise, std::uint64_t max) const {
  const yaml_node* value = get(key);
  if (value == nullptr) return otherwise;
  std::uint64_t read = 0;
  const std::string& text = value->scalar;
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), read);
  const bool whole = value->kind == yaml_node::kind::scalar && !value->quoted && failed == std::errc{} &&
                     stop == text.data() + text.size();
  if (whole && read <= max) return read;
  in_.error(*value, quoted(key) + " must be a whole number from 0 to " + std::to_string(max));
  return otherwise;
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

std::optional<std::size_t> read_word(reading& in, const yaml_node& node, std::string_view what, words known,
                                     words later) {
  if (node.kind != yaml_node::kind::scalar) {
    in.error(node, quoted(what) + " must be one of: " + joined(known));
    return std::nullopt;
  }
  if (const auto at = std::ranges::find(known, node.scalar); at != known.end()) {
    return static_cast<std::size_t>(at - known.begin());
  }
  if (std::ranges::find(later, node.scalar) != later.end()) {
    in.error(node, std::string(what) + " " + quoted(node.scalar) + " is not supported by this version",
             "use one of: " + joined(known));
  } else {
    in.error(node, quoted(node.scalar) + " is no value of " + quoted(what), suggestion(node.scalar, known));
  }
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
