// Finds the files of a version that was in force once: in state directories, in bundles on disk, in Redis. Whatever is found is held
// against the name: a version is the SHA-256 of its content.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bundle_input.hpp"
#include "ring_options.hpp"

namespace sluice::app {

struct version_options {
  std::vector<std::string> states, bundles;
  ring_options ring;  // url empty: Redis is not asked
};
void add_version_options(CLI::App& command, version_options& options);

// A version built as a node builds it.
struct built_version {
  policy::bundle_ast bundle;
  std::shared_ptr<const policy::snapshot> snapshot;
};

// With rules that it enforces in shadow, as a node demotes them.
[[nodiscard]] built_version in_shadow(const built_version& of, const std::vector<std::string>& rules);

class version_lookup {
 public:
  explicit version_lookup(version_options where) : where_(std::move(where)) {}
  // As it was on the day of `when`, which decides what exceptions were in force. An error says where was looked.
  [[nodiscard]] result<std::shared_ptr<const built_version>> find(const std::string& version, wall_time when);

 private:
  [[nodiscard]] result<policy::bundle_source> source_of(const std::string& version);
  version_options where_;
  std::optional<bundle_compiler> compiler_;
  std::vector<std::pair<std::string, std::shared_ptr<const built_version>>> built_;
};

}  // namespace sluice::app
