// YAML 1.2 (and JSON, its subset) as a plain tree with positions. The only door to yaml-cpp; also reads sluice.yaml.
// Refused: aliases and anchors, tags, duplicate keys, non-scalar keys, invalid UTF-8, more than the stated bytes, nodes, depth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/policy/diagnostic.hpp"

namespace sluice::policy {

struct document_limits {
  std::size_t bytes_max = 8u << 20;
  std::size_t nodes_max = 1'000'000;
  std::size_t depth_max = 64;
};

struct yaml_member;

struct yaml_node {
  enum class kind : std::uint8_t { null, scalar, sequence, mapping };
  yaml_node::kind kind = yaml_node::kind::null;
  bool quoted = false;   // the scalar was written in quotes (or as a block): a string whatever it looks like
  int line = 0, column = 0;
  const std::string* file = nullptr;  // where it was written, when that is not the file it stands in
  std::string scalar;
  std::vector<yaml_node> items;                              // sequence
  std::vector<yaml_member> members;                          // mapping, in file order
  [[nodiscard]] const yaml_node* find(std::string_view key) const;
};

struct yaml_member {
  yaml_node first;   // the key, always a scalar
  yaml_node second;  // the value
};

// All documents of one file, or diagnostics.
[[nodiscard]] std::vector<yaml_node> parse_yaml(const std::string& file, std::string_view bytes, const document_limits& bounds,
                                                diagnostics& found);

}  // namespace sluice::policy
