// The trees of files that the last bundle had, so that a change of one file reads one file. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/policy/document.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::policy {

using documents = std::shared_ptr<const std::vector<yaml_node>>;

class document_cache {
 public:
  // As parse_yaml() of the file; empty, with diagnostics, when it is no YAML.
  [[nodiscard]] documents of(const source_file& file, diagnostics& found);
  // A bundle was read whole: files that it does not have are forgotten.
  void end_of_bundle();

 private:
  // A tree takes about ten times the bytes of its file. Of a larger bundle the first files are kept.
  static constexpr std::size_t bytes_max = 1u << 20;
  struct kept {
    documents trees;
    std::size_t bytes = 0;
    bool used = true;
  };
  std::mutex lock_;
  std::map<std::string, kept> files_;  // by digest and path
  std::size_t bytes_ = 0;
};

}  // namespace sluice::policy
