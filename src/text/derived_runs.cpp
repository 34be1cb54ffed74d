// See derived_runs.hpp. What does not decode to text that a person could read is not an encoding. Of a run that does not, a part of it may: what
// stands against an encoding and has its characters ("code-", "/") changes what the first bytes are, and where each begins. A line's end is a fold of
// an encoding or the end of a word before it, a blank stands between two pairs of digits or behind a number.
#include "derived_runs.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

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

// No text has it, but for a few in what is text all the same.
bool is_odd(char32_t c) {
  const bool blank = c == '\t' || c == '\n' || c == '\r';
  return (c < 0x20 && !blank) || (c >= 0x7f && c < 0xa0) || c == 0xfffd;
}

// How far bytes have been read as text, which more may follow. Text is mostly printable; a few control characters are what line ends and tabs are.
class legible {
 public:
  // Reads on to where the bytes end, or to a code point that is not whole yet. False: they are no text.
  bool read_on(std::string_view bytes) {
    const auto size = bytes.size() - incomplete_utf8_tail(bytes);
    if (size < at_ || !is_valid_utf8(bytes.substr(at_, size - at_))) return false;
    for (; at_ < size; ++all_) {
      const auto [c, length] = decode(bytes, at_);
      if (is_odd(c)) ++odd_;
      at_ += length;
    }
    return true;
  }
  [[nodiscard]] bool all_of(std::string_view bytes) const { return all_ > 0 && at_ == bytes.size() && odd_ * 20 <= all_; }

 private:
  std::size_t at_ = 0, odd_ = 0, all_ = 0;
};

bool readable(std::string_view bytes) {
  legible text;
  return text.read_on(bytes) && text.all_of(bytes);
}

// How many of the bytes from `at` on a person could read.
std::size_t readable_size(std::string_view bytes, std::size_t at) {
  const auto begin = at;
  while (at < bytes.size()) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size > bytes.size() - at || (size > 1 && !is_valid_utf8(bytes.substr(at, size)))) break;
    if (is_odd(decode(bytes, at).c)) break;
    at += size;
  }
  return at - begin;
}

// What stands in a run between two folds or separators. It may be an encoding of its own, and what is before it a word or a number.
struct run_piece {
  std::size_t begin, end;
  bool may_begin = true;  // the first of some pieces that are read alone
};

// The bytes that symbols of so many bits each make in a row.
struct symbol_bytes {
  int width;
  std::string bytes = {};
  std::uint32_t bits = 0;
  int have = 0;
  void add(int value) {
    bits = bits << width | static_cast<std::uint32_t>(value);
    have += width;
    if (have >= 8) bytes += static_cast<char>(bits >> (have -= 8) & 0xff);
  }
};

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
    add_pieces(base64_pieces(begin, end), how);
    for (std::size_t n = 0; n < 4; ++n) add_base64_parts(begin + n, end, url);
    return end;
  }

  // The lines of a run.
  [[nodiscard]] std::vector<run_piece> base64_pieces(std::size_t begin, std::size_t end) const {
    std::vector<run_piece> out;
    for (auto at = begin; at < end;) {
      const auto stop = std::min(end, s_.find_first_of("\r\n", at));
      out.push_back({at, stop});
      at = stop < end ? stop + line_end(stop) : end;
    }
    return out;
  }

  [[nodiscard]] std::string decoded_base64(std::size_t begin, std::size_t end, bool url) const {
    symbol_bytes out{.width = 6};
    for (auto at = begin; at < end; ++at) {
      const int v = base64_value(s_[at], url);
      if (v >= 0) out.add(v);  // else a fold, or what fills the end up
    }
    return std::move(out.bytes);
  }

  // Reads the pieces of a run that is no text as a whole: from each that may begin, as many as are one.
  void add_pieces(const std::vector<run_piece>& pieces, reading how) {
    read_.clear();
    if (pieces.size() < 2) return;
    // What is read in vain is read again from the next piece on. Past so many walks over the run each piece is read alone.
    constexpr std::size_t walks_max = 8;
    auto left = (pieces.back().end - pieces.front().begin) * walks_max;
    for (std::size_t i = 0; i < pieces.size();) i = pieces[i].may_begin ? add_pieces_from(pieces, i, how, left) : i + 1;
  }

  // Returns the piece to go on with.
  std::size_t add_pieces_from(const std::vector<run_piece>& pieces, std::size_t first, reading how, std::size_t& left) {
    symbol_bytes all{.width = how == reading::hex ? 4 : 6};
    legible text;
    std::size_t symbols = 0, end = first, bytes = 0;  // of the most pieces that are one text
    for (auto i = first; i < pieces.size() && (i == first || left > 0); ++i) {
      const auto [from, to, begins] = pieces[i];
      for (auto at = from; at < to; ++at) {
        const int v = how == reading::hex ? hex_value(s_[at]) : base64_value(s_[at], how == reading::base64url);
        if (v < 0) continue;  // it fills the end up
        all.add(v);
        ++symbols;
      }
      left -= std::min(left, to - from);
      if (!text.read_on(all.bytes)) break;
      if (symbols < run_min || !text.all_of(all.bytes)) continue;
      end = i + 1;
      bytes = all.bytes.size();
    }
    if (end == first) return first + 1;
    const run_piece read{pieces[first].begin, pieces[end - 1].end};
    // Without the signs of its alphabet it was read before.
    if (how == reading::base64url && s_.substr(read.begin, read.end - read.begin).find_first_of("-_") == std::string_view::npos) return end;
    add(all.bytes.substr(0, bytes), read.begin, read.end, how);
    read_.push_back(read);
    return end;
  }

  [[nodiscard]] bool lies_in_read_piece(std::size_t begin, std::size_t end) const {
    const auto behind = std::ranges::upper_bound(read_, begin, {}, &run_piece::begin);
    return behind != read_.begin() && end <= std::prev(behind)->end;
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
      if (!lies_in_read_piece(from, to)) add(bytes.substr(first, size), from, to, url ? reading::base64url : reading::base64);
    });
  }

  std::size_t hex_at(std::size_t begin) {
    std::vector<std::uint32_t> places;
    std::string bytes;
    const auto end = decode_hex(begin, bytes, places);
    if (bytes.size() * 2 < run_min) return begin + 1;
    if (add(bytes, begin, end, reading::hex)) return end;
    add_pieces(hex_pieces(places), reading::hex);
    add_hex_parts(bytes, places);
    // A digit that stands against the run moves all of its pairs.
    const auto moved_end = decode_hex(begin + 1, bytes, places);
    add_hex_parts(bytes, places);
    return std::max(end, moved_end);
  }

  // Digits without a separator between them. Of single pairs in a row any few look like text by chance: of those an encoding begins with a line, or
  // behind the one number that stands before it.
  [[nodiscard]] std::vector<run_piece> hex_pieces(const std::vector<std::uint32_t>& places) const {
    std::vector<run_piece> out;
    for (std::size_t i = 0; i < places.size();) {
      const std::size_t begin = places[i];
      std::size_t end = begin + 2;
      for (++i; i < places.size() && places[i] == end; ++i) end += 2;
      const auto between = out.empty() ? std::string_view() : s_.substr(out.back().end, begin - out.back().end);
      out.push_back({begin, end, out.size() < 2 || end - begin > 2 || between.contains('\n')});
    }
    return out;
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
    each_part(bytes, [&](std::size_t first, std::size_t size) {
      const std::size_t from = places[first], to = places[first + size - 1] + 2;
      if (!lies_in_read_piece(from, to)) add(bytes.substr(first, size), from, to, reading::hex);
    });
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
  std::vector<run_piece> read_;  // pieces of the last run
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
