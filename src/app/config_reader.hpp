// Reads mappings of a YAML tree key by key. Asking for a key makes it known; what nobody asked for is an error with the
// nearest known key as advice. Control plane; owned by one read_config call.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/document.hpp"

namespace sluice::app {

// A file or folder that a configuration names.
struct named_path {
  std::string key, path;
  policy::place place;
  bool is_file = false;  // must be readable when the gateway starts
};

class section {
 public:
  // `node` null: the section is absent, every key keeps its default. `path`: "policy.source", empty for the root.
  // `named`: where path() and file() write down what is named.
  section(const std::string& file, policy::diagnostics& found, std::vector<named_path>& named, const policy::yaml_node* node, std::string path);

  [[nodiscard]] bool present() const { return node_ != nullptr; }
  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] section sub(std::string_view key);
  // Sections of a sequence of mappings.
  [[nodiscard]] std::vector<section> items(std::string_view key);

  void text(std::string_view key, std::string& out);
  void path(std::string_view key, std::string& out);  // relative to the file's folder; absolute in `out`
  void file(std::string_view key, std::string& out);  // the path of a file that must be readable when the gateway starts
  void number(std::string_view key, std::uint64_t least, std::uint64_t most, std::uint64_t& out);
  void number(std::string_view key, std::uint32_t least, std::uint32_t most, std::uint32_t& out);
  void port(std::string_view key, std::uint16_t& out);
  void boolean(std::string_view key, bool& out);
  void duration(std::string_view key, milliseconds& out);  // more than 0
  void duration_or_zero(std::string_view key, milliseconds& out);
  void bytes(std::string_view key, std::uint64_t& out);
  // The index of the word; `out` stays when the key is absent or wrong.
  void choice(std::string_view key, std::span<const std::string_view> words, std::size_t& out);
  void list(std::string_view key, std::vector<std::string>& out);
  void pairs(std::vector<std::pair<std::string, std::string>>& out);  // every key of this section

  // An error at `key`'s value, or at the section when the key is absent.
  void complain(std::string_view key, std::string message, std::string advice = {});
  // After the last key: what was not asked for is unknown.
  void finish();

 private:
  const policy::yaml_node* take(std::string_view key);
  const std::string* scalar(std::string_view key, std::string_view wanted);
  void duration_from(std::string_view key, milliseconds least, milliseconds& out);
  [[nodiscard]] std::string full(std::string_view key) const;

  const std::string& file_;
  policy::diagnostics& found_;
  std::vector<named_path>& named_;
  const policy::yaml_node* node_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace sluice::app
