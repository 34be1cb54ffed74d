// Events: the same whatever the cut, every byte in one event or in the rest, and the data that a plain reading of WHATWG HTML 9.2 finds.
#include <algorithm>
#include <string>
#include <vector>

#include "check.hpp"
#include "sluice/http/sse.hpp"

namespace {

using sluice::http::sse_event;
using sluice::http::sse_splitter;

struct event {
  std::string raw, data;
  bool has_data = false;
  bool operator==(const event&) const = default;
};
struct reading {
  std::vector<event> events;
  std::string rest;
  bool too_large = false;
  bool operator==(const reading&) const = default;
};

// The lengths of the pieces repeat: `first`, then `then`.
reading split(std::string_view bytes, std::size_t event_bytes_max, std::size_t first, std::size_t then) {
  sse_splitter s(event_bytes_max);
  reading out;
  for (auto step = std::max<std::size_t>(first, 1); !bytes.empty(); step = std::max<std::size_t>(then, 1)) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    s.feed(piece);
    sse_event e;
    auto got = sse_splitter::status::more;
    while ((got = s.next(e)) == sse_splitter::status::event) {
      out.events.push_back({std::string(e.raw), std::string(e.data), e.has_data});
      SLUICE_REQUIRE(e.raw.size() <= event_bytes_max);
      if (e.data_offset != 0) SLUICE_REQUIRE(e.raw.substr(e.data_offset, e.data.size()) == e.data);
    }
    SLUICE_REQUIRE(s.rest().size() == s.buffered_bytes());
    if (got == sse_splitter::status::too_large) {
      out.too_large = true;
      return out;
    }
  }
  out.rest = s.rest();
  return out;
}

// Line by line, as the standard says it, with no thought of speed. A CR that ends the input may be half of a line's end.
event read_plainly(std::string_view raw) {
  event out{std::string(raw), {}, false};
  const bool marked = raw.starts_with("\xef\xbb\xbf");
  if (marked) raw.remove_prefix(3);
  for (bool first = true; !raw.empty(); first = false) {
    const auto end = raw.find_first_of("\r\n");
    SLUICE_REQUIRE(end != raw.npos);
    const auto line = raw.substr(0, end);
    raw.remove_prefix(raw.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
    if (line.empty()) {
      // The blank line is the last. (A line that is only a mark says nothing, and its event is the next one's beginning.)
      SLUICE_REQUIRE(raw.empty() || (marked && first));
    }
    const auto colon = line.find(':');
    auto value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (line.substr(0, colon) == "data") {
      if (out.has_data) out.data += '\n';
      out.data += value;
      out.has_data = true;
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = sluice::fuzz::text_of(data + 2, size - 2);
  for (const std::size_t bound : {std::size_t{24}, std::size_t{1} << 16}) {
    const auto whole = split(bytes, bound, bytes.size(), 1);
    SLUICE_REQUIRE(split(bytes, bound, 1, 1) == whole);
    SLUICE_REQUIRE(split(bytes, bound, data[0], data[1]) == whole);
    std::string joined;
    for (const auto& e : whole.events) {
      joined += e.raw;
      SLUICE_REQUIRE(read_plainly(e.raw) == e);
    }
    if (!whole.too_large) SLUICE_REQUIRE(joined + whole.rest == bytes);
    SLUICE_REQUIRE(bytes.starts_with(joined));
  }
  return 0;
}
