// PCRE2 behind one door: the confirm stage and the partial matching that exact hold-back stands on (pcre2partial(3)).
// UTF and UCP are always on. A program is immutable and thread-safe; a match_state belongs to one thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"
#include "sluice/match/rare_bytes.hpp"
#include "sluice/text/edged_text.hpp"

namespace sluice::match {

struct regex_info {
  std::uint32_t width_min = 0;          // code points
  std::uint32_t width_max = 0;          // bytes of UTF-8; `unbounded` when there is no bound
  std::uint32_t lookbehind_max = 0;     // code points
  // What stands before a match may be what a few samples cannot stand for: "(?<=:)", or "(?<!a)" beside "\b". False where that is certain.
  bool picky_start = true;
  bool matches_empty = false;
  rare_bytes needs;                     // every match holds so many, in the bytes of UTF-8
  // Whether a letter with a mark on it may match where the letter alone does not: no; whatever the mark ("[^a-z]", "(?!e)"); or one
  // mark may and another not ("caf\x{e9}"). `ignored` and `alike` only where that is certain from the pattern's syntax.
  enum class marks : std::uint8_t { ignored, alike, distinct };
  regex_info::marks marks = marks::distinct;
};
inline constexpr std::uint32_t unbounded = 0xffffffff;

struct regex_error {
  std::size_t offset = 0;  // byte of the pattern
  std::string reason;
  std::string fix = {};    // what to do about it; empty: it is no regular expression, and PCRE2 says why
};

class match_state {
 public:
  match_state();
  ~match_state();
  match_state(match_state&&) noexcept;
  match_state& operator=(match_state&&) noexcept;
  // How many steps may be taken from each place of a text; less than in traffic where it is asked whether a pattern is dear.
  void limit_steps(std::uint32_t of_each_place);
  struct impl;
  [[nodiscard]] impl& get() const { return *impl_; }

 private:
  std::unique_ptr<impl> impl_;
};

// `\b`, and a look-around that refuses one character by its class, also know the edges that a text has (text/edged_text.hpp).
class regex {
 public:
  [[nodiscard]] static std::expected<regex, regex_error> compile(std::string_view pattern);
  ~regex();
  regex(regex&&) noexcept;
  regex& operator=(regex&&) noexcept;

  enum class status : std::uint8_t { match, partial, none, unavailable };
  struct hit {
    regex::status status = status::none;
    std::size_t begin = 0, end = 0;  // bytes of text; partial: end is text.size()
  };
  // Leftmost match at or after `from`. `more_may_come`: PCRE2_PARTIAL_HARD, the text may go on. `unavailable`: a limit of the
  // engine was passed; never read it as "none". The text must be valid UTF-8.
  [[nodiscard]] hit find(const text::edged_text& in, std::size_t from, bool more_may_come, match_state& state) const;
  [[nodiscard]] hit find(std::string_view text, std::size_t from, bool more_may_come, match_state& state) const { return find(text::edged_text(text), from, more_may_come, state); }
  // Every end of a match at `from`, longest first; of very many the longest 128. They live until the state's next use. Nothing: the engine
  // cannot list this pattern's.
  [[nodiscard]] std::optional<std::span<const std::size_t>> ends_at(const text::edged_text& in, std::size_t from, match_state& state) const;
  // The leftmost match, anchored at `from`, and not longer than `end_max`: how a validator tries a shorter end.
  [[nodiscard]] hit find_within(const text::edged_text& in, std::size_t from, std::size_t end_max, match_state& state) const;
  [[nodiscard]] const regex_info& info() const;
  // The byte pattern for Hyperscan that matches wherever this does (regex_syntax.hpp); empty: always look closer.
  [[nodiscard]] const std::string& superset() const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct impl;
  explicit regex(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::match
