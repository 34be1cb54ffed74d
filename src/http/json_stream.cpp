// See json_stream.hpp. Elements are found by their brackets outside of strings; whether they are JSON is their reader's business.
#include "sluice/http/json_stream.hpp"

namespace sluice::http {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

void json_splitter::feed(std::string_view bytes) {
  // What was handed out goes only when the next bytes come, so that views into it live until then.
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += bytes;
}

json_splitter::status json_splitter::next(json_piece& out) { return how_ == framing::lines ? next_line(out) : next_element(out); }

void json_splitter::hand_out(json_piece& out, std::size_t data_begin, std::size_t data_end, std::size_t end) {
  out = {};
  out.raw = rest().substr(0, end);
  out.has_data = data_end > data_begin;
  out.data_offset = static_cast<std::uint32_t>(data_begin);
  out.data = out.raw.substr(data_begin, data_end - data_begin);
  begin_ += end;
  scanned_ = 0;
}

json_splitter::status json_splitter::next_line(json_piece& out) {
  const auto text = rest();
  const auto end = text.find('\n', scanned_);
  if (end == std::string_view::npos) {
    scanned_ = text.size();
    return text.size() > piece_bytes_max_ ? status::too_large : status::more;
  }
  if (end + 1 > piece_bytes_max_) return status::too_large;
  std::size_t from = 0, to = end;
  while (from < to && is_space(text[from])) ++from;
  while (to > from && is_space(text[to - 1])) --to;
  hand_out(out, from, to, end + 1);
  return status::piece;
}

// A byte outside of elements: white space, and brackets and commas in their order. False: it has no place there.
bool json_splitter::between(char c) {
  if (is_space(c)) return true;
  if (closed_) return false;
  if (!opened_) return opened_ = c == '[';
  if (c == ',' && comma_) {
    comma_ = false;
    return true;
  }
  closed_ = c == ']';
  return closed_;
}

json_splitter::status json_splitter::next_element(json_piece& out) {
  const auto text = rest();
  for (; scanned_ < text.size(); ++scanned_) {
    // Byte for byte, so that what came together is told the same as what came in pieces. Behind the end nothing is kept back.
    if (!closed_ && scanned_ >= piece_bytes_max_) return status::too_large;
    const char c = text[scanned_];
    if (depth_ == 0) {
      if (c == '{' && opened_ && !closed_ && !comma_) {
        element_ = scanned_;
        depth_ = 1;
      } else if (!between(c)) {
        if (!closed_ || scanned_ == 0) return status::broken;
        hand_out(out, 0, 0, scanned_);  // the end, before what stands behind it
        return status::piece;
      }
      continue;
    }
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
      continue;
    }
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) {
      const auto end = scanned_ + 1;
      comma_ = true;
      hand_out(out, element_, end, end);
      return status::piece;
    }
  }
  if (!closed_ || text.empty()) return status::more;
  hand_out(out, 0, 0, text.size());
  return status::piece;
}

}  // namespace sluice::http
