// Normalisation of one text: NFKC by segments (a starter with its marks), default-ignorables out, case and look-alikes folded.
//
// NFKC is done a segment at a time, where a segment begins at a code point that nothing before it can change (ICU's boundary
// before), so that every normalised byte has a span of original bytes behind it.
#include "sluice/text/view.hpp"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>

#include "confusables.hpp"

namespace sluice::text {
namespace {

const UNormalizer2* nfkc() {
  UErrorCode status = U_ZERO_ERROR;
  static const UNormalizer2* instance = unorm2_getNFKCInstance(&status);
  return instance;
}

std::size_t length_of(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool begins_segment(char32_t c) { return c < 0x80 || unorm2_hasBoundaryBefore(nfkc(), static_cast<UChar32>(c)); }
// Scripts whose letters are mistaken for each other; only among them can a word mix.
bool may_mix(char32_t c) {
  return (c < 0x0590 || (c >= 0x13a0 && c < 0x1400) || (c >= 0x1c80 && c < 0x2000) || (c >= 0x2c60 && c < 0x2d30) ||
          (c >= 0xa640 && c < 0xa800) || (c >= 0xab30 && c < 0xabc0)) &&
         is_word(c);
}
// A word longer than this is none; it bounds what an endless one can cost.
constexpr int word_code_points_max = 256;

bool is_ignorable(char32_t c) { return c >= 0x80 && u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_DEFAULT_IGNORABLE_CODE_POINT); }

// Writes normalised bytes with the original span behind each. `Emit` is called with (bytes, begin, end).
class normaliser {
 public:
  normaliser(view_kind kind, std::string& text, std::vector<view_stream::unit>& map) : kind_(kind), text_(text), map_(map) {}

  // `original` is whole code points; `base` is the offset of its first byte.
  void run(std::string_view original, std::uint32_t base) {
    for (std::size_t at = 0; at < original.size();) {
      const auto end = segment_end(original, at);
      segment(original.substr(at, end - at), base + static_cast<std::uint32_t>(at));
      at = end;
    }
    close_word();
  }

 private:
  static std::size_t segment_end(std::string_view text, std::size_t at) {
    at += length_of(code_point_at(text, at));
    while (at < text.size()) {
      const auto c = code_point_at(text, at);
      if (begins_segment(c) && !is_ignorable(c)) break;
      at += length_of(c);
    }
    return at;
  }

  void segment(std::string_view original, std::uint32_t begin) {
    const auto end = begin + static_cast<std::uint32_t>(original.size());
    if (original.size() == 1) {
      emit(kind_ == view_kind::folded ? lower_ascii(original[0]) : original[0], begin, end);
      return;
    }
    kept_.clear();
    std::uint32_t first = end, last = begin;
    for (std::size_t at = 0; at < original.size();) {
      const auto c = code_point_at(original, at);
      const auto n = length_of(c);
      if (!is_ignorable(c)) {
        append_utf16(c);
        first = std::min(first, begin + static_cast<std::uint32_t>(at));
        last = begin + static_cast<std::uint32_t>(at + n);
      }
      at += n;
    }
    if (!kept_.empty()) normalised(first, last);
  }

  void append_utf16(char32_t c) {
    if (c < 0x10000) {
      kept_ += static_cast<char16_t>(c);
    } else {
      kept_ += static_cast<char16_t>(0xd7c0 + (c >> 10));
      kept_ += static_cast<char16_t>(0xdc00 | (c & 0x3ff));
    }
  }

  void normalised(std::uint32_t begin, std::uint32_t end) {
    std::array<char16_t, 256> out;
    UErrorCode status = U_ZERO_ERROR;
    // A segment longer than the buffer is a pile of marks: matched as it is.
    auto length = unorm2_normalize(nfkc(), kept_.data(), static_cast<std::int32_t>(kept_.size()), out.data(), out.size(), &status);
    std::u16string_view result = U_SUCCESS(status) ? std::u16string_view(out.data(), static_cast<std::size_t>(length)) : kept_;
    std::array<char16_t, 512> folded;
    if (kind_ == view_kind::folded) {
      status = U_ZERO_ERROR;
      length = u_strFoldCase(folded.data(), folded.size(), result.data(), static_cast<std::int32_t>(result.size()), U_FOLD_CASE_DEFAULT, &status);
      if (U_SUCCESS(status)) result = {folded.data(), static_cast<std::size_t>(length)};
    }
    for (std::size_t i = 0; i < result.size(); ++i) {
      char32_t c = result[i];
      if (c >= 0xd800 && c < 0xdc00 && i + 1 < result.size()) c = ((c - 0xd7c0) << 10) + (result[++i] - 0xdc00u);
      if (!is_ignorable(c)) emit(c, begin, end);
    }
  }

  void emit(char c, std::uint32_t begin, std::uint32_t end) {
    const auto b = static_cast<unsigned char>(c);
    if (kind_ == view_kind::folded) note_word(b, text_.size());
    text_ += c;
    map_.push_back({begin, end});
  }
  void emit(char32_t c, std::uint32_t begin, std::uint32_t end) {
    if (c < 0x80) return emit(static_cast<char>(c), begin, end);
    if (kind_ == view_kind::folded) note_word(c, text_.size());
    append_utf8(text_, c);
    map_.resize(text_.size(), {begin, end});
  }

  // Follows the word at the end of the text: which look-alikes it has, and whether ASCII letters stand among them.
  void note_word(char32_t c, std::size_t at) {
    if (!may_mix(c)) return close_word();
    if (c < 0x80) {
      has_ascii_letter_ = has_ascii_letter_ || (c >= 'a' && c <= 'z');
      return;
    }
    if (const char to = confusable_of(c)) look_alikes_.push_back({at, length_of(c), to});
  }

  // In a word that mixes scripts each look-alike becomes the ASCII letter, from the back, so that places stay right.
  void close_word() {
    if (has_ascii_letter_) {
      for (auto it = look_alikes_.rbegin(); it != look_alikes_.rend(); ++it) {
        text_.replace(it->at, it->length, 1, it->to);
        map_.erase(map_.begin() + static_cast<std::ptrdiff_t>(it->at) + 1, map_.begin() + static_cast<std::ptrdiff_t>(it->at + it->length));
      }
    }
    look_alikes_.clear();
    has_ascii_letter_ = false;
  }

  struct look_alike_at {
    std::size_t at, length;
    char to;
  };
  view_kind kind_;
  std::string& text_;
  std::vector<view_stream::unit>& map_;
  std::u16string kept_;
  std::vector<look_alike_at> look_alikes_;
  bool has_ascii_letter_ = false;
};

}  // namespace

view::span view::to_original(std::uint32_t begin, std::uint32_t end) const {
  if (units_.empty() || begin >= end) return {begin, end};
  return {units_[begin].original_begin, units_[end - 1].original_end};
}

void make_view(std::string_view original, view_kind kind, view& out) {
  out.original_ = original;
  out.units_.clear();
  out.text_.clear();
  out.identity_ = false;
  if (is_ascii(original)) {
    if (kind == view_kind::regex) {
      out.identity_ = true;
      return;
    }
    out.text_.resize(original.size());
    std::transform(original.begin(), original.end(), out.text_.begin(), lower_ascii);
    return;
  }
  out.text_.reserve(original.size());
  normaliser(kind, out.text_, out.units_).run(original, 0);
}

std::string normalise(std::string_view original, view_kind kind) {
  view v;
  make_view(original, kind, v);
  return std::string(v.text());
}

namespace {

// Where the part of `open` begins that later bytes may still change: its last segment and, when folding, its last word if that has
// any letter that is not ASCII; a word of ASCII letters alone changes only by a mark on its last letter.
std::size_t unstable_begin(std::string_view open, view_kind kind) {
  if (open.empty()) return 0;
  std::size_t at = open.size();
  const auto step_back = [&] {
    --at;
    while (at > 0 && (static_cast<unsigned char>(open[at]) & 0xc0) == 0x80) --at;
  };
  do {
    step_back();
  } while (at > 0 && (!begins_segment(code_point_at(open, at)) || is_ignorable(code_point_at(open, at))));
  if (kind == view_kind::regex) return at;
  const auto segment = at;
  bool other_script = static_cast<unsigned char>(open[at]) >= 0x80;
  if (!may_mix(code_point_at(open, at))) return segment;
  for (int n = 0; at > 0 && n < word_code_points_max; ++n) {
    const auto c = code_point_before(open, at);
    if (!may_mix(c) && !is_ignorable(c) && begins_segment(c)) break;
    other_script = other_script || c >= 0x80;
    step_back();
  }
  return other_script ? at : segment;
}

}  // namespace

std::size_t view_stream::feed(std::string_view original, std::string& text, std::vector<unit>& map) {
  const auto replaced = unstable_;
  text.resize(text.size() - replaced);
  map.resize(map.size() - replaced);
  open_ += original;
  const auto keep = unstable_begin(open_, kind_);
  normaliser writer(kind_, text, map);
  writer.run(std::string_view(open_).substr(0, keep), open_begin_);
  open_.erase(0, keep);
  open_begin_ += static_cast<std::uint32_t>(keep);
  const auto stable = text.size();
  normaliser(kind_, text, map).run(open_, open_begin_);
  unstable_ = text.size() - stable;
  return replaced;
}

void view_stream::finish(std::string&, std::vector<unit>&) {
  // What is open was normalised as if it ended here, and now it does.
  open_.clear();
  unstable_ = 0;
}

}  // namespace sluice::text
