// Server-sent events (WHATWG HTML 9.2) as byte ranges: which bytes are one event, and what its data is. Accepts LF, CR LF
// and CR; keeps every byte, so that an event which nobody edits leaves as it came.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

// One event: `raw` is all of its bytes, the blank line that ends it included (comments and unknown fields too).
struct sse_event {
  std::string_view raw;
  std::string_view data;  // data lines joined by LF
  bool has_data = false;  // false: comments or fields only; clients dispatch nothing
  // When the data is one line: where its value begins in raw, so that an edit can be spliced. 0 when it is several lines.
  std::uint32_t data_offset = 0;
};

// A line of an event, without what ends it: its name, and where its value begins. A byte order mark before the first line is no part of it (and
// some clients read the line all the same); before another line it belongs to the name, which nobody knows then.
struct sse_field {
  std::string_view name;
  std::size_t value;
};
[[nodiscard]] sse_field read_field(std::string_view line, bool first);

// The bytes of one whole event as one. `joined`: room for data over several lines.
[[nodiscard]] sse_event read_event(std::string_view raw, std::string& joined);
// Appends the event with `data`, which has no CR, in the place of its own: its other lines stay as they came, and lines of data as many as
// these have.
void append_with_data(const sse_event& e, std::string_view data, std::string& out);

// Where the first CR or LF stands from `from` on; npos: nowhere.
[[nodiscard]] std::size_t find_line_end(std::string_view text, std::size_t from);

class sse_splitter {
 public:
  explicit sse_splitter(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}
  // Appends bytes of the stream.
  void feed(std::string_view bytes);
  enum class status : std::uint8_t { event, more, too_large };
  // The next complete event. Its views are valid until the next call of any member. A CR that may yet be followed by LF is
  // waited for only when it would end the event.
  [[nodiscard]] status next(sse_event& out);
  // What is left when the stream ends: bytes that no blank line ended. (Clients drop such an event.)
  [[nodiscard]] std::string_view rest() const;
  [[nodiscard]] std::size_t buffered_bytes() const;

 private:
  std::size_t event_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;   // first byte not handed out
  std::size_t scanned_ = 0; // bytes after begin_ whose lines are whole
  std::size_t looked_ = 0;  // bytes after begin_ among which the line behind those has no end
  std::string joined_;      // data of an event with several data lines
};

}  // namespace sluice::http
