// A text that is JSON as a whole (an answer with a schema, a tool's result, a file) and is judged as a text: what its reader decodes it to,
// and how an edit is written so that it stays JSON. Both a piece at a time, and any cut gives the same.
//
// Sources: RFC 8259. Readers are more lenient than that, so escapes are read wherever they stand, also in what breaks off.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

// Where a text begins behind white space and byte order marks; npos: nowhere.
[[nodiscard]] std::size_t begin_of_json(std::string_view text);
// Whether a JSON object or array may begin there.
[[nodiscard]] bool begins_as_json(std::string_view text);
// The same of a string as well. It is read as one, but edited as any text: people begin with a quotation mark, too. What is none of these costs
// nothing more.
[[nodiscard]] bool may_be_json(std::string_view text);

// How often a text is decoded: JSON in a string of JSON is read, and what is in a string of that.
inline constexpr std::size_t json_levels = 3;
// What is escaped once more after all of these, of a text in pieces: bytes between quotation marks with an escape among them. Any cut gives the same sum.
class left_escapes {
 public:
  // What the next piece adds.
  [[nodiscard]] std::uint64_t feed(std::string_view piece);

 private:
  bool some_ = false;         // since the last quotation mark
  std::uint64_t before_ = 0;  // bytes since then, while there is none
};

// Where the bytes of a decoded text come from. Offsets count from the first byte ever fed, on both sides.
class escape_map {
 public:
  struct escape {
    std::uint32_t begin, end;            // in the text as written
    std::uint32_t read_begin, read_end;  // in what it says
  };
  void add(const escape& e) { all_.push_back(e); }
  [[nodiscard]] bool empty() const { return all_.empty(); }
  // Of a half-open span of the decoded text: where it begins and ends in the text as written. An escape is one unit.
  [[nodiscard]] std::uint32_t begin_of(std::uint32_t read) const;
  [[nodiscard]] std::uint32_t end_of(std::uint32_t read) const;
  // The begin, or the end, of the escape that a place of the written text is within; else that place.
  [[nodiscard]] std::uint32_t before(std::uint32_t written) const;
  [[nodiscard]] std::uint32_t behind(std::uint32_t written) const;
  // Nobody asks for what is before both places any more.
  void forget(std::uint32_t written, std::uint32_t read);

 private:
  std::vector<escape> all_;
};

// Escapes to what they say; as json::loosely_unescaped, with the way back.
class unescaper {
 public:
  // Counts from `written` on.
  explicit unescaper(std::uint32_t written = 0) : written_(written), read_(written) {}
  // Appends what is decided. `piece`: whole code points.
  void feed(std::string_view piece, std::string& out);
  void finish(std::string& out);
  [[nodiscard]] const escape_map& map() const { return map_; }
  [[nodiscard]] escape_map& map() { return map_; }
  // The begin of an escape that is not all there; where the text goes on when there is none.
  [[nodiscard]] std::uint32_t open_at() const { return written_; }

 private:
  void read(std::string_view text, bool last, std::string& out);
  std::string open_;
  std::uint32_t written_, read_;  // how far both sides are
  escape_map map_;
};

// Which bytes of a JSON text are in strings and which are numbers and the like. What is no JSON any more is told by its place, and holds
// from there on: nothing that comes later changes what was said of a text before.
class json_outline {
 public:
  explicit json_outline(std::uint32_t at = 0) : at_(at) {}
  void feed(std::string_view piece);
  void forget(std::uint32_t before);

  // An edit of [begin, end), in pieces: within strings, and whole numbers and literals.
  struct piece {
    std::uint32_t begin, end;
    bool scalar;
  };
  struct place {
    bool json;      // false: an edit of plain text
    bool scalars;   // some piece is one
    std::vector<piece> pieces;
  };
  [[nodiscard]] place of(std::uint32_t begin, std::uint32_t end, const escape_map& escapes) const;
  // Whether what was fed ends within a string.
  [[nodiscard]] bool within_string() const { return broken_ == never && in_string_; }

 private:
  enum class expects : std::uint8_t { root, value, value_or_end, key, key_or_end, colon, comma_or_end, next_root };
  void take(char c);
  void open(char c);
  void close(char c);
  void begin_value(char c);
  void take_scalar(char c);
  void end_scalar();
  void ended_value() { expects_ = nesting_.empty() ? expects::next_root : expects::comma_or_end; }
  void fail() { broken_ = at_; }

  static constexpr std::size_t nesting_max = 512;
  static constexpr std::uint32_t never = 0xffffffff;
  struct stretch {
    std::uint32_t begin, end;  // `never` while it goes on
    bool scalar;
  };
  std::vector<stretch> stretches_;
  std::string nesting_;  // '{' and '['
  std::string scalar_;   // the one at hand
  expects expects_ = expects::root;
  bool in_string_ = false, in_key_ = false, escaped_ = false, in_scalar_ = false;
  std::uint32_t at_;
  std::uint32_t broken_ = never;
};

// In how many strings of JSON, one in the other, the end of what was fed stands: none in plain text, one in a value of JSON, two in one of JSON
// in a string of it. So often what is written there is escaped.
class json_depth {
 public:
  void feed(std::string_view piece);  // whole code points
  [[nodiscard]] std::size_t strings() const;

 private:
  struct level {
    json_outline outline{};
    unescaper inside{};  // of the string at hand
  };
  void feed(std::size_t at, std::string_view piece);
  std::array<std::optional<level>, json_levels> levels_ = {level{}};  // each but the first while there is a string at hand in the one before
};
[[nodiscard]] std::string json_escaped(std::string text, std::size_t times);
[[nodiscard]] std::string loosely_unescaped(std::string_view text, std::size_t times);

// Both of a whole text.
struct outlined_json {
  json_outline outline;
  unescaper escapes;
  explicit outlined_json(std::string_view text);
};

}  // namespace sluice::text
