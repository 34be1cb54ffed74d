// See multipart.hpp.
#include "sluice/http/multipart.hpp"

#include <algorithm>
#include <utility>

#include "sluice/base/hex_digit.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/media_type.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t parts_max = 128, head_bytes_max = 4096;
constexpr std::string_view line_end = "\r\n";

std::unexpected<error> bad(std::size_t part, std::string_view what) { return fail(errc::parse, "part " + std::to_string(part) + " of the form: " + std::string(what)); }

// A token or a quoted string without escapes, taken off the front.
std::optional<std::string_view> take_value(std::string_view& rest) {
  if (rest.starts_with('"')) {
    const auto end = rest.find('"', 1);
    if (end == std::string_view::npos) return std::nullopt;
    const auto value = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (value.find('\\') != std::string_view::npos) return std::nullopt;
    return value;
  }
  const auto end = std::min(rest.find_first_of("; \t\"\\"), rest.size());
  const auto value = rest.substr(0, end);
  rest.remove_prefix(end);
  return value.empty() ? std::nullopt : std::optional(value);
}

// The parameters behind a value: `use` is called with each. False: they are not well formed, or one of them is not wanted.
template <class Use>
bool each_parameter(std::string_view rest, Use&& use) {
  while (!(rest = trim(rest)).empty()) {
    if (!rest.starts_with(';')) return false;
    rest = trim(rest.substr(1));
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return false;
    const auto name = rest.substr(0, equals);
    if (name.empty() || name.find_first_of(" \t;\"") != std::string_view::npos) return false;
    rest.remove_prefix(equals + 1);
    const auto value = take_value(rest);
    if (!value || !use(name, *value)) return false;
  }
  return true;
}

// What `filename*` says (RFC 8187), where it is UTF-8.
std::optional<std::string> extended_value(std::string_view value) {
  constexpr std::string_view charset = "utf-8'";
  if (!istarts_with(value, charset)) return std::nullopt;
  const auto language = value.find('\'', charset.size());
  if (language == std::string_view::npos) return std::nullopt;
  std::string out;
  for (auto rest = value.substr(language + 1); !rest.empty();) {
    if (rest.front() != '%') {
      out += rest.front();
      rest.remove_prefix(1);
      continue;
    }
    const int high = rest.size() > 2 ? hex_value(rest[1]) : -1, low = rest.size() > 2 ? hex_value(rest[2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    rest.remove_prefix(3);
  }
  return out;
}

// A field's or a parameter's name in a message: what is none is not repeated.
std::string shown(std::string_view name) {
  constexpr std::size_t shown_max = 64;
  const bool is_name = !name.empty() && name.size() <= shown_max && std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; });
  return is_name ? "'" + std::string(name) + "'" : "a name that is none";
}

// Why a part's head is refused; "" where it is not.
std::string take_disposition(std::string_view value, form_field& out) {
  const auto type = parse_media_type(value);
  if (!iequals(type.type, "form-data")) return "its Content-Disposition is another than form-data";
  bool named = false;
  std::optional<std::string_view> extended;
  std::string why;
  const bool fine = each_parameter(type.parameters, [&](std::string_view name, std::string_view v) {
    const bool is_name = iequals(name, "name"), is_extended = iequals(name, "filename*");
    if (!is_name && !is_extended && !iequals(name, "filename")) why = "its Content-Disposition has " + shown(name) + ", which that of a form has not";
    if (is_name ? named : is_extended ? extended.has_value() : out.filename.has_value()) why = "its Content-Disposition has " + shown(name) + " twice";
    if (!why.empty()) return false;
    if (is_name) {
      named = true;
      out.name = v;
    } else {
      is_extended ? void(extended = v) : void(out.filename = v);
    }
    return true;
  });
  if (!why.empty()) return why;
  if (!fine || !named || out.name.empty()) return "its Content-Disposition names no field, or may be read in two ways";
  // Some senders write both, and readers take either.
  if (extended && (!out.filename || extended_value(*extended) != out.filename)) return "its Content-Disposition has 'filename*' that says otherwise than 'filename'";
  return {};
}

std::string take_type(std::string_view value, form_field& out) {
  if (istarts_with(value, "multipart/") || istarts_with(value, "message/")) return "its Content-Type is of more than one part";
  auto said = parse_media_type(value).parameters;
  while (trim(said).ends_with(';')) said = trim(said).substr(0, trim(said).size() - 1);
  bool all_known = true, plain = true;
  const bool fine = each_parameter(said, [&](std::string_view name, std::string_view) {
    all_known = all_known && iequals(name, "charset");
    return plain = name.find('*') == std::string_view::npos;
  });
  if (!fine || !plain) return "its Content-Type has parameters that may be read in two ways";
  out.content_type = value;
  if (!all_known) out.parameters = said;
  return {};
}

// One field of a part's head: not one that a form has, or a second one of its kind, is told.
std::string take_field(std::string_view line, bool& disposed, bool& typed, form_field& out) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, std::min(colon, line.size()));
  const auto two_ways = [&] { return "its head's field " + shown(name) + " may be read in two ways"; };
  if (colon == std::string_view::npos || line.starts_with(' ') || line.starts_with('\t')) return two_ways();
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return two_ways();
  const auto value = trim(line.substr(colon + 1));
  if (iequals(name, "content-disposition")) return std::exchange(disposed, true) ? "its head has Content-Disposition twice" : take_disposition(value, out);
  if (iequals(name, "content-type")) return std::exchange(typed, true) ? "its head has Content-Type twice" : take_type(value, out);
  if (iequals(name, "content-transfer-encoding")) {
    const bool as_it_is = iequals(value, "binary") || iequals(value, "8bit") || iequals(value, "7bit");
    return as_it_is ? "" : "its Content-Transfer-Encoding is one that is not read";
  }
  // Some senders say it, and nobody needs it.
  return iequals(name, "content-length") ? "" : "its head has the field " + shown(name) + ", which a form has not";
}

// Whether some reader that takes a lone CR or LF for the end of a line would see a line that begins so.
bool has_line(std::string_view text, std::string_view beginning) {
  for (auto at = text.find(beginning); at != std::string_view::npos; at = text.find(beginning, at + 1)) {
    if (at == 0 || text[at - 1] == '\n' || text[at - 1] == '\r') return true;
  }
  return false;
}

}  // namespace

std::optional<std::string_view> form_boundary(std::string_view content_type) {
  const auto type = parse_media_type(content_type);
  if (!iequals(type.type, "multipart/form-data")) return std::nullopt;
  std::optional<std::string_view> found;
  const bool fine = each_parameter(type.parameters, [&](std::string_view name, std::string_view value) {
    if (!iequals(name, "boundary") || found) return false;
    found = value;
    return true;
  });
  constexpr std::size_t boundary_max = 70;
  constexpr std::string_view signs = "'()+_,-./:=?";
  if (!fine || !found || found->empty() || found->size() > boundary_max) return std::nullopt;
  const bool known = std::ranges::all_of(*found, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || signs.find(c) != std::string_view::npos;
  });
  return known ? found : std::nullopt;
}

result<std::vector<form_field>> parse_form(std::string_view body, std::string_view boundary) {
  const auto dashed = "--" + std::string(boundary);
  const auto delimiter = std::string(line_end) + dashed;
  std::vector<form_field> out;
  if (!body.starts_with(dashed)) return fail(errc::parse, "the form does not begin with its boundary");
  auto rest = body.substr(dashed.size());
  for (;;) {
    const auto part = out.size() + 1;
    if (rest == "--" || rest == "--\r\n") return out;
    if (!rest.starts_with(line_end)) return bad(part, "a boundary is followed by something else than a part or the end");
    rest.remove_prefix(line_end.size());
    if (part > parts_max) return fail(errc::limit, "the form has more than " + std::to_string(parts_max) + " parts");
    form_field field;
    bool disposed = false, typed = false;
    const auto before = rest.size();
    for (auto line = rest.substr(0, rest.find(line_end)); !line.empty(); line = rest.substr(0, rest.find(line_end))) {
      if (line.size() == rest.size()) return bad(part, "it ends within its head");
      if (const auto why = take_field(line, disposed, typed, field); !why.empty()) return bad(part, why);
      rest.remove_prefix(line.size() + line_end.size());
      if (before - rest.size() > head_bytes_max) return fail(errc::limit, "part " + std::to_string(part) + " of the form has a head of more than " + std::to_string(head_bytes_max) + " bytes");
    }
    if (!disposed) return bad(part, "it names no field (Content-Disposition: form-data; name=\"…\")");
    if (iequals(field.name, "_charset_")) return bad(part, "a form in another charset than UTF-8 is not read");
    if (!rest.starts_with(line_end)) return bad(part, "it ends within its head");
    rest.remove_prefix(line_end.size());
    const auto end = rest.find(delimiter);
    if (end == std::string_view::npos) return bad(part, "no boundary ends it");
    field.content = rest.substr(0, end);
    if (has_line(field.content, dashed)) return bad(part, "a line of its content begins like a boundary");
    rest.remove_prefix(end + delimiter.size());
    out.push_back(field);
  }
}

}  // namespace sluice::http
