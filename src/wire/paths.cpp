// See paths.hpp.
#include "paths.hpp"

#include <algorithm>

#include "sluice/text/json.hpp"
#include "table.hpp"

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

bool only_takes(const endpoint& to, std::string_view body) {
  constexpr std::uint32_t flat = 2;
  using kind = text::json::kind;
  text::json::document read;
  if (to.takes.empty() || !read.parse(body, flat) || read[read.root()].kind != kind::object) return false;
  std::vector<std::string_view> had;
  for (auto i = read.first_child(read.root()); i != text::json::none; i = read.sibling(i)) {
    const auto& n = read[i];
    if (std::ranges::find(to.takes, n.key) == to.takes.end() || std::ranges::find(had, n.key) != had.end()) return false;
    if (n.kind == kind::string ? !looks_as(text_class::opaque, n.text) : n.kind != kind::boolean && n.kind != kind::null) return false;
    had.push_back(n.key);
  }
  return true;
}

}  // namespace sluice::wire
