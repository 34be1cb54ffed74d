// See sse.hpp. Lines end with LF, CR LF or CR; an event ends with an empty line.
#include "sluice/http/sse.hpp"

#include <algorithm>

#include "sluice/base/byte_block.hpp"

namespace sluice::http {

void sse_splitter::feed(std::string_view bytes) {
  // What was handed out goes only when the next bytes come, so that views into it live until then.
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_ += bytes;
}

std::string_view sse_splitter::rest() const { return std::string_view(buffer_).substr(begin_); }
std::size_t sse_splitter::buffered_bytes() const { return buffer_.size() - begin_; }

namespace {

struct line {
  std::size_t end;   // of its text
  std::size_t next;  // of its terminator
};

// The line that ends at or behind `at`; false when its end is not there yet. A CR at the very end may be half of CR LF.
bool line_at(std::string_view text, std::size_t at, line& out) {
  const auto end = find_line_end(text, at);
  if (end == std::string_view::npos) return false;
  if (text[end] == '\n') {
    out = {end, end + 1};
    return true;
  }
  if (end + 1 == text.size()) return false;
  out = {end, end + (text[end + 1] == '\n' ? 2u : 1u)};
  return true;
}

}  // namespace

std::size_t find_line_end(std::string_view text, std::size_t from) {
  return find_row(text, from, 1, [](const byte_block& of) { return of.equal('\n') | of.equal('\r'); });
}

sse_splitter::status sse_splitter::next(sse_event& out) {
  const auto text = std::string_view(buffer_).substr(begin_);
  // Look for the empty line; `scanned_` is the beginning of a line that was not whole last time.
  line l{};
  std::size_t at = scanned_;
  bool whole = false;
  while (line_at(text, std::max(at, looked_), l)) {
    const bool empty = l.end == at;
    at = l.next;
    if (empty) {
      whole = true;
      break;
    }
  }
  if (!whole) {
    scanned_ = at;
    looked_ = text.empty() ? 0 : text.size() - 1;  // a CR there is looked at once more
    return text.size() > event_bytes_max_ ? status::too_large : status::more;
  }
  out = {};
  out.raw = text.substr(0, at);
  std::size_t data_lines = 0;
  for (std::size_t i = 0; i < out.raw.size() && line_at(text, i, l); i = l.next) {
    auto whole_line = text.substr(i, l.end - i);
    std::size_t mark = 0;
    // A byte order mark before the first line is no part of it (and some clients read the line all the same).
    if (i == 0 && whole_line.starts_with("\xef\xbb\xbf")) {
      mark = 3;
      whole_line.remove_prefix(mark);
    }
    const auto colon = whole_line.find(':');
    const auto name = whole_line.substr(0, colon);
    auto begin = colon == std::string_view::npos ? whole_line.size() : colon + 1;
    if (begin < whole_line.size() && whole_line[begin] == ' ') ++begin;
    const auto value = whole_line.substr(begin);
    if (name == "event") out.type = value;
    if (name != "data") continue;
    out.has_data = true;
    if (++data_lines == 1) {
      out.data = value;
      out.data_offset = static_cast<std::uint32_t>(i + mark + begin);
    } else {
      if (data_lines == 2) joined_ = out.data;
      joined_ += '\n';
      joined_ += value;
      out.data = joined_;
      out.data_offset = 0;
    }
  }
  begin_ += at;
  scanned_ = looked_ = 0;
  return out.raw.size() > event_bytes_max_ ? status::too_large : status::event;
}

}  // namespace sluice::http
