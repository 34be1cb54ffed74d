// The one normalisation of the project: NFKC (with case folding for `folded`) segment by segment, default-ignorables dropped,
// look-alikes resolved word by word. Whole views and streams both run it, so they cannot differ.
//
// A segment is what NFKC may compose: a starter and what follows it. It is cut after 64 code points or 1024 bytes, and a word is
// decided after 256 code points or 4096 bytes, so that no input keeps a stream from making progress.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "code_point.hpp"
#include "utf8.hpp"

namespace sluice::text {

// Map is where offsets go: append(n, begin, end), append_run(n, begin), move(to, from, n), resize(n).
template <class Map>
class normaliser {
 public:
  normaliser(view_kind kind, std::string& text, Map map, open_word word)
      : folded_(kind == view_kind::folded), kind_(kind), text_(text), map_(map), word_(word) {}

  // Where signs begin in the whole text that are written as something else, letters perhaps (view::signs).
  void note_signs(std::vector<std::uint32_t>& to) { signs_ = &to; }

  // How much longer than what it is made from the text may become; past that run() ends.
  void limit_growth(std::size_t bytes) { growth_max_ = bytes; }
  [[nodiscard]] bool outgrown() const { return outgrown_; }

  // Call once. `base` is where `original` lies in the whole text.
  void run(std::string_view original, std::uint32_t base, bool last) {
    original_ = original;
    base_ = base;
    mark_clean(0);
    for (std::size_t i = 0; i < original.size();) {
      i = static_cast<unsigned char>(original[i]) < 0x80 ? take_ascii(i, last) : take_point(i);
      mark_clean(i);
      outgrown_ = text_.size() > i && text_.size() - i > growth_max_;
      if (outgrown_) return;
    }
    open_segment_ = count_ == 0 ? original.size() : begin_;
    close_segment();  // not last: shown as it would be, behind the clean place, and made again next time
    if (!last) return;
    end_word();
    mark_clean(original.size());
  }

  // The last place behind which nothing can change what came before it.
  [[nodiscard]] std::size_t clean_source() const { return clean_source_; }
  [[nodiscard]] std::size_t clean_text() const { return clean_text_; }
  [[nodiscard]] open_word clean_word() const { return clean_word_; }
  // Where the segment begins that was open at the end; the size of the source when none was.
  [[nodiscard]] std::size_t open_segment() const { return open_segment_; }

 private:
  static constexpr std::size_t segment_points_max = 64, segment_bytes_max = 1024, word_points_max = 256, word_bytes_max = 4096;
  struct candidate {
    std::size_t at;  // in text_
    char ascii;
  };
  static constexpr char32_t taken = 0xffffffff;
  struct went_in {
    char32_t c;
    std::uint32_t begin;
  };
  struct came_out {
    char32_t c;
    std::uint32_t size, begin;
  };

  void mark_clean(std::size_t source) {
    if (count_ != 0 || !pending_.empty()) return;
    clean_source_ = source;
    clean_text_ = text_.size();
    clean_word_ = word_;
  }

  std::size_t take_ascii(std::size_t i, bool last) {
    close_segment();
    const std::size_t run = ascii_prefix(original_.substr(i));
    const auto end_char = static_cast<unsigned char>(original_[i + run - 1]);
    // What follows the last character may compose with it.
    const bool opens = !(last && i + run == original_.size()) && !(traits(end_char) & (folded_ ? closed_folded : closed_regex));
    append_ascii(original_.substr(i, opens ? run - 1 : run), base_ + static_cast<std::uint32_t>(i));
    if (opens) {
      mark_clean(i + run - 1);
      add_point(end_char, i + run - 1, 1);
    }
    return i + run;
  }

  std::size_t take_point(std::size_t i) {
    const auto [c, size] = decode(original_, i);
    const auto t = traits(c);
    if (!pending_.empty() && i - pending_source_ >= word_bytes_max) end_word();
    if (count_ != 0 && i - begin_ >= segment_bytes_max) close_segment();
    if (t & ignorable) return i + size;
    if (count_ == segment_points_max || (t & (folded_ ? starts_folded : starts_regex))) {
      close_segment();
      mark_clean(i);
    }
    add_point(c, i, size);
    if (count_ == 1 && (t & (folded_ ? closed_folded : closed_regex))) close_segment();
    return i + size;
  }

  void add_point(char32_t c, std::size_t at, std::size_t size) {
    if (count_ == 0) begin_ = at;
    sources_[count_] = static_cast<std::uint32_t>(at);
    points_[count_++] = c;
    end_ = at + size;
    if (c >= 0x80 && signs_ != nullptr && (traits(c) & stable_regex) == 0 && is_symbol(c)) signs_->push_back(base_ + static_cast<std::uint32_t>(at));
  }

  void close_segment() {
    if (count_ == 0) return;
    const char32_t first = points_[0];
    const bool single = count_ == 1;
    const auto t = traits(first);
    const std::size_t at = text_.size();
    if (single && (t & (folded_ ? stable_folded : stable_regex))) {
      append_utf8(text_, first);
    } else {
      normalise_segment(points_.data(), count_, kind_, text_);
    }
    single ? map_.append(text_.size() - at, base_ + static_cast<std::uint32_t>(begin_), base_ + static_cast<std::uint32_t>(end_)) : map_points(at);
    count_ = 0;
    if (folded_) note_words(at, single ? first : 0, t);
  }

  // Which points of a segment came from which: one that comes out as it went in, wherever it moved to, keeps its own beginning, so
  // that a match which begins with a mark does not begin with the letter before it, which a stream may have sent. Of equal marks
  // the first are those that were joined (Unicode 3.11). What was joined begins where the segment begins.
  void map_points(std::size_t at) {
    const auto end = base_ + static_cast<std::uint32_t>(end_);
    went_in_.clear();
    for (std::size_t i = 0; i < count_; ++i) {
      compat_.clear();
      normalise_segment(&points_[i], 1, kind_, compat_);
      for (std::size_t j = 0; j < compat_.size();) {
        const auto [c, size] = decode(compat_, j);
        went_in_.push_back({c, base_ + sources_[i]});
        j += size;
      }
    }
    came_out_.clear();
    for (std::size_t i = at; i < text_.size();) {
      const auto [c, size] = decode(text_, i);
      came_out_.push_back({c, static_cast<std::uint32_t>(size), base_ + sources_[0]});
      i += size;
    }
    for (auto out = came_out_.rbegin(); out != came_out_.rend(); ++out) {
      const auto in = std::find_if(went_in_.rbegin(), went_in_.rend(), [&](const went_in& w) { return w.c == out->c; });
      if (in == went_in_.rend()) continue;
      out->begin = in->begin;
      in->c = taken;
    }
    for (const auto& out : came_out_) map_.append(out.size, out.begin, end);
  }

  // `source`: the code point that made text_ from `at` on, 0 when there were several.
  void note_words(std::size_t at, char32_t source, std::uint8_t t) {
    char looks = 0;
    if (source >= 0x80) {
      looks = look_alike(source);
      if (looks == 0 && !(t & stable_regex)) {
        compat_.clear();
        normalise_segment(&source, 1, view_kind::regex, compat_);
        const auto [c, size] = decode(compat_, 0);
        if (size == compat_.size()) looks = look_alike(c);
      }
    }
    for (std::size_t i = at; i < text_.size();) {
      const auto [c, size] = decode(text_, i);
      const bool alone = i == at && i + size == text_.size();
      // Deciding a word may shorten the text before i; nothing follows i then but this segment, of which it was the only point.
      const std::size_t next = i + size;
      const bool candidate_here = alone && looks != 0 && c >= 0x80;
      note_point(c, i, candidate_here ? looks : '\0');
      if (alone) return;
      i = next - (before_resolve_ - text_.size());
    }
  }

  void note_point(char32_t c, std::size_t at, char looks) {
    before_resolve_ = text_.size();
    if (!(traits(c) & word_char)) return end_word();
    if (word_.points == word_points_max) {
      end_word();
      at -= before_resolve_ - text_.size();
    }
    ++word_.points;
    const auto a = alphabet_of(c);
    if (a != alphabet::none) word_.alphabets = static_cast<std::uint16_t>(word_.alphabets | 1u << static_cast<unsigned>(a));
    if (c >= '0' && c <= '9') word_.digit = true;
    if (looks != 0) {
      if (pending_.empty()) pending_source_ = begin_;
      pending_.push_back({at, looks});
    } else if (c >= 0x80) {
      word_.stranger = true;
    }
    if (!pending_.empty() && std::popcount(word_.alphabets) >= 2) resolve();
  }

  void end_word() {
    if (!pending_.empty()) {
      // Digits beside nothing but look-alikes of one script: "р4ураl" minus its l.
      if (word_.digit && !word_.stranger) resolve();
      pending_.clear();
    }
    word_ = {};
  }

  // Replaces the candidates by what they look like.
  void resolve() {
    std::size_t to = pending_.front().at, from = to;
    const auto keep_until = [&](std::size_t until) {
      const std::size_t n = until - from;
      if (n == 0 || to == from) {
        to += n;
        from = until;
        return;
      }
      std::memmove(text_.data() + to, text_.data() + from, n);
      map_.move(to, from, n);
      to += n;
      from = until;
    };
    for (const auto& p : pending_) {
      keep_until(p.at);
      const auto size = decode(text_, from).size;
      map_.move(to, from, 1);
      text_[to++] = p.ascii;
      from += size;
    }
    keep_until(text_.size());
    text_.resize(to);
    map_.resize(to);
    pending_.clear();
  }

  static char lower(char c) { return static_cast<char>(c + (static_cast<unsigned char>(c - 'A') < 26 ? 32 : 0)); }
  static bool ascii_letter(char c) { return static_cast<unsigned char>((c | 0x20) - 'a') < 26; }
  static bool ascii_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }
  static bool ascii_word(char c) { return ascii_letter(c) || ascii_digit(c) || c == '_'; }

  void append_ascii(std::string_view s, std::uint32_t source) {
    if (!folded_) {
      text_ += s;
      return map_.append_run(s.size(), source);
    }
    // While a word waits to be decided, each character may decide it.
    while (!pending_.empty() && !s.empty()) {
      text_ += lower(s.front());
      map_.append_run(1, source++);
      note_point(static_cast<unsigned char>(lower(s.front())), text_.size() - 1, '\0');
      s.remove_prefix(1);
    }
    if (s.empty()) return;
    const std::size_t at = text_.size();
    text_.resize(at + s.size());
    char* const to = text_.data() + at;
    for (std::size_t i = 0; i < s.size(); ++i) to[i] = lower(s[i]);
    map_.append_run(s.size(), source);
    std::size_t k = s.size();
    while (k > 0 && ascii_word(s[k - 1])) --k;
    if (k > 0) word_ = {};
    const std::size_t total = word_.points + (s.size() - k);
    if (total > word_points_max) {
      k = s.size() - ((total - 1) % word_points_max + 1);
      word_ = {};
    }
    word_.points = static_cast<std::uint16_t>(word_.points + (s.size() - k));
    for (; k < s.size(); ++k) {
      if (ascii_letter(s[k])) word_.alphabets |= 1u << static_cast<unsigned>(alphabet::latin);
      if (ascii_digit(s[k])) word_.digit = true;
    }
  }

  bool folded_;
  view_kind kind_;
  std::string& text_;
  Map map_;
  open_word word_;
  std::vector<std::uint32_t>* signs_ = nullptr;
  std::size_t growth_max_ = static_cast<std::size_t>(-1);
  bool outgrown_ = false;
  std::string_view original_;
  std::uint32_t base_ = 0;
  std::array<char32_t, segment_points_max> points_;
  std::array<std::uint32_t, segment_points_max> sources_;
  std::size_t count_ = 0, begin_ = 0, end_ = 0;  // the open segment; offsets in original_
  std::vector<candidate> pending_;
  std::size_t pending_source_ = 0, before_resolve_ = 0;
  std::string compat_;
  std::vector<went_in> went_in_;
  std::vector<came_out> came_out_;
  std::size_t clean_source_ = 0, clean_text_ = 0, open_segment_ = 0;
  open_word clean_word_;
};

}  // namespace sluice::text
