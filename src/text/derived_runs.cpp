// See derived_runs.hpp. What does not decode to text that a person could read is not an encoding.
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
    std::string bytes;
    std::uint32_t bits = 0;
    int have = 0;
    auto end = begin;
    std::size_t symbols = 0;
    while (end < s_.size()) {
      if (const int v = base64_value(s_[end], url); v >= 0) {
        ++symbols;
        bits = bits << 6 | static_cast<std::uint32_t>(v);
        have += 6;
        if (have >= 8) bytes += static_cast<char>(bits >> (have -= 8) & 0xff);
        ++end;
      } else if (const auto skip = line_end(end); skip > 0 && symbols >= 4 && end + skip < s_.size() && base64_value(s_[end + skip], url) >= 0) {
        end += skip;  // MIME folds long runs (RFC 2045 6.8)
      } else {
        break;
      }
    }
    while (end < s_.size() && s_[end] == '=' && symbols % 4 != 0) ++end, ++symbols;
    // Without its two own signs it is plain base64, which was read before.
    const bool same = url && s_.substr(begin, end - begin).find_first_of("-_") == std::string_view::npos;
    if (symbols >= run_min && !same) add(bytes, begin, end, url ? reading::base64url : reading::base64);
    return std::max(end, begin + 1);
  }

  std::size_t hex_at(std::size_t begin) {
    std::string bytes;
    auto end = begin;
    std::size_t digits = 0;
    for (auto at = begin; at < s_.size();) {
      const auto prefix = hex_prefix(at, !bytes.empty());
      if (at + prefix + 1 >= s_.size()) break;
      const int high = hex_value(s_[at + prefix]), low = hex_value(s_[at + prefix + 1]);
      if (high < 0 || low < 0) break;
      bytes += static_cast<char>(high * 16 + low);
      at += prefix + 2;
      end = at;
      digits += 2;
    }
    if (digits < run_min) return begin + 1;
    add(bytes, begin, end, reading::hex);
    return end;
  }

  [[nodiscard]] std::size_t line_end(std::size_t at) const {
    if (s_[at] == '\n') return 1;
    return s_.substr(at, 2) == "\r\n" ? 2 : 0;
  }

  // What may stand before two hex digits: an escape, or one separator between pairs.
  [[nodiscard]] std::size_t hex_prefix(std::size_t at, bool separated) const {
    std::size_t n = 0;
    if (separated && at < s_.size() && (s_[at] == ' ' || s_[at] == ':' || s_[at] == ',' || s_[at] == '-')) n = 1;
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

  void add(const std::string& bytes, std::size_t begin, std::size_t end, reading how) {
    if (!readable(bytes)) return;
    if (left_ == 0) {
      fit_ = false;
      return;
    }
    --left_;
    derived_text one;
    one.text = bytes;
    one.units.assign(bytes.size(), {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    one.readings = bit(how);
    out_.push_back(std::move(one));
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
