// What an attachment is: a text in a coding, which can be read, or something else, by what it says and what it begins with.
//
// Sources: RFC 2397 (data: URLs), RFC 6838 (media types), the formats' own first bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sluice/text/json.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

// How a text that was edited is written again, so that every reader of the value reads it: what stands before the coded bytes, and their
// coding.
struct text_coding {
  std::size_t head_bytes = 0;
  bool base64 = true, url_alphabet = false;
};
struct attachment {
  attachment_type type = attachment_type::other;
  std::optional<std::string> text = {};  // of a text type: what it says, valid UTF-8
  // Nothing: it calls itself no text (text/…), or has a form that an edit may break (JSON, XML): what would be edited there is blocked.
  std::optional<text_coding> coding = {};
  // Words that are judged beside it: its bytes where they are a text by another name than one, and of a data: URL that says more of itself than
  // its type, charset and coding, all that it says there.
  std::string words = {};
};

// `value`: a data: URL, another URL, or base64, which may stand in several lines. `media_type`: what is said beside it; "" when nothing is. What calls itself one thing and
// begins like another is `other`, and so is what cannot be decoded.
[[nodiscard]] attachment read_attachment(std::string_view value, std::string_view media_type);

// Whether a value of which nobody says what it is holds an attachment: it is a data: URL, as lenient readers read one. `begins`: what follows may
// make it one. Prose that begins with the word is none.
enum class data_url : std::uint8_t { none, begins, whole };
[[nodiscard]] data_url as_data_url(std::string_view value);
// The value without the blanks before it, which no reader of URLs takes for a part of one.
[[nodiscard]] std::string_view behind_blanks(std::string_view value);

// The value with `text` in the place of what it said.
[[nodiscard]] std::string with_text(std::string_view value, const text_coding& coding, std::string_view text);

// As read_attachment, of the bytes of a file.
[[nodiscard]] attachment read_file(std::string_view bytes, std::string_view media_type);

// What the objects of one document say about the type of a value in them. Each object is looked through once, however many values ask.
class types_beside {
 public:
  // "" when it says nothing. A view into the document.
  [[nodiscard]] std::string_view of(const text::json::document& body, text::json::index value);
  // Before another document.
  void forget() { known_.clear(); }

 private:
  std::unordered_map<text::json::index, std::string_view> known_;
};

}  // namespace sluice::wire
