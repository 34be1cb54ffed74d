// See json_repeat.hpp. What stands between strings and numbers has to be the same, byte by byte, so that only those are looked at.
#include "json_repeat.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "json_string.hpp"
#include <simdjson.h>

namespace sluice::text::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Where the string literal at `at` ends, which begins with a quote; `at` where it is no valid one but for its escapes.
std::size_t string_end(std::string_view s, std::size_t at) {
  unsigned char all = 0;
  for (auto i = at + 1; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c == '"') return all < 0x80 || simdjson::validate_utf8(s.data() + at + 1, i - at - 1) ? i + 1 : at;
    if (c < 0x20) return at;
    all |= c;
    if (c != '\\') continue;
    if (++i == s.size() || static_cast<unsigned char>(s[i]) < 0x20) return at;
    all |= static_cast<unsigned char>(s[i]);
  }
  return at;
}

// The same of a number without sign, fraction and exponent.
std::size_t digits_end(std::string_view s, std::size_t at) {
  auto i = at;
  while (i < s.size() && is_digit(s[i])) ++i;
  return i - at > 1 && s[at] == '0' ? at : i;
}

// The bytes of both texts that were compared so far.
struct compared {
  std::string_view before, bytes;
  std::size_t from = 0, at = 0;
  // The next `size` bytes are the same.
  [[nodiscard]] bool same(std::size_t size) {
    if (bytes.size() - at < size || std::memcmp(before.data() + from, bytes.data() + at, size) != 0) return false;
    from += size;
    at += size;
    return true;
  }
};

// The literals that differ, each with its end in the new text.
struct other_literal {
  index of;
  std::uint32_t end;
};

// The string or number `n` and what stands before it.
bool compare(const node& n, index i, compared& c, std::vector<other_literal>& out) {
  if (!c.same(n.raw_begin - c.from) || c.at == c.bytes.size()) return false;
  const std::size_t size = n.raw_end - n.raw_begin;
  const bool string = n.kind == kind::string;
  const auto from = c.from, at = c.at;
  // A number may be longer: more of it shows in what is compared next, or here.
  if (c.same(size) && (string || c.at == c.bytes.size() || !is_digit(c.bytes[c.at]))) return true;
  c.from = from;
  c.at = at;
  if (string && c.bytes[c.at] != '"') return false;
  const auto end = string ? string_end(c.bytes, c.at) : digits_end(c.bytes, c.at);
  if (end == c.at) return false;
  out.push_back({i, static_cast<std::uint32_t>(end)});
  c.from = n.raw_end;
  c.at = end;
  return true;
}

bool compare_rest(compared& c) { return c.same(c.before.size() - c.from) && c.at == c.bytes.size(); }

bool find_others(const std::vector<node>& nodes, std::string_view before, std::string_view bytes, std::span<const index> others_last, std::vector<other_literal>& out) {
  // Mostly those differ that did the last time, and nothing between them.
  compared c{before, bytes};
  out.clear();
  if (std::ranges::all_of(others_last, [&](index i) { return compare(nodes[i], i, c, out); }) && compare_rest(c)) return true;
  c = {before, bytes};
  out.clear();
  for (index i = 0; i < nodes.size(); ++i) {
    if ((nodes[i].kind == kind::string || nodes[i].kind == kind::number) && !compare(nodes[i], i, c, out)) return false;
  }
  return compare_rest(c);
}

// What ends with the value at `i` has moved as that has.
void move_ends(std::vector<node>& nodes, index i, std::uint32_t shift, std::string_view bytes) {
  for (auto parent = nodes[i].parent; parent != i && nodes[parent].next == nodes[i].next; parent = nodes[i].parent) {
    nodes[parent].raw_end += shift;
    nodes[parent].text = bytes.substr(nodes[parent].raw_begin, nodes[parent].raw_end - nodes[parent].raw_begin);
    i = parent;
  }
}

}  // namespace

bool repeat(std::vector<node>& nodes, std::string_view before, std::string_view bytes, std::string& arena, std::vector<index>& changed) {
  thread_local std::vector<other_literal> others;
  if (!find_others(nodes, before, bytes, changed, others)) return false;
  changed.clear();
  std::uint32_t shift = 0;  // modulo 2^32: what follows may have moved to the front
  auto other = others.begin();
  for (index i = 0; i < nodes.size(); ++i) {
    auto& n = nodes[i];
    const bool member = n.key_end > n.key_begin;
    n.key_begin += shift;
    n.key_end += shift;
    if (member) n.key = bytes.substr(n.key_begin + 1, n.key_end - n.key_begin - 2);
    n.raw_begin += shift;
    if (other != others.end() && other->of == i) {
      shift = other->end - n.raw_end;
      changed.push_back(i);
      ++other;
    }
    if (n.next != i + 1) continue;  // its end moves with the last value in it
    n.raw_end += shift;
    const auto literal = n.text = bytes.substr(n.raw_begin, n.raw_end - n.raw_begin);
    std::size_t where = 0;
    if (n.kind == kind::string && !read_inside(literal.substr(1, literal.size() - 2), bytes.size(), arena, n.text, where)) return false;
    move_ends(nodes, i, shift, bytes);
  }
  return true;
}

}  // namespace sluice::text::json
