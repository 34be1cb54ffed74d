// See attachments.hpp.
#include "attachments.hpp"

#include <algorithm>
#include <array>

#include "sluice/base/base64.hpp"
#include "sluice/base/percent.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/text/view.hpp"

namespace sluice::wire {
namespace {

using std::string_view;
using enum attachment_type;

bool is_text(string_view type) {
  if (istarts_with(type, "text/")) return true;
  constexpr auto others = std::to_array<string_view>({"application/json", "application/xml", "application/javascript", "application/ecmascript", "application/x-ndjson",
                                                      "application/jsonl", "application/yaml", "application/x-yaml", "application/toml", "application/sql", "application/graphql",
                                                      "application/x-sh", "application/x-python", "application/x-javascript", "application/typescript", "application/csv"});
  if (std::ranges::any_of(others, [type](string_view each) { return iequals(each, type); })) return true;
  const auto plus = type.rfind('+');
  if (plus == string_view::npos) return false;
  const auto suffix = type.substr(plus + 1);
  return iequals(suffix, "json") || iequals(suffix, "xml") || iequals(suffix, "yaml");
}

std::optional<std::string> unescaped(string_view text) {
  std::string out;
  out.reserve(text.size());
  return percent_decode(text, out) ? std::optional(std::move(out)) : std::nullopt;
}

// What a file begins with. A container may hold sound or pictures: whoever names it says which.
struct beginning {
  std::size_t at;
  string_view bytes;
  bool image, audio, video, pdf;
};
constexpr auto beginnings = std::to_array<beginning>({
    {0, "\x89PNG\r\n\x1a\n", true, false, false, false},
    {0, "\xff\xd8\xff", true, false, false, false},
    {0, "GIF87a", true, false, false, false},
    {0, "GIF89a", true, false, false, false},
    {8, "WEBP", true, false, false, false},
    {0, string_view("II*\0", 4), true, false, false, false},
    {0, string_view("MM\0*", 4), true, false, false, false},
    {4, "ftypavif", true, false, false, false},
    {4, "ftyphei", true, false, false, false},
    {4, "ftypmif1", true, false, false, false},
    {8, "WAVE", false, true, false, false},
    {0, "ID3", false, true, false, false},
    {0, "\xff\xfb", false, true, false, false},
    {0, "\xff\xf3", false, true, false, false},
    {0, "\xff\xf2", false, true, false, false},
    {0, "\xff\xf1", false, true, false, false},
    {0, "\xff\xf9", false, true, false, false},
    {0, "fLaC", false, true, false, false},
    {8, "AIFF", false, true, false, false},
    {0, "OggS", false, true, true, false},
    {0, "\x1a\x45\xdf\xa3", false, true, true, false},
    {4, "ftyp", false, true, true, false},
    {0, string_view("\0\0\1\xba", 4), false, false, true, false},
    {8, "AVI ", false, false, true, false},
    {0, "%PDF-", false, false, false, true},
});
constexpr std::size_t beginning_bytes = 16;

attachment_type type_of(string_view declared, string_view first) {
  for (const auto& b : beginnings) {
    if (first.substr(std::min(b.at, first.size())).substr(0, b.bytes.size()) != b.bytes) continue;
    if (declared.empty() && b.audio && b.video) return other;  // one of the two
    if (b.image && (declared.empty() || istarts_with(declared, "image/"))) return image;
    if (b.audio && (declared.empty() || istarts_with(declared, "audio/"))) return audio;
    if (b.video && (declared.empty() || istarts_with(declared, "video/"))) return video;
    if (b.pdf && (declared.empty() || iequals(declared, "application/pdf") || iequals(declared, "application/x-pdf"))) return pdf;
  }
  return other;
}

// Base64 as MIME breaks it into lines (RFC 2045 6.8), and as many a tool writes it: readers take it as one line or refuse it.
constexpr string_view line_breaks = "\r\n";
std::string in_one_line(string_view base64) {
  std::string out;
  out.reserve(base64.size());
  for (auto at = base64.find_first_not_of(line_breaks); at != string_view::npos;) {
    const auto end = std::min(base64.find_first_of(line_breaks, at), base64.size());
    out += base64.substr(at, end - at);
    at = base64.find_first_not_of(line_breaks, end);
  }
  return out;
}

// The first bytes of a payload; all of it where it may be text.
std::optional<std::string> decoded(string_view payload, bool base64, bool whole) {
  constexpr std::size_t first_lines = 256;  // more than what the first bytes are written in, however broken
  if (!whole) payload = payload.substr(0, first_lines);
  std::string joined;
  if (base64 && payload.find_first_of(line_breaks) != string_view::npos) payload = joined = in_one_line(payload);
  if (!whole) payload = payload.substr(0, base64 ? beginning_bytes / 3 * 4 + 4 : 3 * beginning_bytes);
  if (!whole && base64) payload = payload.substr(0, payload.size() / 4 * 4);
  if (!whole && !base64) payload = payload.substr(0, payload.find('%', payload.size() < 2 ? 0 : payload.size() - 2));
  return base64 ? decode_base64(payload) : unescaped(payload);
}

bool reads_as_text(string_view bytes) { return text::is_valid_utf8(bytes) && bytes.find('\0') == string_view::npos; }

// Whether bytes of which these are the first may be a text: the last character may be cut.
bool may_be_text(string_view first) {
  for (std::size_t cut = 0; cut < 4 && cut <= first.size(); ++cut) {
    if (reads_as_text(first.substr(0, first.size() - cut))) return true;
  }
  return false;
}

// What it is called and begins like; `other` where those do not agree, and of a text.
attachment_type named_type(const http::media_type& said, std::optional<string_view> first) {
  return first && !is_text(said.type) ? type_of(said.type, *first) : other;
}

// `first`: its first bytes; `whole`: gives all of them.
template <class Whole>
attachment read_bytes(http::media_type said, std::optional<string_view> first, Whole&& whole) {
  if (iequals(said.type, "application/octet-stream")) said.type = {};  // which says nothing
  attachment out{.type = named_type(said, first)};
  if (first && !may_be_text(*first)) return out;
  std::optional<std::string> bytes = whole();
  if (!bytes || !reads_as_text(*bytes)) return out;
  const bool called_text = (said.type.empty() || is_text(said.type)) && http::is_utf8(said);
  const bool begins_pdf = first && type_of("", *first) == pdf;
  // Whatever it is called and begins like (a text can begin like many a format), its reader may read words: they are judged beside it.
  called_text && out.type == other && !begins_pdf ? void(out.text = std::move(bytes)) : void(out.words = std::move(*bytes));
  return out;
}

constexpr string_view scheme = "data:";

bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' '; }

}  // namespace

string_view behind_blanks(string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

namespace {

string_view without_blanks(string_view text) {
  text = behind_blanks(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the coding off what stands before the comma. True: it was there.
bool take_base64(string_view& head) {
  const auto last = head.rfind(';');
  if (last == string_view::npos || !iequals(without_blanks(head.substr(last + 1)), "base64")) return false;
  head = head.substr(0, last);
  return true;
}

bool says_more(string_view parameters) {
  while (!parameters.empty()) {
    parameters.remove_prefix(1);  // ';'
    const auto one = without_blanks(parameters.substr(0, parameters.find(';')));
    parameters.remove_prefix(std::min(parameters.find(';'), parameters.size()));
    if (!one.empty() && !istarts_with(one, "charset=")) return true;
  }
  return false;
}

// Words, as people write them.
bool is_plain_text(string_view type) { return istarts_with(type, "text/") && !iequals(type, "text/json") && !iequals(type, "text/xml") && type.find('+') == string_view::npos; }

attachment read_payload(const http::media_type& said, string_view payload, bool base64, std::size_t head_bytes) {
  const auto first = decoded(payload, base64, false);
  auto out = read_bytes(said, first ? std::optional<string_view>(*first) : std::nullopt, [&] { return decoded(payload, base64, true); });
  if (out.text && is_plain_text(said.type)) out.coding = {.head_bytes = head_bytes, .base64 = base64, .url_alphabet = base64 && payload.find_first_of("-_") != string_view::npos};
  return out;
}

std::string escaped(string_view text) {
  constexpr string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || string_view("-._~").find(c) != string_view::npos;
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
  }
  return out;
}

}  // namespace

data_url as_data_url(string_view value) {
  constexpr std::size_t head_bytes_max = 1024;
  value = behind_blanks(value);
  std::size_t at = 0, matched = 0;
  for (; at < value.size() && matched < scheme.size(); ++at) {
    if (value[at] == '\t' || value[at] == '\r' || value[at] == '\n') continue;  // which readers of URLs take out
    if (!iequals(value.substr(at, 1), scheme.substr(matched, 1))) return data_url::none;
    ++matched;
  }
  if (matched < scheme.size()) return value.size() > head_bytes_max ? data_url::whole : data_url::begins;
  const auto rest = value.substr(at);
  const auto comma = rest.find(',');
  auto head = rest.substr(0, comma);
  const bool base64 = comma != string_view::npos && take_base64(head);
  const auto type = without_blanks(head.substr(0, head.find(';')));
  if (std::ranges::any_of(type, is_blank)) return data_url::none;  // prose
  if (comma == string_view::npos) return rest.size() > head_bytes_max ? data_url::whole : data_url::begins;
  const bool word = !type.empty() && is_blank(head.front()) && type.find('/') == string_view::npos;
  return word && !base64 ? data_url::none : data_url::whole;
}

attachment read_attachment(string_view value, string_view media_type) {
  if (!istarts_with(value, scheme)) {
    const auto other_scheme = value.find("://");
    if (other_scheme != string_view::npos && other_scheme < 16) return {url};
    return read_payload(http::parse_media_type(media_type), value, true, 0);
  }
  const auto comma = value.find(',');
  if (comma == string_view::npos) return {};
  auto head = value.substr(scheme.size(), comma - scheme.size());
  const bool base64 = take_base64(head);
  auto said = http::parse_media_type(without_blanks(head));
  if (said.type.empty()) said.type = "text/plain";
  // Two that speak of the same bytes have to agree.
  const auto beside = http::parse_media_type(media_type);
  auto out = read_payload(said, value.substr(comma + 1), base64, comma + 1);
  if (!beside.type.empty() && !iequals(beside.type, said.type)) out = {.words = out.text ? std::move(*out.text) : std::move(out.words)};
  if (says_more(said.parameters)) {
    if (!out.words.empty()) out.words += '\n';
    out.words += unescaped(head).value_or(std::string(head));
  }
  return out;
}

std::string with_text(string_view value, const text_coding& coding, string_view text) {
  return std::string(value.substr(0, coding.head_bytes)) + (coding.base64 ? encode_base64(text, coding.url_alphabet) : escaped(text));
}

attachment read_file(string_view bytes, string_view media_type) {
  return read_bytes(http::parse_media_type(media_type), bytes.substr(0, beginning_bytes), [&] { return std::optional(std::string(bytes)); });
}

string_view types_beside::of(const text::json::document& body, text::json::index value) {
  using text::json::none;
  if (value == 0) return {};
  const auto around = body[value].parent;
  if (body[around].kind != text::json::kind::object) return {};
  const auto [known, fresh] = known_.try_emplace(around);
  if (!fresh) return known->second;
  for (auto m = body.first_child(around); m != none; m = body.sibling(m)) {
    const auto key = body[m].key;
    if (key == "media_type" || key == "mime_type" || key == "mimeType") return known->second = body[m].text;
  }
  return {};
}

}  // namespace sluice::wire
