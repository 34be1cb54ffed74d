// Reads bodies as the gateway does: on stdin each as its length in four bytes, the lowest first, and its bytes. Prints for each a line: "-"
// when it is refused, or the SHA-256 of what was read, written as compare.py writes it.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "sluice/crypto/digest.hpp"
#include "sluice/text/json.hpp"

namespace {

using namespace sluice::text::json;
using json_index = sluice::text::json::index;
constexpr std::uint32_t depth_max = 64;

void text(std::string& out, char what, std::string_view bytes) {
  out += what;
  out += std::to_string(bytes.size());
  out += ':';
  out += bytes;
}

// Members in the order of their keys: JavaScript has an order of its own.
void write(std::string& out, const document& d, json_index i) {
  const auto& n = d[i];
  switch (n.kind) {
    case kind::string: return text(out, 's', n.text);
    case kind::number: return text(out, 'n', n.text);
    case kind::boolean: case kind::null: out += n.text[0]; return;
    case kind::object: case kind::array: break;
  }
  std::vector<json_index> children;
  for (auto c = d.first_child(i); c != none; c = d.sibling(c)) children.push_back(c);
  if (n.kind == kind::object) std::ranges::sort(children, {}, [&](json_index c) { return d[c].key; });
  out += n.kind == kind::object ? '{' : '[';
  for (const auto c : children) {
    if (n.kind == kind::object) text(out, 'k', d[c].key);
    write(out, d, c);
  }
  out += n.kind == kind::object ? '}' : ']';
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  document d;
  std::string body, seen;
  unsigned char length[4];
  while (std::cin.read(reinterpret_cast<char*>(length), sizeof length)) {
    body.resize(length[0] | length[1] << 8 | length[2] << 16 | static_cast<std::size_t>(length[3]) << 24);
    if (!std::cin.read(body.data(), static_cast<std::streamsize>(body.size()))) return 1;
    if (!d.parse(body, depth_max)) {
      std::cout << "-\n";
      continue;
    }
    seen.clear();
    write(seen, d, d.root());
    std::cout << sluice::crypto::sha256_hex(seen) << '\n';
  }
  return 0;
}
