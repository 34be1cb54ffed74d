// See paths.hpp.
#include "paths.hpp"

namespace sluice::wire {

bool plain_segment(std::string_view s) {
  for (const char c : s) {
    const bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("-_.:").find(c) != std::string_view::npos;
    if (!ok) return false;
  }
  return !s.empty() && s != "." && s != "..";
}

endpoint only_get(std::string_view name, std::string_view method, std::string_view model) {
  if (method == "GET" || method == "HEAD") return {endpoint_class::passes, name, "GET", "", model};
  return {endpoint_class::unknown, name, "GET", ""};
}

std::optional<endpoint> classify_known(std::span<const known_path> paths, std::string_view method, std::string_view path) {
  for (const auto& p : paths) {
    if (p.path == path) {
      const bool right = p.method == method || (method == "HEAD" && p.method == "GET");
      if (!right) return endpoint{endpoint_class::unknown, p.name, p.method, ""};
      return endpoint{p.what, p.name, p.method, p.why};
    }
    if (path.size() == p.path.size() + 1 && path.starts_with(p.path) && path.ends_with('/')) {
      return endpoint{endpoint_class::denied, "other", "", "This path ends in a slash; the API's own ends without one."};
    }
  }
  return std::nullopt;
}

}  // namespace sluice::wire
