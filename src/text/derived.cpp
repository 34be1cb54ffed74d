// See derived.hpp. Each reading is one function from a text to readings of it; derive() nests them.
#include "sluice/text/derived.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "composition.hpp"
#include "derived_runs.hpp"
#include "sluice/base/hex_digit.hpp"
#include "derived_words.hpp"
#include "rewriting.hpp"
#include "utf8.hpp"

namespace sluice::text {
namespace {

// %XX runs that are UTF-8 become it; others stay.
std::optional<derived_text> percent(std::string_view s) {
  if (!s.contains('%')) return std::nullopt;
  rewriting out(s);
  for (std::size_t i = 0; i < s.size();) {
    std::string bytes;
    auto end = i;
    while (end + 2 < s.size() && s[end] == '%' && hex_value(s[end + 1]) >= 0 && hex_value(s[end + 2]) >= 0) {
      bytes += static_cast<char>(hex_value(s[end + 1]) * 16 + hex_value(s[end + 2]));
      end += 3;
    }
    if (bytes.empty() || !is_valid_utf8(bytes)) {
      const auto n = std::max<std::size_t>(end - i, 1);
      out.copy(i, n);
      i += n;
      continue;
    }
    std::size_t at = i;
    for (std::size_t k = 0; k < bytes.size();) {
      const auto size = decode(bytes, k).size;
      out.put(std::string_view(bytes).substr(k, size), at, at + size * 3);
      at += size * 3;
      k += size;
    }
    i = end;
  }
  return out.finish(reading::percent);
}

struct entity {
  std::string_view name;
  char32_t c;
};
// The names that stand for what a pattern or a word may hold.
constexpr std::array entities = std::to_array<entity>({{"amp", '&'},   {"apos", '\''}, {"ast", '*'},    {"bsol", '\\'},  {"colon", ':'},
                                                       {"comma", ','}, {"commat", '@'}, {"dollar", '$'}, {"equals", '='}, {"excl", '!'},
                                                       {"gt", '>'},    {"hyphen", 0x2010}, {"lowbar", '_'}, {"lpar", '('}, {"lsqb", '['},
                                                       {"lt", '<'},    {"nbsp", 0xa0}, {"num", '#'},    {"percnt", '%'}, {"period", '.'},
                                                       {"plus", '+'},  {"quest", '?'}, {"quot", '"'},   {"rpar", ')'},   {"rsqb", ']'},
                                                       {"semi", ';'},  {"shy", 0xad},  {"sol", '/'},    {"Tab", '\t'},   {"NewLine", '\n'}});

// The code point of the entity at s[at] = '&', and where it ends; 0: none.
std::pair<char32_t, std::size_t> entity_at(std::string_view s, std::size_t at) {
  constexpr std::size_t longest = 12;
  const auto end = s.substr(at, longest).find(';');
  if (end == std::string_view::npos || end < 2) return {0, at};
  auto name = s.substr(at + 1, end - 1);
  if (name[0] != '#') {
    const auto known = std::ranges::find(entities, name, &entity::name);
    return known == entities.end() ? std::pair{char32_t{0}, at} : std::pair{known->c, at + end + 1};
  }
  name.remove_prefix(1);
  const bool hex = !name.empty() && (name[0] | 0x20) == 'x';
  if (hex) name.remove_prefix(1);
  char32_t c = 0;
  for (const char d : name) {
    const int v = hex_value(d);
    if (v < 0 || (!hex && v > 9) || c > 0x10ffff) return {0, at};
    c = c * (hex ? 16 : 10) + static_cast<char32_t>(v);
  }
  const bool scalar = c != 0 && c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000);
  return name.empty() || !scalar ? std::pair{char32_t{0}, at} : std::pair{c, at + end + 1};
}

std::optional<derived_text> html(std::string_view s) {
  if (!s.contains('&')) return std::nullopt;
  rewriting out(s);
  for (std::size_t i = 0; i < s.size();) {
    if (s[i] != '&') {
      out.copy(i++, 1);
      continue;
    }
    const auto [c, end] = entity_at(s, i);
    if (c == 0) {
      out.copy(i++, 1);
      continue;
    }
    std::string one;
    append_utf8(one, c);
    out.put(one, i, end);
    i = end;
  }
  return out.finish(reading::html);
}

// Every text has this reading: its loops are without a branch, so that they take many bytes at once.
std::optional<derived_text> rot13(std::string_view s) {
  bool some = false;
  derived_text out;
  out.text.resize(s.size());
  char* const to = out.text.data();
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    const auto letter = static_cast<unsigned char>((c | 0x20) - 'a');
    some |= letter < 26;
    to[i] = static_cast<char>(c + (letter < 13 ? 13 : letter < 26 ? -13 : 0));
  }
  if (!some) return std::nullopt;
  out.readings = bit(reading::rot13);
  return out;
}

// Marks that go on letters of any script; those of one script alone are part of how it is written.
bool is_mark(char32_t c) {
  return (c >= 0x300 && c < 0x370) || (c >= 0x483 && c < 0x48a) || (c >= 0x1ab0 && c < 0x1b00) || (c >= 0x1dc0 && c < 0x1e00) ||
         (c >= 0x20d0 && c < 0x2100) || (c >= 0xfe20 && c < 0xfe30);
}

// Letters of ASCII without what was put on, over and through them.
std::optional<derived_text> without_marks(std::string_view s) {
  if (is_ascii(s)) return std::nullopt;
  rewriting out(s);
  bool on_letter = false;
  for (std::size_t i = 0; i < s.size();) {
    const auto [c, size] = decode(s, i);
    if (is_mark(c) && on_letter) {
      out.join(i + size);
    } else {
      const auto base = c < 0x80 ? c : base_of(c);
      on_letter = base < 0x80;
      const char letter = static_cast<char>(base);
      out.put(on_letter ? std::string_view(&letter, 1) : s.substr(i, size), i, i + size);
    }
    i += size;
  }
  return out.finish(reading::marks);
}

class deriving {
 public:
  deriving(std::uint32_t asked, const derive_limits& limits, derived_sink& out) : asked_(asked), limits_(limits), out_(out) {}

  bool run(std::string_view original) {
    std::vector<derived_text> level;
    (void)read(original, asked_, level);
    for (std::uint32_t depth = 1; !level.empty(); ++depth) {
      std::vector<derived_text> deeper;
      for (auto& one : level) {
        one.depth = depth;
        if (depth < limits_.depth_max && fits_) nest(one, deeper);
        add(one);
      }
      level = std::move(deeper);
    }
    return fits_;
  }

 private:
  // Every reading of one text that is asked for.
  bool read(std::string_view s, std::uint32_t asked, std::vector<derived_text>& into) {
    const auto wants = [&](reading r) { return (asked & bit(r)) != 0; };
    const auto keep = [&](std::optional<derived_text> one) {
      if (one) into.push_back(std::move(*one));
    };
    if (wants(reading::percent)) keep(percent(s));
    if (wants(reading::html)) keep(html(s));
    if (wants(reading::rot13)) keep(rot13(s));
    if (wants(reading::spaced)) {
      auto one = spaced(s);
      const bool some = one.has_value();
      keep(std::move(one));
      if (some && limits_.words != nullptr) keep(spaced(s, limits_.words));
    }
    if (wants(reading::marks)) keep(without_marks(s));
    if (wants(reading::leet)) {
      auto one = leet(s, 'i');
      const bool either = one && s.find_first_of("1|!") != std::string_view::npos;
      keep(std::move(one));
      if (either) keep(leet(s, 'l'));
    }
    return find_runs(s, asked, limits_.count_max, into);
  }

  void nest(const derived_text& outer, std::vector<derived_text>& into) {
    const auto before = into.size();
    // Reading back what one has just read says nothing new.
    const auto again = outer.readings & bit(reading::rot13);
    fits_ = read(outer.text, asked_ & ~again, into) && fits_;
    for (auto i = before; i < into.size(); ++i) {
      auto& inner = into[i];
      if (inner.units.empty()) {
        inner.units = outer.units;
      } else if (!outer.units.empty()) {
        for (auto& u : inner.units) u = {outer.units[u.original_begin].original_begin, outer.units[u.original_end - 1].original_end};
      }
      inner.readings |= outer.readings;
    }
  }

  void add(const derived_text& one) {
    bytes_ += one.text.size();
    if (bytes_ > limits_.bytes_max || count_ >= limits_.count_max) {
      fits_ = false;
      return;
    }
    ++count_;
    out_.read(one);
  }

  std::uint32_t asked_;
  const derive_limits& limits_;
  derived_sink& out_;
  std::size_t bytes_ = 0, count_ = 0;
  bool fits_ = true;
};

class keeping final : public derived_sink {
 public:
  explicit keeping(std::vector<derived_text>& out) : out_(out) {}
  void read(const derived_text& one) override {
    auto& kept = out_.emplace_back(one);
    if (!kept.units.empty()) return;
    kept.units.resize(kept.text.size());
    for (std::size_t i = 0; i < kept.units.size(); ++i) kept.units[i] = {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + 1)};
  }

 private:
  std::vector<derived_text>& out_;
};

}  // namespace

bool derive(std::string_view original, std::uint32_t asked, const derive_limits& limits, derived_sink& out) {
  if (asked == 0 || original.empty()) return true;
  return deriving(asked, limits, out).run(original);
}

bool derive(std::string_view original, std::uint32_t asked, const derive_limits& limits, std::vector<derived_text>& out) {
  keeping kept(out);
  return derive(original, asked, limits, kept);
}

}  // namespace sluice::text
