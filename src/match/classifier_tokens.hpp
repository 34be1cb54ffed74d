// How a folded text becomes words for a classifier: the same for training and for scoring, so a change here asks for new models.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::match {

inline constexpr std::size_t token_bytes_max = 32;

// Reads the token that begins at or after `at` into `token` (at most token_bytes_max bytes) and moves `at` behind it. False: no more.
// `token` is empty where there was none for some hundred bytes.
// A word is a run of letters and of bytes beyond ASCII; digits of a run become one "0"; apostrophes inside are dropped; a character of
// a script without spaces stands alone; of punctuation only what tells a kind of text stays, each mark alone.
[[nodiscard]] bool next_token(std::string_view text, std::size_t& at, std::string& token);
// The same, and appends it.
[[nodiscard]] bool append_token(std::string_view text, std::size_t& at, std::string& to);

// fastText's hash of a token (Dictionary::hash): FNV-1a over signed bytes.
[[nodiscard]] inline std::uint32_t token_hash(std::string_view token) {
  std::uint32_t h = 2166136261u;
  for (const char c : token) h = (h ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(c))) * 16777619u;
  return h;
}

// A text is read in blocks; a window is some blocks in a row, and the next window begins one block later.
inline constexpr std::size_t block_bytes = 512;
inline constexpr std::size_t window_blocks = 4;

}  // namespace sluice::match
