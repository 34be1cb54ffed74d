// What requests and answers have in common: lines, fields, and the facts about framing that the fields state.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/http/head.hpp"

namespace sluice::http::detail {

[[nodiscard]] bool is_token(std::string_view text);
// Horizontal tab, space, visible ASCII and obs-text: what RFC 9110 5.5 lets stand in a field value or a reason phrase.
[[nodiscard]] bool is_field_text(std::string_view text);
[[nodiscard]] std::string_view trim_ows(std::string_view text);
[[nodiscard]] bool same_ascii(std::string_view text, std::string_view lower_case);

enum class line_status : std::uint8_t { line, incomplete, bare };
// The line at `from`, without its CR LF; `next` is where the following one begins. `bare`: an LF without its CR.
[[nodiscard]] line_status take_line(std::string_view bytes, std::size_t from, std::string_view& line, std::size_t& next);

// What the fields say about where the message ends and whether the connection lives on.
struct facts {
  std::uint32_t hosts = 0, lengths = 0, codings = 0, expects = 0;
  std::string_view host, length, coding, expect;
  bool close = false, keep_alive = false;
};

// Reads fields from `at` to the blank line. On `complete` `at` is behind it.
[[nodiscard]] parse_status scan_fields(std::string_view bytes, std::size_t& at, const limits& bounds, std::vector<field>& fields,
                                       facts& seen, refusal& why);
// Takes the body's framing from the facts. False: refused, with its reason. `fallback` stands when no field says anything.
[[nodiscard]] bool decide_framing(const facts& seen, std::uint8_t minor_version, framing fallback, framing& how,
                                  std::uint64_t& length, refusal& why);

}  // namespace sluice::http::detail
