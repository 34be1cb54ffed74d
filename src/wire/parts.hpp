// The texts of a parsed body: the tape walked along a table, JSON in strings opened, and edits spliced back through both layers.
#pragma once

#include <deque>
#include <memory>

#include "attachments.hpp"
#include "table.hpp"

namespace sluice::wire {

// Whether a value holds text that somebody may have put there, or tokens, which spell it.
[[nodiscard]] bool holds_text(const text::json::document& body, text::json::index at);
// Whether it holds such beside the keys in it, which may be all that a client chose.
[[nodiscard]] bool holds_text_beside_keys(const text::json::document& body, text::json::index at);
// Whether a value that is no string stands where a row says that what is there cannot be read. `leads_on`: the row has others below it.
[[nodiscard]] bool hides_text(const text::json::document& body, text::json::index at, const row& r, bool leads_on);

// The strings below `at`, which say `said` again in pieces, where they say something else: one behind the other, with blanks between them and
// without. "" where they say the same, as far as letters and digits go. What looks like a time is no word.
[[nodiscard]] std::string said_otherwise(const text::json::document& body, text::json::index at, std::string_view said);

// One body with its parts. Views into the bytes it was read from and into itself.
class listed_body {
 public:
  listed_body() = default;
  listed_body(const listed_body&) = delete;
  listed_body& operator=(const listed_body&) = delete;

  // `values_max`: of the body, those of the JSON in its strings with them.
  [[nodiscard]] result<void> parse(std::string_view bytes, std::uint32_t depth_max, text::json::index values_max = text::json::none);
  // JSON in a string had more values than were left: what is listed is not all.
  [[nodiscard]] bool too_many_values() const { return too_many_; }
  [[nodiscard]] const text::json::document& body() const { return body_; }
  [[nodiscard]] std::span<const part> parts() const { return parts_; }
  [[nodiscard]] std::span<const unread> unread_parts() const { return unread_; }
  [[nodiscard]] std::string path(const part& p) const;

  // The text of a string node with its row's meaning. `depth_max` bounds JSON in the string.
  void add(text::json::index node, const row& r, part like, std::uint32_t depth_max);
  // The string as it stands, whatever its row; a redaction of it becomes a block unless it is `editable`.
  void add_text(text::json::index node, part like, bool editable);
  void add_fixed(text::json::index node, const row& r, part like, data_url is);
  // A number or a literal where text may be: it cannot be edited in its place, only judged.
  void add_value(text::json::index node, part like);
  // The key of a member, for maps that a client can put words into.
  void add_key(text::json::index node, part like);
  // One that may be changed where all that it stands in is taken out then, by whoever lists it: it has no splice of its own.
  void add_key_to_drop(text::json::index node, part like);
  void add_attachment(text::json::index node, const row& r, part like);
  // Text that the body does not hold in these bytes: another reading of what it does.
  void add_reading(text::json::index node, part like, std::string reading);
  // The same of a copy: an edit of it changes nothing here, because the dialect drops all of the copy.
  void add_copy(text::json::index node, part like, std::string reading);
  // Beyond limits::unread_parts, one with all others of its reason and type.
  void add_unread(std::string reason, text::json::index node, std::optional<attachment_type> attachment = std::nullopt) {
    add_unread({.reason = std::move(reason), .path = {}, .attachment = attachment}, node);
  }
  // With what else there is to say of it.
  void add_unread(unread what, text::json::index node);
  void add_fetch(text::json::index node, std::string_view of) { add_unread({.reason = "upstream fetch", .path = {}, .stands_for = of}, node); }
  void add_reference(text::json::index node, const row& r) { add_unread({.reason = "server state", .path = {}, .stands_for = r.stands_for}, node); }

  // Replacements as splices of the body's bytes.
  [[nodiscard]] std::vector<text::json::splice> splices(std::span<const replacement> edits) const;

 private:
  void add_broken(text::json::index node, part like);
  // What of its node a text is. Only a value is edited where it stands.
  enum class text_of : std::uint8_t {
    value,
    key,
    reading,  // another than the bytes
    decoded,  // of all of the value, which is written again
  };
  struct origin {
    std::int32_t document = -1;  // index into inner_, or -1: the body itself
    text::json::index inner = 0;
    text_of is = text_of::value;
    std::optional<text_coding> coding = {};  // of a decoded text: how it is written again
  };
  [[nodiscard]] text::json::splice written_again(std::span<const replacement> edits) const;
  text::json::document body_;
  std::vector<part> parts_;
  std::vector<origin> origins_;
  std::vector<unread> unread_;
  std::vector<std::unique_ptr<text::json::document>> inner_;
  text::json::index values_left_ = text::json::none;
  bool too_many_ = false;
  types_beside types_;
  std::deque<std::string> readings_;
};

}  // namespace sluice::wire
