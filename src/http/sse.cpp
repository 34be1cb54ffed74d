// See sse.hpp. Lines end with LF, CR LF or CR; an event ends with an empty line.
#include "sluice/http/sse.hpp"

#include <algorithm>
#include <utility>

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

sse_field read_field(std::string_view line, bool first) {
  const std::size_t mark = first && line.starts_with("\xef\xbb\xbf") ? 3 : 0;
  const auto colon = line.find(':', mark);
  if (colon == std::string_view::npos) return {line.substr(mark), line.size()};
  return {line.substr(mark, colon - mark), colon + (line.substr(colon + 1).starts_with(' ') ? 2 : 1)};
}

sse_event read_event(std::string_view raw, std::string& joined) {
  sse_event out;
  out.raw = raw;
  std::size_t data_lines = 0;
  line l{};
  for (std::size_t i = 0; i < raw.size() && line_at(raw, i, l); i = l.next) {
    const auto whole = raw.substr(i, l.end - i);
    const auto [name, begin] = read_field(whole, i == 0);
    if (name != "data") continue;
    const auto value = whole.substr(begin);
    out.has_data = true;
    if (++data_lines == 1) {
      out.data = value;
      out.data_offset = static_cast<std::uint32_t>(i + begin);
    } else {
      if (data_lines == 2) joined = out.data;
      joined += '\n';
      joined += value;
      out.data = joined;
      out.data_offset = 0;
    }
  }
  return out;
}

void append_with_data(const sse_event& e, std::string_view data, std::string& out) {
  if (e.data_offset != 0) {
    out.append(e.raw.substr(0, e.data_offset)).append(data).append(e.raw.substr(e.data_offset + e.data.size()));
    return;
  }
  std::size_t i = 0;
  line l{};
  for (bool written = false; i < e.raw.size() && line_at(e.raw, i, l); i = l.next) {
    const auto whole = e.raw.substr(i, l.end - i), end = e.raw.substr(l.end, l.next - l.end);
    const auto name = read_field(whole, i == 0).name;
    if (name != "data") {
      out.append(whole).append(end);
      continue;
    }
    if (std::exchange(written, true)) continue;
    out.append(whole.data(), name.data());  // the mark before it
    for (std::size_t at = 0; at <= data.size();) {
      const auto stop = std::min(data.find('\n', at), data.size());
      out.append("data: ").append(data.substr(at, stop - at)).append(end);
      at = stop + 1;
    }
  }
  out.append(e.raw.substr(i));  // the empty line, where a CR ends it
}

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
  out = read_event(text.substr(0, at), joined_);
  begin_ += at;
  scanned_ = looked_ = 0;
  return out.raw.size() > event_bytes_max_ ? status::too_large : status::event;
}

}  // namespace sluice::http
