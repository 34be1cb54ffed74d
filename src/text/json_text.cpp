// See json_text.hpp.
#include "sluice/text/json_text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "json_string.hpp"
#include "sluice/base/hex_digit.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/json.hpp"

namespace sluice::text {
namespace {

// White space, and the bytes of byte order marks.
constexpr std::string_view before_json = " \t\r\n\xef\xbb\xbf";

bool all_hex(std::string_view s) {
  return std::ranges::all_of(s, [](char c) { return hex_value(c) >= 0; });
}

// Whether the escape at the begin of `text` may still become another with more text behind it.
bool is_open(std::string_view text) {
  if (text.size() < 2) return true;
  if (text[1] == 'x') return text.size() < 4 && all_hex(text.substr(2));
  if (text[1] != 'u') return false;
  const auto digits = text.substr(2, 4);
  if (!all_hex(digits)) return false;
  if (digits.size() < 4) return true;
  const bool high = (digits[0] == 'd' || digits[0] == 'D') && (hex_value(digits[1]) >= 8 && hex_value(digits[1]) <= 11);
  if (!high) return false;
  const auto low = text.substr(6, 6);
  if (low.size() >= 6 || !std::string_view("\\u").starts_with(low.substr(0, 2))) return false;
  return low.size() < 3 || all_hex(low.substr(2));
}

// Whether `text`, without its last character a number or the begin of one, is that with it. "[555-0199]" is no JSON.
bool begins_number(std::string_view text) {
  constexpr std::size_t size_max = 4096;
  const char c = text.back(), before = text.size() > 1 ? text[text.size() - 2] : '\0';
  const bool digit = c >= '0' && c <= '9', digit_before = before >= '0' && before <= '9', exponent_before = before == 'e' || before == 'E';
  if (text.size() > size_max) return false;
  if (text[0] != '-' && (text[0] < '0' || text[0] > '9')) return false;
  if (digit) return text.size() == 1 || (text.substr(0, text.size() - 1) != "0" && text.substr(0, text.size() - 1) != "-0");
  if (c == '-' && text.size() == 1) return true;
  if (c == '-' || c == '+') return exponent_before;
  const auto so_far = text.substr(0, text.size() - 1);
  const bool has_exponent = so_far.find_first_of("eE") != std::string_view::npos;
  if (c == '.') return digit_before && !has_exponent && so_far.find('.') == std::string_view::npos;
  return (c == 'e' || c == 'E') && digit_before && !has_exponent;
}

}  // namespace

std::size_t begin_of_json(std::string_view text) { return text.find_first_not_of(before_json); }

bool begins_as_json(std::string_view text) {
  const auto first = begin_of_json(text);
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

bool may_be_json(std::string_view text) {
  const auto first = begin_of_json(text);
  return first != std::string_view::npos && (text[first] == '"' || begins_as_json(text));
}

std::uint64_t left_escapes::feed(std::string_view piece) {
  std::uint64_t out = 0;
  while (!piece.empty()) {
    const auto end = std::min(piece.find('"'), piece.size());
    if (!some_ && piece.substr(0, end).contains('\\')) {
      some_ = true;
      out += std::exchange(before_, 0);
    }
    (some_ ? out : before_) += end;
    if (end == piece.size()) break;
    some_ = false;
    before_ = 0;
    piece.remove_prefix(end + 1);
  }
  return out;
}

std::uint32_t escape_map::begin_of(std::uint32_t read) const {
  const auto next = std::ranges::upper_bound(all_, read, {}, &escape::read_begin);
  if (next == all_.begin()) return read;
  const auto& e = *std::prev(next);
  return read < e.read_end ? e.begin : e.end + (read - e.read_end);
}

std::uint32_t escape_map::end_of(std::uint32_t read) const {
  const auto next = std::ranges::lower_bound(all_, read, {}, &escape::read_begin);
  if (next == all_.begin()) return read;
  const auto& e = *std::prev(next);
  return read <= e.read_end ? e.end : e.end + (read - e.read_end);
}

std::uint32_t escape_map::before(std::uint32_t written) const {
  const auto next = std::ranges::lower_bound(all_, written, {}, &escape::begin);
  return next != all_.begin() && written < std::prev(next)->end ? std::prev(next)->begin : written;
}

std::uint32_t escape_map::behind(std::uint32_t written) const {
  const auto next = std::ranges::lower_bound(all_, written, {}, &escape::begin);
  return next != all_.begin() && written < std::prev(next)->end ? std::prev(next)->end : written;
}

void escape_map::forget(std::uint32_t written, std::uint32_t read) {
  // The last one before says how far both sides are apart.
  const auto needed = std::ranges::find_if(all_, [&](const escape& e) { return e.end > written || e.read_end > read; });
  if (const auto n = needed - all_.begin(); n > 64) all_.erase(all_.begin(), needed - 1);
}

void unescaper::feed(std::string_view piece, std::string& out) {
  if (open_.empty()) return read(piece, false, out);
  std::string all = std::move(open_);
  open_.clear();
  all += piece;
  read(all, false, out);
}

void unescaper::finish(std::string& out) {
  const auto rest = std::move(open_);
  open_.clear();
  read(rest, true, out);
}

void unescaper::read(std::string_view text, bool last, std::string& out) {
  for (std::size_t i = 0; i < text.size();) {
    const auto stop = std::min(text.find('\\', i), text.size());
    out.append(text, i, stop - i);
    written_ += static_cast<std::uint32_t>(stop - i);
    read_ += static_cast<std::uint32_t>(stop - i);
    i = stop;
    if (i == text.size()) return;
    if (!last && is_open(text.substr(i))) {
      open_ = text.substr(i);
      return;
    }
    const auto before = out.size();
    const auto size = json::append_loosely(out, text, i);
    const auto said = static_cast<std::uint32_t>(out.size() - before);
    map_.add({written_, written_ + size, read_, read_ + said});
    written_ += size;
    read_ += said;
    i += size;
  }
}

void json_outline::feed(std::string_view piece) {
  for (std::size_t i = 0; i < piece.size() && broken_ == never; ++i, ++at_) {
    if (in_string_ && !escaped_) {  // most of a text
      const auto stop = std::min(piece.find_first_of("\\\"", i), piece.size());
      at_ += static_cast<std::uint32_t>(stop - i);
      i = stop;
      if (i == piece.size()) break;
    }
    take(piece[i]);
  }
}

void json_outline::take(char c) {
  if (in_string_) {
    if (escaped_ || c == '\\') {
      escaped_ = !escaped_;
      return;
    }
    if (c != '"') return;
    in_string_ = false;
    stretches_.back().end = at_;
    in_key_ ? void(expects_ = expects::colon) : ended_value();
    return;
  }
  if (in_scalar_) {
    if (c != ',' && c != '}' && c != ']' && c != ' ' && c != '\t' && c != '\r' && c != '\n') return take_scalar(c);
    end_scalar();
    if (broken_ != never) return;
  }
  if ((expects_ == expects::root ? before_json : before_json.substr(0, 4)).contains(c)) return;
  switch (expects_) {
    case expects::root: case expects::next_root: return c == '{' || c == '[' ? open(c) : fail();  // one object a line, and the like
    case expects::value_or_end:
      if (c == ']') return close(c);
      [[fallthrough]];
    case expects::value: return begin_value(c);
    case expects::key_or_end:
      if (c == '}') return close(c);
      [[fallthrough]];
    case expects::key:
      if (c != '"') return fail();
      in_string_ = in_key_ = true;
      stretches_.push_back({at_ + 1, never, false});
      return;
    case expects::colon: return c == ':' ? void(expects_ = expects::value) : fail();
    case expects::comma_or_end:
      if (c != ',') return close(c);
      expects_ = nesting_.back() == '{' ? expects::key : expects::value;
      return;
  }
}

void json_outline::open(char c) {
  if (nesting_.size() == nesting_max) return fail();
  nesting_ += c;
  expects_ = c == '{' ? expects::key_or_end : expects::value_or_end;
}

void json_outline::close(char c) {
  if (c != (nesting_.back() == '{' ? '}' : ']')) return fail();
  nesting_.pop_back();
  ended_value();
}

void json_outline::begin_value(char c) {
  if (c == '{' || c == '[') return open(c);
  stretches_.push_back({c == '"' ? at_ + 1 : at_, never, c != '"'});
  if (c == '"') {
    in_string_ = true;
    in_key_ = false;
    return;
  }
  in_scalar_ = true;
  scalar_.clear();
  take_scalar(c);
}

// A number, or one of the words; some readers know more of them than RFC 8259.
void json_outline::take_scalar(char c) {
  scalar_ += c;
  const auto begins = [this](std::string_view word) { return word.starts_with(scalar_); };
  if (begins_number(scalar_) || begins("true") || begins("false") || begins("null") || begins("NaN") || begins("Infinity") || begins("-Infinity")) return;
  in_scalar_ = false;
  fail();
}

void json_outline::end_scalar() {
  in_scalar_ = false;
  stretches_.back().end = at_;
  ended_value();
}

void json_outline::forget(std::uint32_t before) {
  const auto needed = std::ranges::find_if(stretches_, [&](const stretch& s) { return s.end >= before; });
  if (needed - stretches_.begin() > 64) stretches_.erase(stretches_.begin(), needed);
}

void json_depth::feed(std::string_view piece) { feed(0, piece); }

void json_depth::feed(std::size_t at, std::string_view piece) {
  auto& here = *levels_[at];
  const bool goes_deeper = at + 1 < json_levels;
  constexpr std::uint32_t all = 0xfffffffe;  // nobody asks where anything was
  while (!piece.empty()) {
    const bool within = here.outline.within_string();
    std::size_t end = 0;
    do {
      const auto quote = std::min(piece.find('"', end), piece.size() - 1);
      here.outline.feed(piece.substr(end, quote + 1 - end));
      end = quote + 1;
    } while (end < piece.size() && within && here.outline.within_string());
    const bool closed = within && !here.outline.within_string();
    if (within && goes_deeper) {
      std::string says;
      here.inside.feed(piece.substr(0, closed ? end - 1 : end), says);
      here.inside.map().forget(all, all);
      feed(at + 1, says);
    }
    if (within != here.outline.within_string() && goes_deeper) {
      levels_[at + 1] = within ? std::nullopt : std::optional(level{});
      here.inside = unescaper();
    }
    here.outline.forget(all);
    piece.remove_prefix(end);
  }
}

std::size_t json_depth::strings() const {
  const auto out = std::ranges::find_if_not(levels_, [](const auto& each) { return each && each->outline.within_string(); });
  return static_cast<std::size_t>(out - levels_.begin());
}

std::string json_escaped(std::string text, std::size_t times) {
  for (; times > 0; --times) text = sluice::json_escaped(text);
  return text;
}

std::string loosely_unescaped(std::string_view text, std::size_t times) {
  std::string out(text);
  for (; times > 0; --times) out = json::loosely_unescaped(out);
  return out;
}

outlined_json::outlined_json(std::string_view text) {
  std::string unused;
  outline.feed(text);
  escapes.feed(text, unused);
  escapes.finish(unused);
}

json_outline::place json_outline::of(std::uint32_t begin, std::uint32_t end, const escape_map& escapes) const {
  if (end > broken_ || begin >= end) return {.json = false, .scalars = false, .pieces = {}};
  place out{.json = true, .scalars = false, .pieces = {}};
  auto s = std::ranges::upper_bound(stretches_, begin, {}, &stretch::end);
  for (; s != stretches_.end() && s->begin < end; ++s) {
    const auto stop = std::min(s->end, at_);
    if (s->scalar) {
      out.pieces.push_back({s->begin, stop, true});
      out.scalars = true;
      continue;
    }
    const auto from = escapes.before(std::max(s->begin, begin)), to = std::min(escapes.behind(std::min(stop, end)), stop);
    if (from < to) out.pieces.push_back({from, to, false});
  }
  return out;
}

}  // namespace sluice::text
