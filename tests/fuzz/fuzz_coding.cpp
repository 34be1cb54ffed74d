// Content codings: the same whatever the cut, within the bounds whatever comes, and always at an end.
#include <algorithm>
#include <string>

#include "check.hpp"
#include "sluice/http/content_coding.hpp"

namespace {

using sluice::errc;
using sluice::http::body_decoder;
using sluice::http::content_coding;
using sluice::http::decoding_bounds;

struct reading {
  std::string text;
  bool failed = false, limited = false, whole = false;
};

// The lengths of the pieces repeat: `first`, then `then`.
reading decode(content_coding what, std::string_view bytes, const decoding_bounds& bounds, std::size_t first, std::size_t then) {
  body_decoder decoder(what, bounds);
  reading out;
  std::uint64_t taken = 0;
  for (auto step = std::max<std::size_t>(first, 1); !bytes.empty(); step = std::max<std::size_t>(then, 1)) {
    auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    taken += piece.size();
    const auto allowed = std::min(bounds.bytes_max, std::max(bounds.ratio_free, taken * bounds.ratio_max));
    for (bool more = true; more;) {
      const auto before = out.text.size(), left = piece.size();
      const auto fed = decoder.feed(piece, out.text);
      if (!fed) {
        out.failed = true;
        out.limited = fed.error().code == errc::limit;
        SLUICE_REQUIRE(out.text.size() <= allowed + 1);
        return out;
      }
      SLUICE_REQUIRE(out.text.size() <= allowed);
      more = *fed;
      SLUICE_REQUIRE(!more || out.text.size() > before || piece.size() < left);
    }
    SLUICE_REQUIRE(piece.empty());
  }
  out.whole = decoder.whole();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto what = static_cast<content_coding>(data[0] % 4);
  const auto bytes = sluice::fuzz::text_of(data + 3, size - 3);
  for (const auto& bounds : {decoding_bounds{1u << 20, 1000}, decoding_bounds{4096, 1000, 64}, decoding_bounds{1u << 20, 10, 256}}) {
    const auto whole = decode(what, bytes, bounds, bytes.size(), 1);
    for (const auto& cut : {decode(what, bytes, bounds, 1, 1), decode(what, bytes, bounds, data[1], data[2])}) {
      if (whole.limited || cut.limited) continue;  // how much may come out goes by how much went in
      SLUICE_REQUIRE(cut.failed == whole.failed && cut.whole == whole.whole);
      if (!whole.failed) SLUICE_REQUIRE(cut.text == whole.text);
    }
  }
  return 0;
}
