// What an attachment is: a text in a coding, which can be read, or something else, by what it says and what it begins with.
//
// Sources: RFC 2397 (data: URLs), RFC 6838 (media types), the formats' own first bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/text/json.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

struct attachment {
  attachment_type type = attachment_type::other;
  std::optional<std::string> text;  // of a text type: what it says, valid UTF-8
};

// `value`: a data: URL, another URL, or base64. `media_type`: what is said beside it; "" when nothing is. What calls itself one thing and
// begins like another is `other`, and so is what cannot be decoded.
[[nodiscard]] attachment read_attachment(std::string_view value, std::string_view media_type);

// As read_attachment, of the bytes of a file.
[[nodiscard]] attachment read_file(std::string_view bytes, std::string_view media_type);

// What the object around a value says about its type; "" when it says nothing.
[[nodiscard]] std::string_view media_type_beside(const text::json::document& body, text::json::index value);

}  // namespace sluice::wire
