// Lines and arrays of JSON texts: the same whatever the cut, every byte in one piece or in the rest, and the texts that another parser finds.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "check.hpp"
#include "sluice/http/json_stream.hpp"

namespace {

using nlohmann::json;
using sluice::http::json_piece;
using sluice::http::json_splitter;

struct piece {
  std::string raw, data;  // no data: separators, and how many pieces they come in is the cut's affair
  bool operator==(const piece&) const = default;
};
struct reading {
  std::vector<piece> pieces;
  std::string rest;
  json_splitter::status last = json_splitter::status::more;
  bool closed = false;
  bool operator==(const reading&) const = default;
};

reading split(json_splitter::framing how, std::string_view bytes, std::size_t bound, std::size_t step) {
  json_splitter s(how, bound);
  reading out;
  for (std::size_t at = 0; at < bytes.size() && out.last == json_splitter::status::more; at += step) {
    s.feed(bytes.substr(at, step));
    json_piece p;
    while ((out.last = s.next(p)) == json_splitter::status::piece) {
      if (!p.has_data && !out.pieces.empty() && out.pieces.back().data.empty()) {
        out.pieces.back().raw += p.raw;
      } else {
        out.pieces.push_back({std::string(p.raw), std::string(p.data)});
      }
      SLUICE_REQUIRE(p.has_data || p.data.empty());
      if (p.has_data) SLUICE_REQUIRE(p.raw.substr(p.data_offset, p.data.size()) == p.data && p.data.size() <= bound);
    }
    SLUICE_REQUIRE(s.rest().size() == s.buffered_bytes());
  }
  out.closed = s.closed();
  // What stands behind an error is nobody's, so how much of it was fed does not count.
  if (out.last == json_splitter::status::more) out.rest = s.rest();
  return out;
}

// Where another parser reads the whole as an array of objects, its elements are the pieces.
void as_array(std::string_view bytes, const reading& r) {
  if (bytes.contains('\0')) return;  // the other parser takes it for the end of the text, and no JSON has it
  const auto whole = json::parse(bytes, nullptr, false);
  if (!whole.is_array() || bytes.starts_with("\xef\xbb\xbf") || !std::ranges::all_of(whole, [](const json& e) { return e.is_object(); })) return;
  SLUICE_REQUIRE(r.last == json_splitter::status::more && r.closed);
  std::vector<json> found;
  for (const auto& p : r.pieces) {
    if (!p.data.empty()) found.push_back(json::parse(p.data));
  }
  SLUICE_REQUIRE(json(found) == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = sluice::fuzz::text_of(data + 1, size - 1);
  for (const auto how : {json_splitter::framing::lines, json_splitter::framing::array}) {
    for (const std::size_t bound : {std::size_t{24}, std::size_t{1} << 16}) {
      const auto whole = split(how, bytes, bound, bytes.size());
      SLUICE_REQUIRE(split(how, bytes, bound, 1) == whole);
      SLUICE_REQUIRE(split(how, bytes, bound, 1 + data[0] % 31) == whole);
      std::string joined;
      for (const auto& p : whole.pieces) joined += p.raw;
      SLUICE_REQUIRE(bytes.starts_with(joined));
      if (whole.last == json_splitter::status::more) SLUICE_REQUIRE(joined + whole.rest == bytes);
      if (how == json_splitter::framing::array && bound > bytes.size()) as_array(bytes, whole);
    }
  }
  return 0;
}
