// Small text functions that several modules need; ASCII only, no locale.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

[[nodiscard]] std::string hex(std::span<const unsigned char> bytes);
[[nodiscard]] std::string hex(std::string_view bytes);
// The bytes that pairs of digits spell, as hex() writes them: small letters only, so that a text has one spelling. Nothing when a digit is
// none or one is left over.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view digits);
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);
[[nodiscard]] bool istarts_with(std::string_view text, std::string_view prefix);
[[nodiscard]] bool icontains(std::string_view text, std::string_view part);
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string join(const std::vector<std::string>& list, std::string_view separator = ", ");
// For messages: `text`, or at most `bytes_max` bytes of it, cut between code points, and "…".
[[nodiscard]] std::string clipped(std::string_view text, std::size_t bytes_max);
// The candidate with the smallest edit distance to `word`, empty when none is near enough to be a typing error.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// Appends `text` as the inside of a JSON string (no quotes): the one escaper of the project.
void append_json_escaped(std::string& out, std::string_view text);
[[nodiscard]] std::string json_escaped(std::string_view text);
[[nodiscard]] std::string json_quoted(std::string_view text);

}  // namespace sluice
