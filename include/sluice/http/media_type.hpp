// A media type as fields and data: URLs name it (RFC 9110 8.3.1): "text/plain; charset=utf-8".
#pragma once

#include <string_view>

namespace sluice::http {

struct media_type {
  std::string_view type;        // without white space; in the sender's case
  std::string_view parameters;  // from the first ';' on
};
// Views into `text`.
[[nodiscard]] media_type parse_media_type(std::string_view text);
// True where no other charset than UTF-8 (or ASCII, which is part of it) is named: whoever believed another would read other words.
[[nodiscard]] bool is_utf8(const media_type& of);
// True where also ISO 8859-1 may be named, as web servers do for errors that are ASCII: whoever believes it reads ASCII as it is. In what else is
// named (UTF-16, UTF-7, EBCDIC) the same bytes are other words.
[[nodiscard]] bool spells_ascii(const media_type& of);

}  // namespace sluice::http
