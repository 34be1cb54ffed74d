// Strict JSON (RFC 8259) to a flat tape with byte positions, and splicing. Nothing is ever
// re-serialised: an edit replaces the bytes of one literal and leaves every other byte as it came.
//
// Strict means: valid UTF-8, no byte order mark, no duplicate keys (compared after unescaping), no lone surrogates,
// bounded depth, nothing but white space after the value. Numbers of any size pass as raw tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::text::json {

enum class kind : std::uint8_t { object, array, string, number, boolean, null };

struct node {
  json::kind kind;
  std::uint32_t place;               // which of its parent's values it is, from 0
  std::uint32_t raw_begin, raw_end;  // the value's bytes in the document, quotes and braces included
  std::uint32_t key_begin, key_end;  // the key's literal with its quotes; equal when the value is not an object's member
  std::uint32_t parent;              // index of the containing object or array; the root's is itself
  std::uint32_t next;                // index just past this value's subtree: a child's sibling, or the parent's end
  std::string_view key;              // unescaped; empty for array elements
  std::string_view text;             // strings: unescaped value; others: the raw token
};

// Index into a document's tape; `none` when a look-up found nothing.
using index = std::uint32_t;
inline constexpr index none = 0xffffffff;

class document {
 public:
  document();
  ~document();
  document(document&&) noexcept;
  document& operator=(document&&) noexcept;

  // Parses and keeps views into `bytes`, which must outlive the document. Errors name the reason and the byte offset.
  // Memory is reused from call to call: keep one document per worker or per stream. More values than `values_max`: errc::limit.
  [[nodiscard]] result<void> parse(std::string_view bytes, std::uint32_t depth_max, std::uint32_t values_max = 0xffffffff);

  // As parse(), for texts that follow each other and mostly say other words in the same form: such a one costs a fraction. Remembers each that is
  // not long.
  [[nodiscard]] result<void> parse_next(std::string_view bytes, std::uint32_t depth_max);
  // Whether the last parse_next() found what the parse before it had found, with other words in it: the values in changed(), strings and numbers.
  // Their keys, and what holds what, are the same.
  [[nodiscard]] bool repeats() const;
  [[nodiscard]] std::span<const index> changed() const;

  [[nodiscard]] std::span<const node> nodes() const;
  [[nodiscard]] const node& operator[](index i) const { return nodes()[i]; }
  [[nodiscard]] index root() const { return 0; }
  // First child of an object or array, or none; siblings follow by `sibling`.
  [[nodiscard]] index first_child(index i) const;
  [[nodiscard]] index sibling(index i) const;
  [[nodiscard]] index member(index object, std::string_view key) const;
  [[nodiscard]] std::string_view raw(index i) const;
  [[nodiscard]] std::string_view bytes() const;
  // "messages[3].content", for errors and records.
  [[nodiscard]] std::string path(index i) const;

  struct impl;  // defined where it is parsed

 private:
  std::unique_ptr<impl> impl_;
};

// One replacement of document bytes [begin, end).
struct splice {
  std::uint32_t begin, end;
  std::string replacement;
};

// Applies splices (any order, disjoint) and returns the new bytes.
[[nodiscard]] std::string apply(std::string_view bytes, std::vector<splice> splices);

// Where the unescaped bytes [begin, end) of a string literal lie in its raw form. `literal` includes its quotes; the result
// is relative to its first byte. An end inside a multi-byte code point or escape grows to its edge.
struct raw_span { std::uint32_t begin, end; };
[[nodiscard]] raw_span locate(std::string_view literal, std::uint32_t begin, std::uint32_t end);
// The same of many spans of one literal, which is walked once where they come in order. A view of the literal.
class locator {
 public:
  explicit locator(std::string_view literal) : literal_(literal) {}
  [[nodiscard]] raw_span locate(std::uint32_t begin, std::uint32_t end);
  [[nodiscard]] std::string_view literal() const { return literal_; }

 private:
  std::string_view literal_;
  std::uint32_t raw_ = 0, plain_ = 0;  // the code point at which the last span began, in both forms
};

// Unescapes the inside of a valid literal (without quotes) into out.
void append_unescaped(std::string& out, std::string_view inside);

// How a lenient reader may understand text that is no JSON: escapes decoded wherever they stand (\xHH among them), half surrogates
// as U+FFFD, everything else as it is.
[[nodiscard]] std::string loosely_unescaped(std::string_view text);
// A number's digits as they are spoken, where its token has an exponent ("4.1e3": "4100", "0.41e4" as well); "" when it has none, or one that adds
// more zeros than anybody says.
[[nodiscard]] std::string without_exponent(std::string_view token);

}  // namespace sluice::text::json
