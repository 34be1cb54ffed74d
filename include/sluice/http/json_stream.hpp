// Streams of JSON texts that are no event streams: one text a line (NDJSON), or an array whose elements come one by one. Which bytes
// are one text; every byte is kept, so that a text which nobody edits leaves as it came.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::http {

// One text: `raw` is all of its bytes with what separates it from its neighbours, `data` the JSON in it.
struct json_piece {
  std::string_view raw, data;
  std::uint32_t data_offset = 0;  // of data in raw
  bool has_data = false;          // false: separators only
};

// Appends the piece with `data` in the place of its own.
inline void append_with_data(const json_piece& p, std::string_view data, std::string& out) {
  out.append(p.raw.substr(0, p.data_offset)).append(data).append(p.raw.substr(p.data_offset + p.data.size()));
}

class json_splitter {
 public:
  enum class framing : std::uint8_t { lines, array };
  json_splitter(framing how, std::size_t piece_bytes_max) : how_(how), piece_bytes_max_(piece_bytes_max) {}
  // Appends bytes of the stream.
  void feed(std::string_view bytes);
  enum class status : std::uint8_t { piece, more, too_large, broken };
  // The next complete text. Its views are valid until the next call of feed. `broken`: an array of something else than objects.
  [[nodiscard]] status next(json_piece& out);
  // The array was closed.
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }
  [[nodiscard]] std::size_t buffered_bytes() const { return buffer_.size() - begin_; }

 private:
  [[nodiscard]] status next_line(json_piece& out);
  [[nodiscard]] status next_element(json_piece& out);
  [[nodiscard]] bool between(char c);
  void hand_out(json_piece& out, std::size_t data_begin, std::size_t data_end, std::size_t end);
  framing how_;
  std::size_t piece_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;    // first byte not handed out
  std::size_t scanned_ = 0;  // bytes after begin_ that were looked at
  // Of an array: where its scanner stands.
  std::size_t element_ = 0;  // where the element at hand begins, after begin_
  std::uint32_t depth_ = 0;
  bool opened_ = false, closed_ = false, comma_ = false, in_string_ = false, escaped_ = false;
};

}  // namespace sluice::http
