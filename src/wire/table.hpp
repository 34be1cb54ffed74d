// A dialect as data: which path of a body holds what. The code walks a parsed body along the table; the coverage page is made from
// the same rows.
//
// A path is keys joined by '.', "[]" for any element, "{*}" for any key, "<t>" for an object whose `type` is t ("<>": that has none).
// A row of class `schema`, `arguments`, `parameters` or `copy` that ends there covers everything below it.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
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
  opaque,     // O: an identifier or a word of the API: passes as long as it looks like one
  scalar,     // V: numbers and flags under a known key; a string there counts as unknown
  arguments,  // A: a JSON object of a tool call: leaves scanned and edited, keys scanned
  parameters, // P: an object of settings or counts: its keys and strings pass as long as they look like words of the API
  sealed,     // E: signed or encrypted, in characters that spell no words; anything else there is scanned
  handle,     // H: an identifier as `opaque`, by which later requests call what is said here
  copy,       // C: says again what stands elsewhere in the answer, in pieces; dropped when that was edited
};

// Whose words a row's text is: a fixed role, or the one that the message says.
enum class role_source : std::uint8_t { of_message, system, user, assistant, tool };

// How an upstream compares keys with the names it knows. What two spellings of one name say could be read differently here and there.
enum class key_form : std::uint8_t {
  exact,
  camel_or_snake,  // protobuf's JSON: systemInstruction and system_instruction
  folded,          // Go's: case does not count
};

// How a text comes in the events of a stream. Where a row does not say, both is reckoned with: it is judged in each event, and from the
// event on in which it says something else also as one with what it said before. So a new row is safe before anybody looks at its stream.
enum class coming : std::uint8_t {
  unsaid,
  grows,  // in pieces, that the dialect's stream puts together: what may be part of a match is held until it is known
  whole,  // each event that has it says all of it: what two events say are two texts
};

struct row {
  std::string_view path;
  text_class what;
  part_kind kind = part_kind::text;
  role_source from = role_source::of_message;
  attachment_type carries = attachment_type::other;  // of class `binary`: what it is where its bytes do not show it
  coming comes = coming::unsaid;
  bool names_model = false;                          // of a request's: a model beside the one asked for, that may answer or reads what is said
  std::string_view stands_for = {};                  // of class `reference`: what it names that nobody could say in its place
  bool apart = false;                                // of a request's: it is in a list at the top of which the API takes each element by itself
  bool fetches = false;                              // of a request's: with it the upstream reads by itself what `stands_for` says
};
[[nodiscard]] constexpr row grows(row r) {
  r.comes = coming::grows;
  return r;
}
[[nodiscard]] constexpr row other_model(std::string_view path) {
  row r{path, text_class::opaque};
  r.names_model = true;
  return r;
}
// A reference to what no text of a client's can stand for: "an MCP server". Errors say what it is.
[[nodiscard]] constexpr row elsewhere(row r, std::string_view stands_for) {
  r.stands_for = stands_for;
  return r;
}
namespace held {
inline constexpr std::string_view mcp_server = "an MCP server, which the upstream asks itself";
inline constexpr std::string_view container = "a container, which only the upstream looks into";
inline constexpr std::string_view search_store = "a store or a search of its own, whose texts the upstream reads itself";
inline constexpr std::string_view file_address = "a file at an address, which the upstream reads itself";
inline constexpr std::string_view tokens = "a conversation in its server's own tokens, which /api/chat takes as messages instead";
inline constexpr std::string_view web_search = "a search of the web, whose pages the upstream reads itself";
inline constexpr std::string_view web_pages = "pages of the web, which the upstream reads itself where an address is named";
inline constexpr std::string_view cached_prompt = "a prompt that another server keeps in its cache, which the upstream reads itself";
inline constexpr std::string_view skill = "a skill, which the upstream reads itself";
}  // namespace held
[[nodiscard]] constexpr row fetches(row r, std::string_view stands_for) {
  r.fetches = true;
  r.stands_for = stands_for;
  return r;
}
[[nodiscard]] constexpr row apart(row r) {
  r.apart = true;
  return r;
}
[[nodiscard]] constexpr row whole(row r) {
  r.comes = coming::whole;
  return r;
}

// The rows as a tree of steps.
class path_table {
 public:
  explicit path_table(std::span<const row> rows, key_form form = key_form::exact);
  path_table(const path_table&) = delete;
  path_table& operator=(const path_table&) = delete;
  static constexpr std::uint16_t unknown = 0xffff;
  static constexpr std::uint16_t root = 0;
  // The state of a member or element under a container's state.
  [[nodiscard]] std::uint16_t member(std::uint16_t state, std::string_view key) const;
  [[nodiscard]] std::uint16_t element(std::uint16_t state) const;
  // The row that a state stands for; null for a mere step on the way.
  [[nodiscard]] const row* at(std::uint16_t state) const { return state == unknown ? nullptr : nodes_[state].row; }
  // Whether objects at the root of a document have this type among others.
  [[nodiscard]] bool knows_type(std::string_view type) const;
  // Whether rows stand below this state.
  [[nodiscard]] bool leads_on(std::uint16_t state) const { return state != unknown && !nodes_[state].steps.empty(); }
  [[nodiscard]] std::span<const row> rows() const { return rows_; }

  // The state of every node of a document, in the order of its tape.
  void walk(const text::json::document& body, std::vector<std::uint16_t>& states) const;
  // An error names a key that stands twice in two spellings, or one whose spelling this table does not know but an upstream (of an answer: a
  // client) would. Only objects with known names are looked at; in maps, keys are as they are.
  [[nodiscard]] result<void> one_spelling(const text::json::document& body, const std::vector<std::uint16_t>& states) const;
  // The member of an object that this table calls `key`, however it is spelled.
  [[nodiscard]] text::json::index child(const text::json::document& body, const std::vector<std::uint16_t>& states, text::json::index object,
                                        std::string_view key) const;

 protected:
  // Where the type at the root says what it is: what is so for every type is known of this one.
  void know_type(std::string_view step);
  [[nodiscard]] bool types_at_root() const { return nodes_[root].by_type; }

 private:
  struct step {
    std::string_view key;  // "[]" and "{*}" are keys here
    std::uint32_t mark;    // of the key
    std::uint16_t to;
  };
  // What is asked of every value of every event comes first.
  struct tree_node {
    const wire::row* row = nullptr;
    std::uint16_t base = unknown;  // of a "<t>": what is so for every type
    std::uint16_t any_key = unknown, each = unknown;  // its steps "{*}" and "[]"
    bool by_type = false;          // has steps "<t>"
    bool covers = false;           // all that lies below it, as covers_below() says
    std::vector<std::uint16_t> slots;  // of the steps, by their marks: one more than the place of each; 0: none
    std::vector<step> steps;
  };
  [[nodiscard]] bool odd_spelling(std::string_view key) const;
  [[nodiscard]] text::json::index ambiguous_key(const text::json::document& body, const std::vector<std::uint16_t>& states) const;
  [[nodiscard]] std::uint16_t find(std::uint16_t state, std::string_view key) const;
  [[nodiscard]] std::uint16_t find_type(std::uint16_t state, std::string_view type) const;  // its step "<type>"
  [[nodiscard]] std::uint16_t typed(std::uint16_t state, const text::json::document& body, text::json::index object) const;
  [[nodiscard]] bool names_keys(std::uint16_t state) const;
  [[nodiscard]] bool covers_below(std::uint16_t state) const { return nodes_[state].covers; }
  // The step with that mark of which it is true.
  template <class Is>
  [[nodiscard]] std::uint16_t find_by(std::uint16_t state, std::uint32_t mark, Is&& is) const;
  static void put_into_slots(tree_node& of);
  std::uint16_t add(std::uint16_t state, std::string_view key);
  const std::vector<row> rows_;
  key_form form_;
  std::vector<tree_node> nodes_;
};

// The table of answers, in one piece or event by event: what is asked for, and what the dialect's upstreams say when they fail (error_rows.hpp), where
// the answer has no such row of its own. Bodies and streams take no other, so that no table goes without.
class answer_table final : public path_table {
 public:
  answer_table(std::span<const row> rows, std::span<const row> errors, key_form form = key_form::exact);
};

// Rows put together from parts that stand in several places: content blocks within content blocks.
class row_list {
 public:
  // Each row below `prefix`; "" as they are. `of_message` says whose a text is where the rows leave that to the message.
  void add(std::string_view prefix, std::span<const row> rows, role_source of_message = role_source::of_message);
  // The row of this path is of another class here.
  void change(std::string_view path, text_class what);
  // Every row whose path begins so comes so, if it does not say itself how it comes.
  void comes(std::string_view prefix, coming how);
  // Every row whose path begins so stands in a list whose elements are taken each by itself.
  void apart(std::string_view prefix);
  [[nodiscard]] std::span<const row> rows() const { return rows_; }

 private:
  std::deque<std::string> paths_;
  std::vector<row> rows_;
};

// Rows of the coverage page for a table of one endpoint.
void add_coverage(std::vector<dialect::coverage_row>& out, std::string_view endpoint, std::string_view direction, std::string_view streaming,
                  std::span<const row> rows);

// True where a string under a row of class `opaque`, `handle`, `parameters` or `sealed` (or a key below it) is what the row says it is, and so passes
// unread. What does not look the part is text that somebody put there, and judged as any other that nobody knows.
[[nodiscard]] bool looks_as(text_class what, std::string_view text);

[[nodiscard]] std::string_view to_string(text_class c);
[[nodiscard]] std::string_view to_string(part_kind k);
[[nodiscard]] std::string_view to_string(role_source r);
[[nodiscard]] role to_role(role_source from, role of_message);

}  // namespace sluice::wire
