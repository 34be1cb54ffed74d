// Finds the files of a version that was in force once: in state directories, in bundles on disk, in Redis. Whatever is found is held
// against the name: a version is the SHA-256 of its content.
#pragma once

#include <cstdint>
#include <list>
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

// Versions that were built, each until an exception of it ended. A log asks for those of one time together, over and over, and for each in its
// turn: those that were not asked for longest go when all of them are larger than the bound, but for as many as may be live at once.
class kept_versions {
 public:
  static constexpr std::size_t fewest = 4;
  explicit kept_versions(std::uint64_t bytes_max = std::uint64_t{1} << 30) : bytes_max_(bytes_max) {}
  // From when to when it is the same.
  struct span {
    wall_time from = wall_time::min(), until = wall_time::max();
  };
  // Null: it is not kept.
  [[nodiscard]] std::shared_ptr<const built_version> find(const std::string& version, wall_time when);
  void keep(const std::string& version, span same, std::shared_ptr<const built_version> built, std::uint64_t bytes);

 private:
  struct entry {
    std::string version;
    span same;
    std::shared_ptr<const built_version> built;
    std::uint64_t bytes = 0;
  };
  std::uint64_t bytes_max_, bytes_ = 0;
  std::list<entry> entries_;  // the one that was asked for last in front
};

class version_lookup {
 public:
  explicit version_lookup(version_options where) : where_(std::move(where)) {}
  // As it was at `when`, which decides what exceptions were in force. An error says where was looked.
  [[nodiscard]] result<std::shared_ptr<const built_version>> find(const std::string& version, wall_time when);

 private:
  [[nodiscard]] result<policy::bundle_source> source_of(const std::string& version);
  version_options where_;
  std::optional<bundle_compiler> compiler_;
  kept_versions built_;
};

}  // namespace sluice::app
