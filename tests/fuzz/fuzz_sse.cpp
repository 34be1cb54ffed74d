// Events: every byte belongs to one event or to the rest, and a cut at the first byte's value changes nothing.
#include <cstdlib>
#include <string>

#include "sluice/http/sse.hpp"

namespace {

std::string split(std::string_view bytes, std::size_t cut) {
  sluice::http::sse_splitter s(1 << 16);
  std::string joined;
  sluice::http::sse_event e;
  for (const auto part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    s.feed(part);
    while (s.next(e) == sluice::http::sse_splitter::status::event) {
      joined += e.raw;
      joined += '\x01';
      joined += e.data;
      joined += '\x02';
    }
  }
  return joined + '\x03' + std::string(s.rest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto cut = bytes.empty() ? 0 : data[0] % bytes.size();
  if (split(bytes, cut) != split(bytes, 0)) std::abort();
  return 0;
}
