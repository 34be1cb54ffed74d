// multipart/form-data (RFC 7578, RFC 2046 5.1) in one piece: one strict reading, and what two parsers could read otherwise is refused: no
// preamble or epilogue, no padding behind a boundary, lines end in CR LF, no folded field, no nested multipart, no transfer encoding but
// identity, no escapes in names, no `filename*` that says otherwise than `filename`, no second parameter of a name, no `_charset_`.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::http {

// Views into the body.
struct form_field {
  std::string_view name;
  std::optional<std::string_view> filename;  // of a file
  std::string_view content_type;             // "" where the part names none
  std::string_view parameters = {};          // of that, as they are written; "" where there is none but charset
  std::string_view content;
};

// The boundary that a Content-Type of multipart/form-data names; nothing for another type, or when it names none or two.
[[nodiscard]] std::optional<std::string_view> form_boundary(std::string_view content_type);
// errc::parse: no form, or one that may be read in two ways; errc::limit: more than 128 parts, or a part's head above 4 KiB.
[[nodiscard]] result<std::vector<form_field>> parse_form(std::string_view body, std::string_view boundary);

}  // namespace sluice::http
