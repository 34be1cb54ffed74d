// The tape against nlohmann's parser, and splicing: positions enclose each other, edits change what they name and no other byte.
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "check.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/json.hpp"

namespace {

using namespace sluice::text::json;
constexpr std::uint32_t depth_max = 32;
using json_index = sluice::text::json::index;  // <strings.h> has an index too

// Every key and string in order, how deep it goes, and what only a strict reader refuses.
struct oracle final : nlohmann::json_sax<nlohmann::json> {
  std::vector<std::string> strings;
  std::vector<std::set<std::string>> keys;
  std::size_t level = 0, depth = 0;
  bool twice = false, out_of_range = false;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& s) override { return strings.push_back(s), true; }
  bool start_object(std::size_t) override { return keys.emplace_back(), deeper(); }
  bool key(string_t& k) override {
    twice = !keys.back().insert(k).second || twice;
    return strings.push_back(k), true;
  }
  bool end_object() override { return keys.pop_back(), --level, true; }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override { return --level, true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    out_of_range = e.id == 406;  // a number that no double holds: fine as a raw token
    return false;
  }
  bool deeper() { return depth = std::max(depth, ++level), true; }
};

void agree(std::string_view bytes, bool taken, const document& d) {
  // nlohmann skips a mark, and ends at a NUL.
  if (bytes.starts_with("\xef\xbb\xbf") || bytes.find('\0') != bytes.npos) return SLUICE_REQUIRE(!taken);
  oracle theirs;
  const bool read = nlohmann::json::sax_parse(bytes, &theirs);
  if (theirs.out_of_range) return;
  SLUICE_REQUIRE(!taken || read);
  if (taken) SLUICE_REQUIRE(!theirs.twice);
  if (!taken) return SLUICE_REQUIRE(!read || theirs.twice || theirs.depth >= depth_max);
  std::vector<std::string> found;
  for (const auto& n : d.nodes()) {
    if (n.key_begin != n.key_end) found.emplace_back(n.key);
    if (n.kind == kind::string) found.emplace_back(n.text);
  }
  SLUICE_REQUIRE(found == theirs.strings);
}

void enclosed(const document& d, std::size_t size) {
  const auto nodes = d.nodes();
  for (json_index i = 0; i < nodes.size(); ++i) {
    const auto& n = nodes[i];
    SLUICE_REQUIRE(n.raw_begin < n.raw_end && n.raw_end <= size && n.next > i && n.next <= nodes.size());
    if (i > 0) SLUICE_REQUIRE(n.parent < i && n.raw_begin > nodes[n.parent].raw_begin && n.raw_end < nodes[n.parent].raw_end);
    if (i > 0) SLUICE_REQUIRE(i < nodes[n.parent].next && n.next <= nodes[n.parent].next);
  }
}

// The literal of node i becomes another text: every other node keeps its text, every other byte its value.
void spliced(std::string_view bytes, const document& d, json_index i) {
  const auto& n = d[i];
  const auto span = locate(d.raw(i), 0, static_cast<std::uint32_t>(n.text.size()));
  SLUICE_REQUIRE(span.begin == 1 && span.end + 1 == n.raw_end - n.raw_begin);
  std::string plain;
  append_unescaped(plain, d.raw(i).substr(1, d.raw(i).size() - 2));
  SLUICE_REQUIRE(plain == n.text);
  const std::string other = std::string(n.text) + "\"\\\n\x01~";
  const auto edited = apply(bytes, {{n.raw_begin, n.raw_end, sluice::json_quoted(other)}});
  SLUICE_REQUIRE(edited.starts_with(bytes.substr(0, n.raw_begin)) && edited.ends_with(bytes.substr(n.raw_end)));
  document again;
  SLUICE_REQUIRE(again.parse(edited, depth_max).has_value() && again.nodes().size() == d.nodes().size());
  for (json_index k = 0; k < d.nodes().size(); ++k) {
    SLUICE_REQUIRE(again[k].kind == d[k].kind && again[k].key == d[k].key && again[k].parent == d[k].parent);
    SLUICE_REQUIRE(k == i ? again[k].text == other : d[k].kind == kind::object || d[k].kind == kind::array || again[k].text == d[k].text);
  }
}

// One byte of a string's text, replaced where `locate` says that it lies.
void located(std::string_view bytes, const document& d, json_index i, std::uint32_t at) {
  const auto& n = d[i];
  if (n.text.empty()) return;
  auto begin = at % static_cast<std::uint32_t>(n.text.size());
  auto end = begin + 1;
  const auto inside = [&](std::size_t k) { return k < n.text.size() && (static_cast<unsigned char>(n.text[k]) & 0xc0) == 0x80; };
  while (inside(begin)) --begin;
  while (inside(end)) ++end;
  const auto span = locate(d.raw(i), begin, end);
  document again;
  const auto edited = apply(bytes, {{n.raw_begin + span.begin, n.raw_begin + span.end, "#"}});
  SLUICE_REQUIRE(again.parse(edited, depth_max).has_value());
  SLUICE_REQUIRE(again[i].text == std::string(n.text.substr(0, begin)) + "#" + std::string(n.text.substr(end)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = sluice::fuzz::text_of(data, size);
  document d;
  const auto parsed = d.parse(bytes, depth_max);
  if (!parsed) SLUICE_REQUIRE(!parsed.error().message.empty());
  agree(bytes, parsed.has_value(), d);
  if (!parsed) return 0;
  enclosed(d, size);
  SLUICE_REQUIRE(apply(bytes, {}) == bytes);
  std::vector<splice> same;
  std::size_t strings = 0;
  for (json_index i = 0; i < d.nodes().size(); ++i) {
    if (d[i].kind != kind::string) continue;
    same.push_back({d[i].raw_begin, d[i].raw_end, std::string(d.raw(i))});
    if (++strings > 8) continue;  // each of these parses the whole again
    spliced(bytes, d, i);
    located(bytes, d, i, static_cast<std::uint32_t>(size));
  }
  SLUICE_REQUIRE(apply(bytes, same) == bytes);
  return 0;
}
