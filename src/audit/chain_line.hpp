// What a line of the chain says of itself, read as this program wrote it, without a JSON parser: a log has many.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::audit {

inline constexpr std::string_view first_hash = "0000000000000000000000000000000000000000000000000000000000000000";
// What the hash and its member take at the end of each line.
inline constexpr std::size_t hash_member_bytes = std::string_view(",\"hash\":\"").size() + first_hash.size() + std::string_view("\"}").size();

// The sequence number of a line; 0 when it has none.
[[nodiscard]] std::uint64_t sequence_of(std::string_view line);
// The value of a top-level member: `name` is matched as `"name":`, from the end. Text or number.
[[nodiscard]] std::string_view last_member(std::string_view line, std::string_view name);
[[nodiscard]] std::uint64_t last_number(std::string_view line, std::string_view name);
// The text of the first member of that name, for those that stand before any text of a client.
[[nodiscard]] std::string first_text(std::string_view line, std::string_view name);
// Of a whole line: what it says of itself is what its bytes make.
[[nodiscard]] bool hash_fits(std::string_view line);

}  // namespace sluice::audit
