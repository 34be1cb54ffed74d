// See derived_runs.hpp. What does not decode to text that a person could read is not an encoding. Of a run that does not, a part of it may: what
// stands against an encoding and has its characters ("code-", "/") changes what the first bytes are, and where each begins.
#include "derived_runs.hpp"

#include <algorithm>
#include <string>

#include "sluice/base/base64.hpp"
#include "sluice/base/byte_block.hpp"
#include "sluice/base/hex_digit.hpp"
#include "utf8.hpp"

namespace sluice::text {
namespace {

constexpr std::size_t run_min = 12;  // characters of base64 or hex: below it too much is one by chance

// Bytes of a run that are read although the run is none. In so many random bytes a text is found once in a few million.
constexpr std::size_t part_min = 16;

// The bytes that stand in a run of base64 of either alphabet, its folds included, and a few more, because these are asked faster.
std::uint64_t may_be_base64(const byte_block& of) {
  return of.letters() | of.between('+', '9') | of.equal('=') | of.equal('_') | of.between('\n', '\r');
}
// The same of hex with what may stand between two pairs: all of ASCII but the letters that it has not.
std::uint64_t may_be_hex(const byte_block& of) { return ~(of.letters('g', 'w') | of.letters('y', 'z') | of.beyond_ascii()); }

// Mostly printable; a few control characters are what line ends and tabs are.
bool readable(std::string_view bytes) {
  if (bytes.empty() || !is_valid_utf8(bytes)) return false;
  std::size_t odd = 0, all = 0;
  for (std::size_t i = 0; i < bytes.size(); ++all) {
    const auto [c, size] = decode(bytes, i);
    const bool blank = c == '\t' || c == '\n' || c == '\r';
    if ((c < 0x20 && !blank) || (c >= 0x7f && c < 0xa0) || c == 0xfffd) ++odd;
    i += size;
  }
  return odd * 20 <= all;
}

// How many of the bytes from `at` on a person could read.
std::size_t readable_size(std::string_view bytes, std::size_t at) {
  const auto begin = at;
  while (at < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size > bytes.size() - at || (size > 1 && !is_valid_utf8(bytes.substr(at, size)))) break;
    const auto c = decode(bytes, at).c;
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0) || c == 0xfffd) break;
    at += size;
  }
  return at - begin;
}

class runs {
 public:
  runs(std::string_view s, std::size_t count_max, std::vector<derived_text>& out) : s_(s), left_(count_max), out_(out) {}

  [[nodiscard]] bool fit() const { return fit_; }

  void base64(bool plain, bool url) {
    each_row(may_be_base64, [&](std::size_t begin, std::size_t end) {
      for (auto i = begin; plain && i < end;) i = base64_at(i, false);
      for (auto i = begin; url && i < end;) i = base64_at(i, true);
    });
  }

  // "48656c6c6f", "48 65 6c", "48:65", "\x48\x65", "0x48 0x65".
  void hex() {
    each_row(may_be_hex, [&](std::size_t begin, std::size_t end) {
      while (begin < end) begin = hex_at(begin);
    });
  }

  void tags() {
    each_run([](char32_t c) { return c >= 0xe0020 && c <= 0xe007e ? static_cast<int>(c - 0xe0000) : -1; }, 0xe0000, reading::unicode_tags);
  }

  void selectors() {
    each_run(
        [](char32_t c) {
          if (c >= 0xfe00 && c <= 0xfe0f) return static_cast<int>(c - 0xfe00);
          return c >= 0xe0100 && c <= 0xe01ef ? static_cast<int>(c - 0xe0100 + 16) : -1;
        },
        0xfe00, reading::variation_selectors);
  }

 private:
  // Calls f(begin, end) for what stands in a row, as far as it goes: a run lies in one of them.
  template <class Kind, class F>
  void each_row(Kind fits, F&& f) {
    for (auto begin = find_row(s_, 0, run_min, fits); begin != std::string_view::npos;) {
      const auto end = std::min(s_.size(), find_row(s_, begin, 1, [&](const byte_block& block) { return ~fits(block); }));
      f(begin, end);
      begin = find_row(s_, end, run_min, fits);
    }
  }

  // Reads the run that begins at a place, where one does. Returns where to go on.
  std::size_t base64_at(std::size_t begin, bool url) {
    auto end = begin;
    std::size_t symbols = 0;
    while (end < s_.size()) {
      if (base64_value(s_[end], url) >= 0) {
        ++symbols;
        ++end;
      } else if (const auto skip = line_end(end); skip > 0 && symbols >= 4 && end + skip < s_.size() && base64_value(s_[end + skip], url) >= 0) {
        end += skip;  // MIME folds long runs (RFC 2045 6.8)
      } else {
        break;
      }
    }
    for (; end < s_.size() && s_[end] == '=' && symbols % 4 != 0; ++symbols) ++end;
    // Without its two own signs it is plain base64, which was read before.
    const bool same = url && s_.substr(begin, end - begin).find_first_of("-_") == std::string_view::npos;
    if (symbols < run_min || same) return std::max(end, begin + 1);
    const auto how = url ? reading::base64url : reading::base64;
    if (add(decoded_base64(begin, end, url), begin, end, how)) return end;
    for (std::size_t n = 0; n < 4; ++n) add_base64_parts(begin + n, end, url);
    return end;
  }

  [[nodiscard]] std::string decoded_base64(std::size_t begin, std::size_t end, bool url) const {
    std::string out;
    std::uint32_t bits = 0;
    int have = 0;
    for (auto at = begin; at < end; ++at) {
      const int v = base64_value(s_[at], url);
      if (v < 0) continue;  // a fold, or what fills the end up
      bits = bits << 6 | static_cast<std::uint32_t>(v);
      have += 6;
      if (have >= 8) out += static_cast<char>(bits >> (have -= 8) & 0xff);
    }
    return out;
  }

  // What can be read of a run when its bytes begin there.
  void add_base64_parts(std::size_t begin, std::size_t end, bool url) {
    const auto bytes = decoded_base64(begin, end, url);
    auto at = begin;
    std::size_t seen = 0;  // symbols before `at`
    const auto place_of = [&](std::size_t symbol) {
      for (;; ++at) {
        if (base64_value(s_[at], url) < 0) continue;
        if (seen == symbol) return at;
        ++seen;
      }
    };
    each_part(bytes, [&](std::size_t first, std::size_t size) {
      const auto from = place_of(first * 8 / 6), to = place_of(((first + size) * 8 - 1) / 6) + 1;
      add(bytes.substr(first, size), from, to, url ? reading::base64url : reading::base64);
    });
  }

  std::size_t hex_at(std::size_t begin) {
    std::vector<std::uint32_t> places;
    std::string bytes;
    const auto end = decode_hex(begin, bytes, places);
    if (bytes.size() * 2 < run_min) return begin + 1;
    if (add(bytes, begin, end, reading::hex)) return end;
    add_hex_parts(bytes, places);
    // A digit that stands against the run moves all of its pairs.
    const auto moved_end = decode_hex(begin + 1, bytes, places);
    add_hex_parts(bytes, places);
    return std::max(end, moved_end);
  }

  // Returns where the run ends.
  std::size_t decode_hex(std::size_t begin, std::string& bytes, std::vector<std::uint32_t>& places) const {
    bytes.clear();
    places.clear();
    auto end = begin;
    for (auto at = begin; at < s_.size();) {
      const auto prefix = hex_prefix(at, !bytes.empty());
      if (at + prefix + 1 >= s_.size()) break;
      const int high = hex_value(s_[at + prefix]), low = hex_value(s_[at + prefix + 1]);
      if (high < 0 || low < 0) break;
      bytes += static_cast<char>(high * 16 + low);
      places.push_back(static_cast<std::uint32_t>(at + prefix));
      end = at += prefix + 2;
    }
    return end;
  }

  void add_hex_parts(const std::string& bytes, const std::vector<std::uint32_t>& places) {
    each_part(bytes, [&](std::size_t first, std::size_t size) { add(bytes.substr(first, size), places[first], places[first + size - 1] + 2, reading::hex); });
  }

  // Calls f(first, size) for the parts that a person could read.
  template <class F>
  static void each_part(std::string_view bytes, F&& f) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto size = readable_size(bytes, at);
      if (size >= part_min) f(at, size);
      at += std::max<std::size_t>(size, 1);
    }
  }

  [[nodiscard]] std::size_t line_end(std::size_t at) const {
    if (s_[at] == '\n') return 1;
    return s_.substr(at, 2) == "\r\n" ? 2 : 0;
  }

  // What may stand before two hex digits: an escape, or one separator between pairs; a comma with a blank behind it is one, and a line's end.
  [[nodiscard]] std::size_t hex_prefix(std::size_t at, bool separated) const {
    std::size_t n = 0;
    if (separated && at < s_.size() && (s_[at] == ' ' || s_[at] == ':' || s_[at] == ',' || s_[at] == '-')) n = 1;
    if (n == 1 && s_[at] == ',' && at + 1 < s_.size() && s_[at + 1] == ' ') n = 2;
    if (separated && at + n < s_.size()) n += line_end(at + n);
    const auto rest = s_.substr(at + n, 2);
    return rest == "\\x" || rest == "0x" || rest == "%x" ? n + 2 : n;
  }

  // Runs of code points that carry a byte each. `lead`: below it no character is one, so that most texts are skipped fast.
  template <class Value>
  void each_run(Value value, char32_t lead, reading how) {
    constexpr std::size_t carried_min = 4;
    for (std::size_t i = 0; i < s_.size();) {
      if (static_cast<unsigned char>(s_[i]) < 0xe0) {
        ++i;
        continue;
      }
      std::string bytes;
      auto end = i;
      while (end < s_.size()) {
        const auto [c, size] = decode(s_, end);
        const int v = c < lead ? -1 : value(c);
        if (v < 0) break;
        bytes += static_cast<char>(v);
        end += size;
      }
      if (bytes.size() >= carried_min) add(bytes, i, end, how);
      i = end > i ? end : i + decode(s_, i).size;
    }
  }

  // False: nobody could read it.
  bool add(const std::string& bytes, std::size_t begin, std::size_t end, reading how) {
    if (!readable(bytes)) return false;
    if (left_ == 0) {
      fit_ = false;
      return true;
    }
    --left_;
    derived_text one;
    one.text = bytes;
    one.units.assign(bytes.size(), {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    one.readings = bit(how);
    out_.push_back(std::move(one));
    return true;
  }

  std::string_view s_;
  std::size_t left_;
  std::vector<derived_text>& out_;
  bool fit_ = true;
};

}  // namespace

bool find_runs(std::string_view s, std::uint32_t asked, std::size_t count_max, std::vector<derived_text>& out) {
  const auto wants = [&](reading r) { return (asked & bit(r)) != 0; };
  runs found(s, count_max, out);
  if (wants(reading::base64) || wants(reading::base64url)) found.base64(wants(reading::base64), wants(reading::base64url));
  if (wants(reading::hex)) found.hex();
  if (is_ascii(s)) return found.fit();
  if (wants(reading::unicode_tags)) found.tags();
  if (wants(reading::variation_selectors)) found.selectors();
  return found.fit();
}

}  // namespace sluice::text
