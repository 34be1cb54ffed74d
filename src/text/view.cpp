// See view.hpp. Whole views and streams are two uses of one normaliser.
#include "sluice/text/view.hpp"

#include "code_point.hpp"
#include "composition.hpp"
#include "normaliser.hpp"
#include "utf8.hpp"
#include "sluice/base/code_points.hpp"

namespace sluice::text {
namespace {

struct unit_map {
  std::vector<text_unit>& units;
  void append(std::size_t n, std::uint32_t b, std::uint32_t e) { units.insert(units.end(), n, {b, e}); }
  void append_run(std::size_t n, std::uint32_t b) {
    const std::size_t at = units.size();
    units.resize(at + n);
    for (std::size_t i = 0; i < n; ++i) {
      units[at + i] = {b + static_cast<std::uint32_t>(i), b + static_cast<std::uint32_t>(i) + 1};
    }
  }
  void move(std::size_t to, std::size_t from, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) units[to + i] = units[from + i];
  }
  void resize(std::size_t n) { units.resize(n); }
};

// True when NFKC and the removal of ignorables would change nothing.
bool is_plain(std::string_view s) {
  constexpr unsigned wanted = stable_regex | starts_regex;
  for (std::size_t i = ascii_prefix(s); i < s.size();) {
    if (static_cast<unsigned char>(s[i]) < 0x80) {
      i += ascii_prefix(s.substr(i));
      continue;
    }
    const auto [c, size] = decode(s, i);
    const auto t = traits(c);
    if ((t & wanted) != wanted || (t & ignorable)) return false;
    i += size;
  }
  return true;
}

}  // namespace

view::span view::to_original(std::uint32_t begin, std::uint32_t end) const {
  if (identity_ || (units_.empty() && !text_.empty())) return {begin, end};
  if (begin < end) return {first_original(units_, begin, end), units_[end - 1].original_end};
  const auto at = begin < units_.size() ? units_[begin].original_begin : static_cast<std::uint32_t>(original_.size());
  return {at, at};
}

void view::give_back(std::size_t kept_bytes) {
  if (text_.capacity() + units_.capacity() * sizeof(text_unit) <= kept_bytes) return;
  *this = {};
}

bool make_view(std::string_view original, view_kind kind, view& out, std::size_t growth_max) {
  out.original_ = original;
  out.text_.clear();
  out.units_.clear();
  out.signs_.clear();
  out.identity_ = kind == view_kind::regex && is_plain(original);
  if (out.identity_) return true;
  if (kind == view_kind::folded && is_ascii(original)) {
    out.text_.resize(original.size());
    char* const to = out.text_.data();
    for (std::size_t i = 0; i < original.size(); ++i) {
      const auto c = static_cast<unsigned char>(original[i]);
      to[i] = static_cast<char>(c + (static_cast<unsigned char>(c - 'A') < 26 ? 32 : 0));
    }
    return true;
  }
  out.text_.reserve(original.size());
  out.units_.reserve(original.size());
  normaliser<unit_map> n(kind, out.text_, unit_map{out.units_}, {});
  n.note_signs(out.signs_);
  n.limit_growth(growth_max);
  n.run(original, 0, true);
  return !n.outgrown();
}

std::size_t view_stream::feed(std::string_view original, std::string& text, std::vector<unit>& map) {
  const std::size_t replaced = unstable_;
  text.resize(text.size() - replaced);
  map.resize(map.size() - replaced);
  open_ += original;
  const std::string_view whole = std::string_view(open_).substr(0, open_.size() - incomplete_utf8_tail(open_));
  normaliser<unit_map> n(kind_, text, unit_map{map}, word_);
  read_signs_from_open();
  n.note_signs(signs_);
  n.run(whole, open_begin_, false);
  word_ = n.clean_word();
  // clean_text counts from the text's beginning, and what was there before this call was clean.
  unstable_ = text.size() - n.clean_text();
  open_begin_ += static_cast<std::uint32_t>(n.clean_source());
  open_.erase(0, n.clean_source());
  open_segment_ = n.open_segment() - n.clean_source();
  return replaced;
}

// What is open is read anew.
void view_stream::read_signs_from_open() {
  if (!signs_.empty()) signs_.erase(std::ranges::lower_bound(signs_, open_begin_), signs_.end());
}

std::string view_stream::form_of(std::string_view open, bool mixed) const {
  std::string text, whole(open);
  std::vector<unit> map;
  if (mixed) whole += 'a';  // a Latin letter decides the word
  normaliser<unit_map> n(kind_, text, unit_map{map}, word_);
  n.run(whole, 0, false);
  if (mixed) text.pop_back();
  return text;
}

unsigned char view_stream::open_letter() const {
  if (open_segment_ >= open_.size()) return 0;
  const auto c = static_cast<unsigned char>(open_[open_segment_]);
  return c < 0x80 && open_segment_ + 1 == open_.size() ? c : 0x80;
}

void view_stream::alternatives(bool compose, std::vector<std::string>& out) const {
  out.clear();
  const bool words = kind_ == view_kind::folded && !is_ascii(open_);
  const std::string_view open = std::string_view(open_).substr(0, open_.size() - incomplete_utf8_tail(open_));
  const auto add = [&](std::string_view end) {
    std::string whole(open.substr(0, open_segment_));
    whole += end;
    out.push_back(form_of(whole, false));
    if (words) out.push_back(form_of(whole, true));
  };
  if (words) out.push_back(form_of(open, true));
  if (!compose || open_segment_ >= open.size()) return;
  if (open.size() == 1) {
    out = ascii_compositions(open[0], kind_);
    return;
  }
  // The last letter of what the segment is by itself, and what is before it (NFKC makes "fi" of one point).
  const auto segment = normalise(open.substr(open_segment_), view_kind::regex);
  std::size_t letter = 0;
  for (std::size_t i = 0; i < segment.size(); i += decode(segment, i).size) {
    if (traits(decode(segment, i).c) & starts_regex) letter = i;
  }
  if (segment.empty()) return;
  const auto [c, size] = decode(segment, letter);
  const auto base = base_of(c);
  const auto add_letter = [&](char32_t x) {
    std::string end = segment.substr(0, letter);
    append_utf8(end, x);
    add(end);
  };
  for (const auto x : compositions_of(base)) add_letter(x);
  if (words) {
    // A letter with a mark on it looks like no other; this mark composes with none.
    constexpr std::string_view mark = "\u0334";
    const auto first = out.size();
    add(segment.substr(0, letter + size) + std::string(mark));
    for (auto i = first; i < out.size(); ++i) out[i].resize(out[i].rfind(mark));
  }
  // Marks that come may go before those that are there.
  if (letter + size < segment.size()) add_letter(c);
}

void view_stream::finish(std::string& text, std::vector<unit>& map) {
  text.resize(text.size() - unstable_);
  map.resize(map.size() - unstable_);
  const std::string_view whole = std::string_view(open_).substr(0, open_.size() - incomplete_utf8_tail(open_));
  normaliser<unit_map> n(kind_, text, unit_map{map}, word_);
  read_signs_from_open();
  n.note_signs(signs_);
  n.run(whole, open_begin_, true);
  word_ = {};
  unstable_ = 0;
  open_begin_ += static_cast<std::uint32_t>(open_.size());
  open_.clear();
  open_segment_ = 0;
}

std::string normalise(std::string_view original, view_kind kind) {
  view v;
  (void)make_view(original, kind, v);
  return std::string(v.text());
}

bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
  return (traits(c) & word_char) != 0;
}

char32_t code_point_at(std::string_view text, std::size_t at) { return at < text.size() ? decode(text, at).c : 0; }

char32_t code_point_before(std::string_view text, std::size_t at) {
  if (at == 0 || at > text.size()) return 0;
  std::size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && continues_code_point(text[begin])) --begin;
  return decode(text.substr(0, at), begin).c;
}

bool is_ignorable(char32_t c) { return c >= 0x80 && (traits(c) & ignorable) != 0; }

}  // namespace sluice::text
