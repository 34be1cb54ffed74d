// See derived_runs.hpp. What does not decode to text that a person could read is not an encoding.
#include "derived_runs.hpp"

#include <array>
#include <optional>
#include <string>

#include "sluice/base/base64.hpp"
#include "sluice/base/hex_digit.hpp"
#include "utf8.hpp"

namespace sluice::text {
namespace {

constexpr std::size_t run_min = 12;  // characters of base64 or hex: below it too much is one by chance

// True where a run of at least `run_min` bytes may stand, of those that `fits`: of a long text only every twelfth byte is looked at.
template <class Fits>
bool may_hold_run(std::string_view s, const Fits& fits) {
  for (std::size_t at = run_min - 1; at < s.size();) {
    if (!fits[static_cast<unsigned char>(s[at])]) {
      at += run_min;
      continue;
    }
    auto begin = at, end = at + 1;
    while (begin > 0 && end - begin < run_min && fits[static_cast<unsigned char>(s[begin - 1])]) --begin;
    while (end < s.size() && end - begin < run_min && fits[static_cast<unsigned char>(s[end])]) ++end;
    if (end - begin >= run_min) return true;
    at = end + run_min;
  }
  return false;
}

// The bytes that stand in a run of base64, its folds included, and of hex with what may stand between two pairs.
constexpr std::array<bool, 256> bytes_of(std::string_view ones, bool all_letters) {
  std::array<bool, 256> out{};
  for (unsigned c = '0'; c <= '9'; ++c) out[c] = true;
  for (unsigned c = 'a'; c <= (all_letters ? 'z' : 'f'); ++c) out[c] = out[c - 'a' + 'A'] = true;
  for (const char c : ones) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr auto in_base64 = bytes_of("+/-_=\r\n", true), in_hex = bytes_of(" :,-\\x%", false);

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

  void base64(bool url) {
    if (!base64_) base64_ = may_hold_run(s_, in_base64);
    if (!*base64_) return;
    for (std::size_t i = 0; i < s_.size();) {
      if (base64_value(s_[i], url) < 0) {
        ++i;
        continue;
      }
      // A word that is too short is passed without being decoded.
      auto end = i;
      while (end < s_.size() && end - i < run_min && in_base64[static_cast<unsigned char>(s_[end])]) ++end;
      if (end - i < run_min) {
        i = end;
        continue;
      }
      std::string bytes;
      std::uint32_t bits = 0;
      int have = 0;
      end = i;
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
      const bool same = url && s_.substr(i, end - i).find_first_of("-_") == std::string_view::npos;
      if (symbols >= run_min && !same) add(bytes, i, end, url ? reading::base64url : reading::base64);
      i = end;
    }
  }

  // "48656c6c6f", "48 65 6c", "48:65", "\x48\x65", "0x48 0x65".
  void hex() {
    if (!may_hold_run(s_, in_hex)) return;
    for (std::size_t i = 0; i < s_.size();) {
      std::string bytes;
      auto end = i;
      std::size_t digits = 0;
      for (auto at = i; at < s_.size();) {
        const auto prefix = hex_prefix(at, !bytes.empty());
        if (at + prefix + 1 >= s_.size()) break;
        const int high = hex_value(s_[at + prefix]), low = hex_value(s_[at + prefix + 1]);
        if (high < 0 || low < 0) break;
        bytes += static_cast<char>(high * 16 + low);
        at += prefix + 2;
        end = at;
        digits += 2;
      }
      if (digits < run_min) {
        i += 1;
        continue;
      }
      add(bytes, i, end, reading::hex);
      i = end;
    }
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
  std::optional<bool> base64_;  // the text may hold a run of either alphabet; once it was asked
};

}  // namespace

bool find_runs(std::string_view s, std::uint32_t asked, std::size_t count_max, std::vector<derived_text>& out) {
  const auto wants = [&](reading r) { return (asked & bit(r)) != 0; };
  runs found(s, count_max, out);
  if (wants(reading::base64)) found.base64(false);
  if (wants(reading::base64url)) found.base64(true);
  if (wants(reading::hex)) found.hex();
  if (is_ascii(s)) return found.fit();
  if (wants(reading::unicode_tags)) found.tags();
  if (wants(reading::variation_selectors)) found.selectors();
  return found.fit();
}

}  // namespace sluice::text
