// See document_cache.hpp.
#include "document_cache.hpp"

#include <iterator>

namespace sluice::policy {

documents document_cache::of(const source_file& file, diagnostics& found) {
  const auto key = file.sha256 + file.path;
  {
    const std::scoped_lock hold(lock_);
    if (const auto at = files_.find(key); at != files_.end()) {
      at->second.used = true;
      return at->second.trees;
    }
  }
  const auto before = found.size();
  auto trees = std::make_shared<const std::vector<yaml_node>>(parse_yaml(file.path, file.bytes, {}, found));
  const std::scoped_lock hold(lock_);
  if (found.size() != before || bytes_ + file.bytes.size() > bytes_max) return trees;
  if (files_.try_emplace(key, kept{.trees = trees, .bytes = file.bytes.size()}).second) bytes_ += file.bytes.size();
  return trees;
}

void document_cache::end_of_bundle() {
  const std::scoped_lock hold(lock_);
  for (auto at = files_.begin(); at != files_.end();) {
    const bool gone = !at->second.used;
    bytes_ -= gone ? at->second.bytes : 0;
    at->second.used = false;
    at = gone ? files_.erase(at) : std::next(at);
  }
}

}  // namespace sluice::policy
