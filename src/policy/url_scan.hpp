// Whether a place in a growing text is inside of what some reader takes for a URL. A value put back there would leave with the
// request for it, and a page may make that request by itself (an image), so it is rather seen once too often than missed.
//
// A URL is: the rest of a word after "//", "www.", "mailto:", or after a dot and then a slash or question mark (example.org/a);
// the parentheses behind the brackets of a Markdown link or image, whatever stands in them; the target of a Markdown link
// reference ("[1]: …"); the value of an HTML attribute. Words end at ASCII white
// space alone, because a reader that finds bare links may take quotes and brackets for a part of them.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::policy {

class url_scan {
 public:
  void pass(std::string_view text) {
    for (const char c : text) step(c);
  }
  // Something of which only its being there counts.
  void pass_word() { step('x'); }
  [[nodiscard]] bool inside() const {
    const bool link = markdown_ != markdown::none && markdown_ != markdown::bracket;
    const bool attribute = html_ == html::equals || html_ == html::bare || html_ == html::quoted;
    return word_ == word::url || link || attribute;
  }

 private:
  enum class word : std::uint8_t { plain, dot, url };
  enum class markdown : std::uint8_t {
    none,
    bracket,    // "]" was the last byte
    link,       // in "](…)"
    angle,      // in the "<…>" of a link's target
    reference,  // behind "]:", before the target
    target,     // in a reference's target
    angle_target,
  };
  enum class html : std::uint8_t { none, open, name, tag, equals, bare, quoted };

  void step(char c);
  void step_word(char c);
  void step_markdown(char c);
  void step_html(char c);

  word word_ = word::plain;
  markdown markdown_ = markdown::none;
  html html_ = html::none;
  bool escaped_ = false, fresh_ = false;  // fresh: nothing but white space behind "("
  char quote_ = 0;
  std::uint8_t line_ends_ = 0;
  std::uint16_t depth_ = 0;
  std::uint64_t last_ = 0;  // the last eight bytes of the word
};

}  // namespace sluice::policy
