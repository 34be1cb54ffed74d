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

// The bytes that a run of %XX at `at` stands for.
std::string percent_bytes(std::string_view s, std::size_t at) {
  std::string out;
  for (; at + 2 < s.size() && s[at] == '%' && hex_value(s[at + 1]) >= 0 && hex_value(s[at + 2]) >= 0; at += 3) {
    out += static_cast<char>(hex_value(s[at + 1]) * 16 + hex_value(s[at + 2]));
  }
  return out;
}

// The bytes of the code point at `at` of what may be no UTF-8; 0: none begins there.
std::size_t code_point_at(std::string_view bytes, std::size_t at) {
  if (static_cast<unsigned char>(bytes[at]) < 0x80) return 1;
  for (std::size_t size = 2; size <= std::min<std::size_t>(bytes.size() - at, 4); ++size) {
    if (is_valid_utf8(bytes.substr(at, size))) return size;
  }
  return 0;
}

// %XX becomes what it stands for. A byte that is no UTF-8 becomes U+FFFD, as in a browser: it hides nothing that stands beside it, and is no
// letter of the word that follows.
std::optional<derived_text> percent(std::string_view s) {
  if (!s.contains('%')) return std::nullopt;
  rewriting out(s);
  for (std::size_t i = 0; i < s.size();) {
    const auto bytes = s[i] == '%' ? percent_bytes(s, i) : std::string();
    if (bytes.empty()) {
      out.copy(i++, 1);
      continue;
    }
    for (std::size_t k = 0; k < bytes.size();) {
      const auto size = code_point_at(bytes, k);
      const auto taken = std::max<std::size_t>(size, 1);
      out.put(size == 0 ? "\xef\xbf\xbd" : std::string_view(bytes).substr(k, size), i, i + taken * 3);
      i += taken * 3;
      k += taken;
    }
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

// A number as a browser reads it (HTML 13.2.5.75): as many digits as there are, zeros before it, and no ';' behind it.
std::pair<char32_t, std::size_t> numeric_entity_at(std::string_view s, std::size_t at) {
  auto i = at + 2;
  const bool hex = i < s.size() && (s[i] | 0x20) == 'x';
  if (hex) ++i;
  const auto first = i;
  char32_t c = 0;
  for (; i < s.size(); ++i) {
    const int v = hex_value(s[i]);
    if (v < 0 || (!hex && v > 9)) break;
    c = std::min<char32_t>(c * (hex ? 16 : 10) + static_cast<char32_t>(v), 0x110000);
  }
  const bool scalar = c != 0 && c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000);
  if (i == first || !scalar) return {0, at};
  return {c, i < s.size() && s[i] == ';' ? i + 1 : i};
}

// The code point of the entity at s[at] = '&', and where it ends; 0: none.
std::pair<char32_t, std::size_t> entity_at(std::string_view s, std::size_t at) {
  if (s.substr(at, 2) == "&#") return numeric_entity_at(s, at);
  constexpr std::size_t longest = 12;
  const auto end = s.substr(at, longest).find(';');
  if (end == std::string_view::npos) return {0, at};
  const auto known = std::ranges::find(entities, s.substr(at + 1, end - 1), &entity::name);
  return known == entities.end() ? std::pair{char32_t{0}, at} : std::pair{known->c, at + end + 1};
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
    const bool all = read(original, asked_, level);
    for (std::uint32_t depth = 1; !level.empty(); ++depth) {
      std::vector<derived_text> deeper;
      for (auto& one : level) {
        one.depth = depth;
        if (depth < limits_.depth_max && fits_) nest(one, deeper);
        add(one);
      }
      level = std::move(deeper);
    }
    return all && fits_;
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
