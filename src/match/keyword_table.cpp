// The sorted table of words behind keyword_table.
#include "sluice/match/keyword_table.hpp"

#include <algorithm>
#include <tuple>

#include "sluice/base/code_points.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::match {

keyword_table::keyword_table(std::vector<entry> entries) : bucket_(257, 0), pair_(65536, false), first_(256, false) {
  std::erase_if(entries, [](const entry& e) { return e.word.empty(); });
  std::sort(entries.begin(), entries.end(), [](const entry& a, const entry& b) {
    return std::tie(a.word, a.owner, a.bounded) < std::tie(b.word, b.owner, b.bounded);
  });
  std::vector<std::uint32_t> chain;  // words that are prefixes of the one at hand, as a stack
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& e = entries[i];
    has_unbounded_ = has_unbounded_ || !e.bounded;
    if (i == 0 || entries[i - 1].word != e.word) {
      while (!chain.empty() && !std::string_view(e.word).starts_with(word(chain.back()))) chain.pop_back();
      const auto owners = static_cast<std::uint32_t>(owners_.size());
      words_.push_back({.offset = static_cast<std::uint32_t>(bytes_.size()),
                        .length = static_cast<std::uint32_t>(e.word.size()),
                        .owners_begin = owners,
                        .owners_end = owners,
                        .prefix = chain.empty() ? 0 : chain.back() + 1});
      bytes_ += e.word;
      chain.push_back(static_cast<std::uint32_t>(words_.size() - 1));
      ++bucket_[static_cast<unsigned char>(e.word[0]) + 1u];
      length_max_ = std::max(length_max_, static_cast<std::uint32_t>(e.word.size()));
      has_blanks_ = has_blanks_ || e.word.contains(' ');
      may_begin_with(e.word);
    }
    owners_.push_back({e.owner, e.bounded});
    words_.back().owners_end = static_cast<std::uint32_t>(owners_.size());
  }
  for (std::size_t b = 1; b < bucket_.size(); ++b) bucket_[b] += bucket_[b - 1];
}

// What a text may have where a word begins: a blank may be any white space there.
void keyword_table::may_begin_with(std::string_view word) {
  constexpr std::string_view leads = "\t\n\v\f\r \xc2\xe1\xe2\xe3";
  const auto row = [this](char of) { return pair_.begin() + static_cast<unsigned char>(of) * 256; };
  for (const char first : word[0] == ' ' ? leads : word.substr(0, 1)) {
    first_[static_cast<unsigned char>(first)] = true;
    // Behind white space beyond ASCII stands its second byte.
    if (word[0] == ' ' || word.size() == 1) std::fill_n(row(first), 256, true);
  }
  if (word[0] == ' ' || word.size() == 1) return;
  for (const char second : word[1] == ' ' ? leads : word.substr(1, 1)) row(word[0])[static_cast<unsigned char>(second)] = true;
}

std::string_view keyword_table::word(std::size_t i) const {
  return std::string_view(bytes_).substr(words_[i].offset, words_[i].length);
}

std::size_t keyword_table::first_behind(std::string_view rest) const {
  const auto first = static_cast<unsigned char>(rest[0]);
  std::size_t low = bucket_[first];
  std::size_t high = bucket_[first + 1u];
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (word(middle) <= rest) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// True where the text goes as far with some word as white space that is more or other than one blank: with it read as a blank, it may go farther.
// Of all words those beside the text's place among them have most in common with it.
bool keyword_table::stops_at_white_space(std::string_view text, std::size_t at, std::string_view rest, std::size_t next) const {
  const auto first = static_cast<unsigned char>(rest[0]);
  const auto common = [&](std::size_t i) {
    const auto w = word(i);
    std::size_t n = 0;
    while (n < w.size() && n < rest.size() && rest[n] == w[n]) ++n;
    return n;
  };
  std::size_t most = 0;
  if (next < bucket_[first + 1u]) most = common(next);
  if (next > bucket_[first]) most = std::max(most, common(next - 1));
  while (most > 0 && most < rest.size() && continues_code_point(rest[most])) --most;  // another word may go on with the first bytes of white space
  if (most >= rest.size() || text::white_space_size(text, at + most) == 0) return false;
  return rest[most] != ' ' || (most > 0 && rest[most - 1] == ' ');
}

void keyword_table::read(std::string_view text, std::size_t at, reading& room) const {
  room.form.clear();
  room.ends.clear();
  room.closed = false;
  for (auto i = at; i < text.size() && room.form.size() <= length_max_ && !room.closed;) {
    const auto first = text::blank_end(text, i, true);
    if (first == std::string_view::npos) {
      room.form += text[i++];
      room.ends.push_back(static_cast<std::uint32_t>(i - at));
      continue;
    }
    room.form += ' ';
    room.ends.push_back(static_cast<std::uint32_t>(first - at));  // a word that ends in a blank takes no more
    const auto end = text::blank_end(text, i, false);
    room.closed = end == std::string_view::npos;
    i = end;
  }
}

bool keyword_table::add_prefixes(std::string_view rest, std::size_t next, const reading* as, std::vector<found>& out) const {
  const auto first = static_cast<unsigned char>(rest[0]);
  const bool grows = next < bucket_[first + 1u] && word(next).starts_with(rest);
  for (std::size_t i = next; i > bucket_[first];) {
    const auto& s = words_[i - 1];
    if (rest.starts_with(word(i - 1))) {
      const auto length = as == nullptr ? s.length : as->ends[s.length - 1];
      out.push_back({length, std::span(owners_).subspan(s.owners_begin, s.owners_end - s.owners_begin)});
    }
    if (s.prefix == 0) break;
    i = s.prefix;
  }
  return grows;
}

bool keyword_table::look_up(std::string_view text, std::size_t at, reading& room, std::vector<found>& out) const {
  room.used = false;
  const auto rest = text.substr(at, length_max_ + 1);
  if (rest.empty()) return false;
  const auto first = static_cast<unsigned char>(rest[0]);
  if (!first_[first] || (rest.size() > 1 && !pair_[first * 256u + static_cast<unsigned char>(rest[1])])) return false;
  const auto next = first_behind(rest);
  if (!has_blanks_ || !stops_at_white_space(text, at, rest, next)) return add_prefixes(rest, next, nullptr, out);
  read(text, at, room);
  room.used = true;
  return add_prefixes(room.form, first_behind(room.form), &room, out) && !room.closed;
}

void keyword_table::growing(std::string_view text, std::size_t at, bool used, reading& room, void* self, bool (*visit)(void*, owner_ref)) const {
  auto rest = text.substr(at);
  if (used) {
    read(text, at, room);
    if (room.closed) return;
    rest = room.form;
  }
  if (rest.empty() || rest.size() > length_max_) return;
  const auto first = static_cast<unsigned char>(rest[0]);
  const auto begin = words_.begin() + bucket_[first];
  const auto end = words_.begin() + bucket_[first + 1u];
  auto it = std::partition_point(begin, end, [&](const slot& s) {
    return std::string_view(bytes_).substr(s.offset, s.length) <= rest;
  });
  for (; it != end; ++it) {
    if (!std::string_view(bytes_).substr(it->offset, it->length).starts_with(rest)) return;
    for (auto o = it->owners_begin; o < it->owners_end; ++o) {
      if (!visit(self, owners_[o])) return;
    }
  }
}

std::size_t keyword_table::memory_bytes() const {
  return bytes_.capacity() + words_.capacity() * sizeof(slot) + owners_.capacity() * sizeof(owner_ref) + 65536 / 8 + 2048;
}

}  // namespace sluice::match
