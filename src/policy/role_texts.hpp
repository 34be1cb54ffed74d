// What the texts of one role and kind in a request, or in a choice of an answer, say together: a word that a rule asks for beside its match may stand in another of them.
// Put together when it is asked for, which most requests never do.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "sluice/policy/evaluate.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {

// Texts that a model reads one after the other. Names, definitions and arguments are not a text that goes on in the next. Of an answer those
// that clients put together: what a choice says.
[[nodiscard]] constexpr bool joins(part_kind kind, direction which) {
  if (which == direction::response) return kind == part_kind::text;
  return kind == part_kind::text || kind == part_kind::tool_result || kind == part_kind::attachment || kind == part_kind::transcript;
}
// The white space at which two texts that are put together need no space between them.
[[nodiscard]] constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
// Whether a space between two texts makes another text of them.
[[nodiscard]] constexpr bool is_seam(std::string_view before, std::string_view behind) {
  return !before.empty() && !behind.empty() && !is_space(before.back()) && !is_space(behind.front());
}
// How much longer than what they show all views of a request's or an answer's texts may be.
inline constexpr std::size_t views_growth_max = 4u << 20;

// The parts of one role and kind, and of one choice: those that are read as one. There may be as many choices as there are parts, so none is searched for.
class part_groups {
 public:
  // Keeps the parts; they outlive it.
  explicit part_groups(std::span<const text_part> parts) : parts_(parts) {}
  // Those of the same group that have a text, in their order.
  [[nodiscard]] std::span<const std::uint32_t> of(role who, part_kind kind, std::int32_t choice);

 private:
  std::span<const text_part> parts_;
  std::optional<std::vector<std::uint32_t>> sorted_;  // once it was asked for
};

class role_texts {
 public:
  // With nothing between the texts, and with a space.
  static constexpr std::size_t ways = 2;

  // Keeps the parts; they outlive it.
  explicit role_texts(std::span<const text_part> parts) : parts_(parts), groups_(parts) {}

  enum class answer : std::uint8_t { no, yes, unknown };
  // Whether one of the words (in lower case) stands in what `part` is a piece of. `last_turn`: of its last turn alone. `unknown`: not in what of
  // it could be read.
  [[nodiscard]] answer say(std::uint32_t part, text::view_kind view, bool last_turn, const std::vector<std::string>& words);
  // What stands before and behind it, in lower case. `whole` false: some of it could not be read, and is not there.
  struct surrounding {
    std::string_view before, behind;
    bool whole = true;
  };
  [[nodiscard]] surrounding around(std::uint32_t part, text::view_kind view, bool last_turn, std::size_t way);

 private:
  using group = std::tuple<role, part_kind, std::int32_t, text::view_kind, bool>;  // the last: of the last turn alone
  struct joined {
    std::array<std::string, ways> text;
    struct place {
      std::uint32_t part;
      std::array<std::size_t, ways> begin, end;
    };
    std::vector<place> places;  // by part
    bool whole = true;          // false: some text would have grown too much
  };
  const joined& of(std::uint32_t part, text::view_kind view, bool last_turn);
  // Nothing: it would grow too much.
  [[nodiscard]] std::optional<std::string> shown(std::string_view text, text::view_kind view);

  std::span<const text_part> parts_;
  part_groups groups_;
  std::map<group, joined> known_;
  std::size_t growth_left_ = views_growth_max;
  std::map<std::pair<const joined*, const std::vector<std::string>*>, answer> said_;  // asked once, however many parts ask
};

// Where a text stands in what goes on before and behind it.
struct text_position {
  role_texts* in;
  std::uint32_t part;
  text::view_kind view;
  bool begins, ends;  // it holds the begin, and the end, of its part
  bool whole_words = false;  // a match at its edge is none where a word goes on behind it
};

}  // namespace sluice::policy
