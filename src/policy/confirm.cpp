// See confirm.hpp. Positions are bytes of a view text, always on code point boundaries.
#include "confirm.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "proximity.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/match/validator.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

// What a validator or the words beside it turned down, in one text and for one term. A table of numbers has a match for each eight bytes or so,
// and may be long. Of numbers that a validator knows more than that may pass while they cost what a walk over the text costs, a hundred times: past
// it the text is built to cost time.
class rejections {
 public:
  rejections(const term& of, std::string_view text) : validated_(of.validator != validator::none), text_bytes_(text.size()) {}

  void add(std::size_t match_bytes) {
    ++count_;
    bytes_ += match_bytes + each_bytes;
  }
  [[nodiscard]] bool too_many() const {
    if (count_ <= std::clamp<std::size_t>(text_bytes_ / 8, 4096, 65'536)) return false;
    return !validated_ || count_ > count_max || bytes_ > std::max(text_bytes_, count_max) * walks_max;
  }

 private:
  static constexpr std::size_t count_max = 262'144, walks_max = 128;
  static constexpr std::size_t each_bytes = 16;  // what one costs beside its length
  bool validated_;
  std::size_t text_bytes_, count_ = 0, bytes_ = 0;
};

// Shannon's, in bits per byte: what random keys have and placeholders have not.
double entropy(std::string_view text) {
  std::array<std::uint32_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const auto n : counts) {
    if (n == 0) continue;
    const double share = static_cast<double>(n) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

bool has_entropy(const term& of, std::string_view matched) { return of.entropy_min <= 0 || entropy(matched) >= of.entropy_min; }

// What a validator reads of a match: one kind of dash, and no stars, which are markup. Most matches are that already.
struct validated_text {
  std::string text;
  std::vector<std::size_t> ends;  // of each byte in the match

  explicit validated_text(std::string_view matched) {
    for (std::size_t at = 0; at < matched.size();) {
      const auto next = next_code_point(matched, at);
      const auto c = text::code_point_at(matched, at);
      const bool dash = (c >= 0x2010 && c <= 0x2015) || c == 0x2212;
      const auto shown = dash ? std::string_view("-") : c == '*' ? std::string_view() : matched.substr(at, next - at);
      text += shown;
      ends.insert(ends.end(), shown.size(), next);
      at = next;
    }
  }
  static bool differs(std::string_view matched) { return matched.find_first_of("*\xe2") != std::string_view::npos; }
};

// How much of it the validator accepts; less than all: none that is longer.
std::size_t size_accepted(const match::validator_entry& by, std::string_view matched) {
  if (by.longest != nullptr) return by.longest(matched);
  return by.accepts(matched) ? matched.size() : matched.size() - 1;
}

// The longest end of the match at `hit.begin` that the validator accepts; 0: none. Where the validator itself finds the longest that it
// could accept, PCRE2 is only asked whether the pattern has an end there.
std::size_t accepted_end(const term& of, const text::edged_text& in, const match::regex::hit& hit, match::match_state& state, bool& failed) {
  const auto text = in.text();
  const auto& validator = match::entry_of(of.validator);
  const auto size_accepted = [&](std::size_t end) {
    const auto matched = text.substr(hit.begin, end - hit.begin);
    if (!validated_text::differs(matched)) return policy::size_accepted(validator, matched);
    const validated_text read(matched);
    const auto size = read.text.empty() ? 0 : policy::size_accepted(validator, read.text);
    return size == read.text.size() ? matched.size() : size == 0 ? 0 : read.ends[size - 1];
  };
  auto next = hit.begin + size_accepted(hit.end);
  if (next == hit.end) return next;
  if (next <= hit.begin) return 0;
  if (const auto ends = of.regex->regex.ends_at(in, hit.begin, state)) {
    for (const auto end : *ends) {
      if (end > next) continue;
      if (end <= hit.begin) return 0;
      next = hit.begin + size_accepted(end);
      if (next == end) return end;
    }
    return 0;
  }
  for (auto end = hit.end;;) {
    const auto shorter = of.regex->regex.find_within(in, hit.begin, next, state);
    failed = failed || shorter.status == match::regex::status::unavailable;
    if (shorter.status != match::regex::status::match || shorter.end <= hit.begin || shorter.end >= end) return 0;
    end = shorter.end;
    next = hit.begin + size_accepted(end);
    if (next == end) return end;
    if (next <= hit.begin) return 0;
  }
}

}  // namespace

advance_result advance_regex(const term& of, const text::edged_text& in, std::size_t from, bool more, std::size_t stable, prefilter_state& words,
                             match::match_state& state, std::vector<match_span>& out, const text_position* where) {
  const auto text = in.text();
  rejections turned_down(of, text);
  bool unknown = false;  // whether some match counts; what comes behind it may count all the same
  while (from < text.size()) {
    const auto hit = of.regex->regex.find(in, from, more, state);
    switch (hit.status) {
      case match::regex::status::unavailable: return {from, nowhere, true};
      case match::regex::status::none: return {text.size(), nowhere, unknown};
      case match::regex::status::partial:
        // A boundary at the very end waits for a byte, but no byte of the text waits for it.
        if (hit.begin >= text.size()) return {text.size(), nowhere, unknown};
        return {hit.begin, hit.begin, unknown};
      case match::regex::status::match: break;
    }
    if (hit.end <= hit.begin) {  // \K or a look-around alone: nothing to act on
      from = next_code_point(text, std::max(hit.begin, from));
      continue;
    }
    // Later text may still change the end of the view, and with it this match.
    if (more && hit.end > stable) return {hit.begin, hit.begin, unknown};
    if (words.excludes_all(of, text)) return {text.size(), nowhere, unknown};
    bool failed = false;
    const auto end = accepted_end(of, in, hit, state, failed);
    if (failed || turned_down.too_many()) return {from, nowhere, true};
    auto around = surroundings::differ;
    if (end != 0 && words.admits(of, text, end) && has_entropy(of, text.substr(hit.begin, end - hit.begin))) around = look_around(of, in, hit.begin, end, more, stable, where);
    if (around == surroundings::open) return {hit.begin, hit.begin, unknown};
    unknown = unknown || around == surroundings::unknown;
    if (around == surroundings::differ || around == surroundings::unknown) {
      turned_down.add(hit.end - hit.begin);
      from = next_code_point(text, hit.begin);
      continue;
    }
    out.push_back({hit.begin, end, around == surroundings::leans});
    from = end;
  }
  return {text.size(), nowhere, unknown};
}

std::size_t keyword_cursor::of(std::uint32_t term) const {
  for (const auto& [t, at] : term_from) {
    if (t == term) return at;
  }
  return 0;
}

void keyword_cursor::set(std::uint32_t term, std::size_t at) {
  for (auto& [t, old] : term_from) {
    if (t == term) {
      old = at;
      return;
    }
  }
  term_from.emplace_back(term, at);
}

namespace {

// One pass over the places where a word may begin.
class keyword_pass {
 public:
  keyword_pass(const program& all, text::view_kind view, const index_set& wanted, const index_set& holding, const text::edged_text& in,
               bool more, std::size_t stable, const text_position* where)
      : all_(all), table_(all.in[view].words), wanted_(wanted), holding_(holding), any_holds_(holding.any()), in_(in), text_(in.text()), more_(more), stable_(stable), where_(where) {}

  advance_result run(keyword_cursor& cursor, std::vector<match::keyword_table::found>& found, std::vector<keyword_match_span>& out) {
    std::size_t undecided = nowhere;
    for (std::size_t at = cursor.from; at < text_.size(); at = next_code_point(text_, at)) {
      const auto first = static_cast<unsigned char>(text_[at]);
      if (!(at + 1 < text_.size() ? table_.may_begin(first, static_cast<unsigned char>(text_[at + 1])) : table_.may_begin(first))) continue;
      begins_bounded_ = in_.boundary(at, false) == text::edged_text::answer::yes;
      if (!begins_bounded_ && !table_.has_unbounded()) continue;
      found.clear();
      const bool grows = table_.look_up(text_, at, reading_, found);
      if (found.empty() && !grows) continue;
      const bool waits = at_place(at, grows && more_, cursor, found, out);
      if (waits && undecided == nowhere) undecided = at;
    }
    cursor.from = undecided == nowhere ? text_.size() : undecided;
    return {cursor.from, live_, false};
  }

 private:
  // A place from which the text so far is a proper prefix of some word. Which terms' words is asked only when it matters: for the
  // first letter of a long list the answer is long.
  struct growing_place {
    std::size_t at;
    bool begins_bounded;
    bool other_blanks;  // the table has read the text there with single blanks
  };

  // Decides each term at one place: its longest word wins, once nothing longer can come. True: some term must wait.
  bool at_place(std::size_t at, bool grows, keyword_cursor& cursor, const std::vector<match::keyword_table::found>& found,
                std::vector<keyword_match_span>& out) {
    bool waits = grows && somebody_waits(at, cursor);
    decided_.clear();
    for (const auto& word : found) {
      for (const auto& who : word.owners) waits |= at_word(at, word.length, who, cursor, out);
    }
    return waits;
  }

  // True when a word of a term that counts could still come about here; notes from where text is held for it.
  bool somebody_waits(std::size_t at, const keyword_cursor& cursor) {
    struct search {
      keyword_pass& pass;
      growing_place place;
      const keyword_cursor& cursor;
      bool some = false;
      bool held;  // nothing more is to be learned about what is held
    } s{*this, {at, begins_bounded_, reading_.used}, cursor, false, !any_holds_ || live_ <= at};
    table_.growing(text_, at, s.place.other_blanks, reading_, &s, [](void* p, match::keyword_table::owner_ref who) {
      auto& each = *static_cast<search*>(p);
      if (!each.pass.may_wait(who, each.place, each.cursor)) return true;
      each.some = true;
      if (!each.held && each.pass.holding_.has(who.owner)) {
        each.pass.live_ = each.place.at;
        each.held = true;
      }
      return !each.held;
    });
    if (s.some) growing_.push_back(s.place);
    return s.some;
  }

  [[nodiscard]] bool may_wait(match::keyword_table::owner_ref who, const growing_place& place, const keyword_cursor& cursor) const {
    return wanted_.has(who.owner) && (place.begins_bounded || !who.bounded) && place.at >= cursor.of(who.owner);
  }

  // True when a word of this term could still come about at one of the places seen so far. Words that are found are rare, and so is this.
  [[nodiscard]] bool waits_for_longer(std::uint32_t term, const keyword_cursor& cursor) {
    for (const auto& place : growing_) {
      struct search {
        const keyword_pass& pass;
        const growing_place& place;
        const keyword_cursor& cursor;
        std::uint32_t term;
        bool some = false;
      } s{*this, place, cursor, term};
      table_.growing(text_, place.at, place.other_blanks, reading_, &s, [](void* p, match::keyword_table::owner_ref who) {
        auto& each = *static_cast<search*>(p);
        each.some = who.owner == each.term && each.pass.may_wait(who, each.place, each.cursor);
        return !each.some;
      });
      if (s.some) return true;
    }
    return false;
  }

  bool at_word(std::size_t at, std::uint32_t length, match::keyword_table::owner_ref who, keyword_cursor& cursor,
               std::vector<keyword_match_span>& out) {
    if (!counts(who, at, cursor) || std::find(decided_.begin(), decided_.end(), who.owner) != decided_.end()) return false;
    const auto end = at + length;
    if (who.bounded) {
      const auto ends = in_.boundary(end, more_);
      if (ends == text::edged_text::answer::no) return false;
      if (ends == text::edged_text::answer::open) return wait(who.owner, at);
    }
    if (more_ && end > stable_) return wait(who.owner, at);
    auto where = where_ != nullptr ? std::optional(*where_) : std::nullopt;
    if (where) where->whole_words = who.bounded;
    const auto around = look_around(all_.terms[who.owner], in_, at, end, more_, stable_, where ? &*where : nullptr);
    if (around == surroundings::open) return wait(who.owner, at);
    if (around == surroundings::differ) return false;
    const bool unknown = around == surroundings::unknown;
    out.push_back({who.owner, at, end, around == surroundings::leans, unknown});
    if (unknown) return false;
    cursor.set(who.owner, end);
    decided_.push_back(who.owner);
    return false;
  }

  // Until this place is decided, the term finds nothing here (a shorter word must not overtake) and nothing after it.
  bool wait(std::uint32_t term, std::size_t at) {
    if (holding_.has(term)) live_ = std::min(live_, at);
    waiting_.push_back(term);
    return true;
  }

  [[nodiscard]] bool counts(match::keyword_table::owner_ref who, std::size_t at, const keyword_cursor& cursor) {
    return wanted_.has(who.owner) && (begins_bounded_ || !who.bounded) && at >= cursor.of(who.owner) &&
           std::find(waiting_.begin(), waiting_.end(), who.owner) == waiting_.end() && !waits_for_longer(who.owner, cursor);
  }

  const program& all_;
  const match::keyword_table& table_;
  const index_set& wanted_;
  const index_set& holding_;
  bool any_holds_;
  const text::edged_text& in_;
  std::string_view text_;
  bool more_;
  std::size_t stable_;
  const text_position* where_;
  bool begins_bounded_ = false;
  std::size_t live_ = nowhere;
  std::vector<growing_place> growing_;
  match::keyword_table::reading reading_;
  std::vector<std::uint32_t> decided_, waiting_;
};

}  // namespace

advance_result advance_keywords(const program& all, text::view_kind view, const index_set& wanted, const index_set& holding,
                                const text::edged_text& in, keyword_cursor& cursor, bool more, std::size_t stable, std::vector<match::keyword_table::found>& working,
                                std::vector<keyword_match_span>& out, const text_position* where) {
  return keyword_pass(all, view, wanted, holding, in, more, stable, where).run(cursor, working, out);
}

namespace {

bool is_letter_or_digit(char32_t c) { return c != '_' && text::is_word(c); }
bool is_anything(char32_t /*c*/) { return true; }

// Where the first so many characters of a kind end, or the last so many begin; nothing when there are fewer.
std::optional<std::size_t> kept(std::string_view text, std::size_t count, bool from_end, bool (*counts)(char32_t)) {
  std::size_t at = from_end ? text.size() : 0;
  while (count > 0 && (from_end ? at > 0 : at < text.size())) {
    const auto begin = from_end ? previous_code_point(text, at) : at;
    if (counts(text::code_point_at(text, begin))) --count;
    at = from_end ? begin : next_code_point(text, at);
  }
  return count > 0 ? std::nullopt : std::optional(at);
}

// What separates them is not counted and stays between them; of a text that has fewer, as many characters as were asked for.
std::size_t kept(std::string_view text, std::size_t count, bool from_end) {
  const auto at = kept(text, count, from_end, is_letter_or_digit);
  return at ? *at : kept(text, count, from_end, is_anything).value_or(from_end ? 0 : text.size());
}

}  // namespace

std::string replacement_of(const compiled_rule& rule, const term& by, std::string_view original, bool alone, std::string_view hash) {
  if (rule.action == action::rewrite) return by.replacement ? *by.replacement : rule.mask;
  if (!alone) return rule.mask;
  const auto head = kept(original, rule.keep_first, false);
  const auto tail = std::max(head, kept(original, rule.keep_last, true));
  std::string out(original.substr(0, head));
  out += rule.mask;
  out += hash;
  if (rule.keep_last > 0) out += original.substr(tail);
  return out;
}

}  // namespace sluice::policy
