// A dialect as data: which path of a body holds what. The code walks a parsed body along the table; the coverage page is made from
// the same rows.
//
// A path is keys joined by '.', "[]" for any element, "{*}" for any key. A row of class `schema` or
// `opaque` that ends there covers everything below it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/text/json.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

enum class text_class : std::uint8_t {
  text,       // T: scanned and edited
  json,       // J: JSON in a string: leaves scanned and edited, keys scanned
  schema,     // S: every string below is scanned, none edited
  name,       // N: scanned; a redaction becomes a block
  reference,  // R: content that the upstream holds and the gateway cannot see
  binary,     // B: an attachment
  opaque,     // O: identifiers and parameters: known, not text
  scalar,     // V: numbers and flags under a known key; a string there counts as unknown
};

// Whose words a row's text is: a fixed role, or the one that the message says.
enum class role_source : std::uint8_t { of_message, system, user, assistant };

struct row {
  std::string_view path;
  text_class what;
  part_kind kind = part_kind::text;
  role_source from = role_source::of_message;
};

// The rows as a tree of steps.
class path_table {
 public:
  explicit path_table(std::span<const row> rows);
  static constexpr std::uint16_t unknown = 0xffff;
  static constexpr std::uint16_t root = 0;
  // The state of a member or element under a container's state.
  [[nodiscard]] std::uint16_t member(std::uint16_t state, std::string_view key) const;
  [[nodiscard]] std::uint16_t element(std::uint16_t state) const;
  // The row that a state stands for; null for a mere step on the way.
  [[nodiscard]] const row* at(std::uint16_t state) const { return state == unknown ? nullptr : nodes_[state].row; }
  [[nodiscard]] std::span<const row> rows() const { return rows_; }

  // The state of every node of a document, in the order of its tape.
  void walk(const text::json::document& body, std::vector<std::uint16_t>& states) const;

 private:
  struct step {
    std::string_view key;  // "[]" and "{*}" are keys here
    std::uint16_t to;
  };
  struct tree_node {
    std::vector<step> steps;
    const wire::row* row = nullptr;
  };
  [[nodiscard]] std::uint16_t find(std::uint16_t state, std::string_view key) const;
  [[nodiscard]] bool covers_below(std::uint16_t state) const;
  std::uint16_t add(std::uint16_t state, std::string_view key);
  std::span<const row> rows_;
  std::vector<tree_node> nodes_;
};

[[nodiscard]] std::string_view to_string(text_class c);
[[nodiscard]] std::string_view to_string(part_kind k);
[[nodiscard]] std::string_view to_string(role_source r);
[[nodiscard]] role to_role(role_source from, role of_message);

}  // namespace sluice::wire
