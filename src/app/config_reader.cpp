// See config_reader.hpp.
#include "config_reader.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "sluice/base/strings.hpp"

namespace sluice::app {

using policy::yaml_node;

section::section(const std::string& file, policy::diagnostics& found, std::vector<named_path>& named, const yaml_node* node, std::string path)
    : file_(file), found_(found), named_(named), node_(node), path_(std::move(path)) {
  if (node_ == nullptr || node_->kind == yaml_node::kind::mapping) return;
  if (node_->kind != yaml_node::kind::null) {
    found_.push_back({.severity = policy::severity::error,
                      .place = {.file = file_, .line = node_->line, .column = node_->column},
                      .rule = {},
                      .message = (path_.empty() ? std::string("the file") : "'" + path_ + "'") + " must hold keys with values",
                      .advice = "write one 'key: value' a line below it"});
  }
  node_ = nullptr;
}

std::string section::full(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

bool section::has(std::string_view key) const { return node_ != nullptr && node_->find(key) != nullptr; }

const yaml_node* section::take(std::string_view key) {
  known_.emplace_back(key);
  if (node_ == nullptr) return nullptr;
  const auto* value = node_->find(key);
  return value != nullptr && value->kind == yaml_node::kind::null ? nullptr : value;
}

void section::complain(std::string_view key, std::string message, std::string advice) {
  const yaml_node* at = node_;
  if (node_ != nullptr) {
    if (const auto* value = node_->find(key); value != nullptr) at = value;
  }
  found_.push_back({.severity = policy::severity::error,
                    .place = {.file = file_, .line = at == nullptr ? 0 : at->line, .column = at == nullptr ? 0 : at->column},
                    .rule = {},
                    .message = std::move(message),
                    .advice = std::move(advice)});
}

const std::string* section::scalar(std::string_view key, std::string_view wanted) {
  const auto* value = take(key);
  if (value == nullptr) return nullptr;
  if (value->kind == yaml_node::kind::scalar) return &value->scalar;
  complain(key, "'" + full(key) + "' must be " + std::string(wanted));
  return nullptr;
}

section section::sub(std::string_view key) { return {file_, found_, named_, take(key), full(key)}; }

std::vector<section> section::items(std::string_view key) {
  const auto* value = take(key);
  std::vector<section> out;
  if (value == nullptr) return out;
  if (value->kind != yaml_node::kind::sequence) {
    complain(key, "'" + full(key) + "' must be a list", "write '- name: …' below it, one for each");
    return out;
  }
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    out.push_back({file_, found_, named_, &value->items[i], full(key) + "[" + std::to_string(i) + "]"});
  }
  return out;
}

void section::text(std::string_view key, std::string& out) {
  if (const auto* value = scalar(key, "a text")) out = *value;
}

void section::path(std::string_view key, std::string& out) {
  const auto* value = scalar(key, "a path");
  if (value == nullptr || value->empty()) return;
  const auto folder = std::filesystem::path(file_).parent_path();
  std::error_code failed;
  const auto whole = std::filesystem::absolute(folder / *value, failed);  // an absolute value replaces the folder
  out = (failed ? folder / *value : whole).lexically_normal().string();
  const auto* node = node_->find(key);
  named_.push_back({.key = full(key), .path = out, .place = {.file = file_, .line = node->line, .column = node->column}});
}

void section::file(std::string_view key, std::string& out) {
  const auto before = named_.size();
  path(key, out);
  if (named_.size() != before) named_.back().is_file = true;
}

void section::number(std::string_view key, std::uint64_t least, std::uint64_t most, std::uint64_t& out) {
  const auto* value = scalar(key, "a whole number");
  if (value == nullptr) return;
  std::uint64_t read = 0;
  const auto* end = value->data() + value->size();
  const auto [at, code] = std::from_chars(value->data(), end, read);
  if (code == std::errc() && at == end && read >= least && read <= most) {
    out = read;
  } else {
    complain(key, "'" + full(key) + "' is '" + *value + "', which is not a whole number from " + std::to_string(least) +
                      " to " + std::to_string(most));
  }
}

void section::number(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& out) {
  std::uint64_t wide = out;
  number(key, std::uint64_t{least}, std::uint64_t{most}, wide);
  out = static_cast<std::uint32_t>(wide);
}

void section::port(std::string_view key, std::uint16_t& out) {
  std::uint64_t wide = out;
  number(key, std::uint64_t{0}, std::uint64_t{65535}, wide);
  out = static_cast<std::uint16_t>(wide);
}

void section::boolean(std::string_view key, bool& out) {
  static constexpr std::string_view words[] = {"false", "true"};
  std::size_t index = out ? 1 : 0;
  choice(key, words, index);
  out = index == 1;
}

void section::duration(std::string_view key, milliseconds& out) { duration_from(key, milliseconds(1), out); }

void section::duration_or_zero(std::string_view key, milliseconds& out) { duration_from(key, milliseconds(0), out); }

void section::duration_from(std::string_view key, milliseconds least, milliseconds& out) {
  const auto* value = scalar(key, "a duration");
  if (value == nullptr) return;
  const auto read = parse_duration(*value);
  if (read && *read >= least) {
    out = *read;
  } else {
    complain(key, "'" + full(key) + "' is '" + *value + "', which is not a duration", "write 250ms, 5s, 15m, 24h or 30d");
  }
}

void section::bytes(std::string_view key, std::uint64_t& out) {
  const auto* value = scalar(key, "a size");
  if (value == nullptr) return;
  const auto read = parse_bytes(*value);
  if (read && *read > 0) {
    out = *read;
  } else {
    complain(key, "'" + full(key) + "' is '" + *value + "', which is not a size", "write 64MiB, 32KiB, 1GiB or a number of bytes");
  }
}

void section::choice(std::string_view key, std::span<const std::string_view> words, std::size_t& out) {
  const auto* value = scalar(key, "one word");
  if (value == nullptr) return;
  const auto at = std::ranges::find(words, *value);
  if (at != words.end()) {
    out = static_cast<std::size_t>(at - words.begin());
    return;
  }
  std::string all;
  for (const auto word : words) all += (all.empty() ? "" : ", ") + std::string(word);
  const auto near = nearest(*value, words);
  complain(key, "'" + full(key) + "' is '" + *value + "'; it can be " + all,
           near.empty() ? std::string() : "did you mean '" + std::string(near) + "'?");
}

void section::list(std::string_view key, std::vector<std::string>& out) {
  const auto* value = take(key);
  if (value == nullptr) return;
  std::vector<std::string> read;
  bool fine = value->kind == yaml_node::kind::sequence;
  for (const auto& each : value->items) {
    fine = fine && each.kind == yaml_node::kind::scalar;
    read.push_back(each.scalar);
  }
  if (fine) {
    out = std::move(read);
  } else {
    complain(key, "'" + full(key) + "' must be a list of texts", "write [first, second]");
  }
}

void section::pairs(std::vector<std::pair<std::string, std::string>>& out) {
  if (node_ == nullptr) return;
  for (const auto& [key, value] : node_->members) {
    std::string read;
    text(key.scalar, read);
    out.emplace_back(key.scalar, std::move(read));
  }
}

void section::finish() {
  if (node_ == nullptr) return;
  const std::vector<std::string_view> names(known_.begin(), known_.end());
  for (const auto& [key, value] : node_->members) {
    if (std::ranges::find(known_, key.scalar) != known_.end()) continue;
    const auto near = nearest(key.scalar, names);
    std::string all;
    for (const auto name : names) all += (all.empty() ? "" : ", ") + std::string(name);
    found_.push_back({.severity = policy::severity::error,
                      .place = {.file = file_, .line = key.line, .column = key.column},
                      .rule = {},
                      .message = "unknown key '" + full(key.scalar) + "'",
                      .advice = near.empty() ? "known here: " + all : "did you mean '" + std::string(near) + "'?"});
  }
}

}  // namespace sluice::app
