// A view's text with the edges of words that its characters alone do not show. Next to the boundary that is anywhere between a word character
// and another, a word has an edge
//   * where the view has lost one: something stood there that no view shows (U+200B), or a sign that NFKC wrote as letters or digits ("™", "①");
//   * between a script that is written without spaces (Han, Kana, Hangul, Thai, …) and any other;
//   * where up to three '_' set a word off, as in Markdown: beyond them no word goes on.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/text/view.hpp"

namespace sluice::text {

// Code points on one side of a place that decide whether a word has an edge there.
inline constexpr std::uint32_t edge_reach = 4;

class edged_text {
 public:
  // Of a text that is no view, or one that lost nothing.
  explicit edged_text(std::string_view text) : text_(text) {}
  // It lives as long as the view.
  explicit edged_text(const view& of) : edged_text(of.text(), of.units(), of.signs()) {}
  // `units`: for each byte of the text, or of its begin; `signs`: see view::signs.
  edged_text(std::string_view text, std::span<const text_unit> units, std::span<const std::uint32_t> signs) : text_(text), units_(units), signs_(signs) {}
  // As far as it has units, with another text behind them of which nothing is known: `may_lose`, it may have lost an edge anywhere.
  edged_text(std::string_view text, std::span<const text_unit> units, std::span<const std::uint32_t> signs, bool may_lose)
      : text_(text), units_(units), signs_(signs), may_lose_(may_lose) {}

  [[nodiscard]] std::string_view text() const { return text_; }

  // Whether a word has an edge between two word characters; elsewhere: no. `open`: the text may go on (`more`), and what comes decides.
  enum class answer : std::uint8_t { no, yes, open };
  [[nodiscard]] answer edge(std::size_t at, bool more) const;
  // Whether a word may begin or end at a place: where none goes on over it, or it has an edge. A text's own ends are ones.
  [[nodiscard]] answer boundary(std::size_t at, bool more) const;
  // Whether text[begin, end) is a word by itself, and no part of a longer one; no more text comes.
  [[nodiscard]] bool stands_alone(std::size_t begin, std::size_t end) const { return boundary(begin, false) == answer::yes && boundary(end, false) == answer::yes; }
  // The first of the three above alone.
  [[nodiscard]] bool lost_edge(std::size_t at) const;
  [[nodiscard]] bool loses_edges() const;  // anywhere

 private:
  [[nodiscard]] bool is_sign(std::size_t at) const;
  // Whether anything but the two characters has to be looked at.
  [[nodiscard]] bool may_lose_here(std::size_t at) const;
  std::string_view text_;
  std::span<const text_unit> units_;
  std::span<const std::uint32_t> signs_;
  bool may_lose_ = false;
};

}  // namespace sluice::text
