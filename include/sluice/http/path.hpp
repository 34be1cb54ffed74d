// One spelling of a request's path, to know the others by. Nothing is sent on as it is written here: a path travels as it came, or not at all.
#pragma once

#include <string>
#include <string_view>

namespace sluice::http {

// The path as a server may read it that puts paths right: percent codes decoded once (a colon's stays, as in a model's name), '\' as '/', empty
// segments and "." gone, ".." taken back with what stands before it, a segment's parameters (";…") gone, and so what follows an encoded '?', '#'
// or NUL, and blanks at the end. A slash at the end stays. Sources: RFC 3986 §6.2.2, and what servers do beyond it.
[[nodiscard]] std::string normal_path(std::string_view path);

}  // namespace sluice::http
