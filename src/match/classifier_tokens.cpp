// See classifier_tokens.hpp.
#include "classifier_tokens.hpp"

#include <algorithm>
#include <array>

#include "sluice/match/classifier.hpp"

namespace sluice::match {
namespace {

enum class kind : std::uint8_t { space, letter, digit, mark, apostrophe };

constexpr std::array<kind, 256> make_kinds() {
  std::array<kind, 256> kinds{};
  for (int c = 'a'; c <= 'z'; ++c) kinds[c] = kind::letter;
  for (int c = 'A'; c <= 'Z'; ++c) kinds[c] = kind::letter;
  for (int c = '0'; c <= '9'; ++c) kinds[c] = kind::digit;
  for (int c = 0x80; c <= 0xff; ++c) kinds[c] = kind::letter;
  for (const char c : std::string_view("?!:[]{}<>=#*$")) kinds[static_cast<unsigned char>(c)] = kind::mark;
  kinds['\''] = kind::apostrophe;
  return kinds;
}
constexpr auto kinds = make_kinds();
constexpr std::size_t reach_max = 256;  // how far one call reads: a block has a bound whatever it is made of

struct step {
  kind what;
  std::size_t bytes;
  bool alone;  // a token of its own
};

step classify(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0xe2 || at + 2 >= text.size()) return {kinds[first], 1, false};
  const auto second = static_cast<unsigned char>(text[at + 1]), third = static_cast<unsigned char>(text[at + 2]);
  // General punctuation, and the one of East Asia.
  if (first == 0xe2 && (second == 0x80 || second == 0x81)) {
    return {second == 0x80 && (third == 0x98 || third == 0x99) ? kind::apostrophe : kind::space, 3, false};
  }
  if (first == 0xe3 && second == 0x80) return {kind::space, 3, false};
  if (first >= 0xe3 && first <= 0xe9) return {kind::letter, 3, true};
  return {kind::letter, 1, false};
}

}  // namespace

bool next_token(std::string_view text, std::size_t& at, std::string& token) {
  token.clear();
  return append_token(text, at, token);
}

bool append_token(std::string_view text, std::size_t& at, std::string& to) {
  const auto begin = to.size();
  const auto size = [&] { return to.size() - begin; };
  bool in_digits = false;
  for (const std::size_t end = std::min(text.size(), at + reach_max); at < end;) {
    const auto [what, bytes, alone] = classify(text, at);
    if (what == kind::apostrophe) {
      at += bytes;
      continue;
    }
    if (what == kind::space || what == kind::mark || alone) {
      if (size() > 0) return true;
      if (what != kind::space) to.append(text.substr(at, bytes));
      at += bytes;
      if (size() > 0) return true;
      continue;
    }
    if (size() == token_bytes_max) return true;
    if (what == kind::digit) {
      if (!in_digits) to.push_back('0');
    } else {
      to.push_back(text[at]);
    }
    in_digits = what == kind::digit;
    ++at;
  }
  return size() > 0 || at < text.size();
}

void classifier_words::read(std::string_view folded, std::size_t bytes_max) {
  folded = folded.substr(0, 0xfffffffe);
  size_ = folded.size();
  bytes_.clear();
  words_.clear();
  // To the end of the block in which the last of those bytes stands.
  const auto enough = std::min(folded.size(), std::min(bytes_max, folded.size()) + 2 * block_bytes);
  for (std::size_t at = 0; at < enough;) {
    const auto begin = static_cast<std::uint32_t>(bytes_.size());
    (void)append_token(folded, at, bytes_);
    words_.push_back({token_hash(std::string_view(bytes_).substr(begin)), begin, static_cast<std::uint32_t>(bytes_.size()) - begin, static_cast<std::uint32_t>(at)});
  }
}

}  // namespace sluice::match
