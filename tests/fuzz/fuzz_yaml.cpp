// Policy files: whatever the bytes, documents or errors with a place inside the file, the same each time; and what was read says where it
// stands: a plain word is found at its line and column.
#include <algorithm>

#include "check.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/document.hpp"
#include "sluice/text/view.hpp"

namespace {

using namespace sluice::policy;

void placed(const diagnostics& found, int lines) {
  for (const auto& d : found) {
    SLUICE_REQUIRE(!d.message.empty() && d.place.file == "bundle.yaml");
    SLUICE_REQUIRE(sluice::text::is_valid_utf8(d.message) && sluice::text::is_valid_utf8(d.advice));
    SLUICE_REQUIRE(d.place.line >= 0 && d.place.line <= lines && d.place.column >= 0);
  }
}

// What stands in a line from a column on; columns count bytes.
std::string_view at(std::string_view bytes, int line, int column) {
  for (; line > 1; --line) bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
  return bytes.substr(std::min(bytes.size(), static_cast<std::size_t>(column - 1)));
}

struct tally {
  std::size_t nodes = 0, depth = 0;
};

void walk(const yaml_node& node, std::string_view bytes, std::size_t level, tally& seen) {
  seen.depth = std::max(seen.depth, level);
  ++seen.nodes;
  SLUICE_REQUIRE(node.line >= 1 && node.column >= 1);
  if (node.kind == yaml_node::kind::scalar && !node.quoted && bytes.find('\r') == bytes.npos) {
    const auto word = std::string_view(node.scalar).substr(0, node.scalar.find_first_of(" \t\n"));
    SLUICE_REQUIRE(at(bytes, node.line, node.column).starts_with(word));
  }
  for (const auto& item : node.items) walk(item, bytes, level + 1, seen);
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    const auto& [key, value] = node.members[i];
    SLUICE_REQUIRE(key.kind == yaml_node::kind::scalar || key.kind == yaml_node::kind::null);
    for (std::size_t k = 0; k < i && i < 64; ++k) SLUICE_REQUIRE(node.members[k].first.scalar != key.scalar);
    walk(key, bytes, level + 1, seen);
    walk(value, bytes, level + 1, seen);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = sluice::fuzz::text_of(data, size);
  const int lines = 1 + static_cast<int>(std::ranges::count(bytes, '\n'));
  diagnostics refused;
  const document_limits bounds{.bytes_max = 1 << 20, .nodes_max = 1000, .depth_max = 16};
  const auto documents = parse_yaml("bundle.yaml", bytes, bounds, refused);
  placed(refused, lines);
  SLUICE_REQUIRE(documents.empty() || refused.empty());
  for (const auto& d : refused) SLUICE_REQUIRE(d.severity == severity::error);
  tally seen;
  for (const auto& root : documents) walk(root, bytes, 1, seen);
  SLUICE_REQUIRE(seen.nodes <= bounds.nodes_max && seen.depth <= bounds.depth_max + 1);

  bundle_source source;
  source.files.push_back(make_source_file("bundle.yaml", std::string(bytes)));
  const auto today = sluice::parse_time("2026-11-23").value();
  std::string said[2];
  for (auto& each : said) {
    diagnostics found;
    auto bundle = parse(source, found);
    if (!has_errors(found)) check(bundle, today, found);
    placed(found, lines);
    each = to_text(found);
  }
  SLUICE_REQUIRE(said[0] == said[1]);
  return 0;
}
