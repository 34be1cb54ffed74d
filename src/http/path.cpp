// See path.hpp.
#include "sluice/http/path.hpp"

#include <algorithm>

#include "sluice/base/percent.hpp"

namespace sluice::http {
namespace {

std::string decoded(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  percent_decode(path, out, ':');
  std::ranges::replace(out, '\\', '/');
  out.resize(std::min(out.size(), out.find_first_of(std::string_view("?#\0", 3))));
  while (!out.empty() && static_cast<unsigned char>(out.back()) <= ' ') out.pop_back();
  return out;
}

}  // namespace

std::string normal_path(std::string_view path) {
  const auto plain = decoded(path);
  std::string out;
  for (std::size_t at = 0; at < plain.size();) {
    const auto end = std::min(plain.find('/', at), plain.size());
    auto segment = std::string_view(plain).substr(at, end - at);
    at = end + 1;
    segment = segment.substr(0, segment.find(';'));
    if (const auto last = out.rfind('/'); segment == ".." && last != std::string::npos) out.resize(last);
    if (segment.empty() || segment == "." || segment == "..") continue;
    (out += '/') += segment;
  }
  if (out.empty() || plain.ends_with('/')) out += '/';
  return out;
}

}  // namespace sluice::http
