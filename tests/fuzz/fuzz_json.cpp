// The tape: positions lie inside the text and enclose each other, and a string that is replaced by itself changes nothing else.
#include <cstdlib>

#include "sluice/base/strings.hpp"
#include "sluice/text/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::text::json;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  document d;
  if (!d.parse(bytes, 32)) return 0;
  const auto nodes = d.nodes();
  for (index i = 0; i < nodes.size(); ++i) {
    const auto& n = nodes[i];
    if (n.raw_begin > n.raw_end || n.raw_end > size || n.next <= i || n.next > nodes.size()) std::abort();
    if (i > 0 && (n.raw_begin < nodes[n.parent].raw_begin || n.raw_end > nodes[n.parent].raw_end)) std::abort();
    if (n.kind != kind::string) continue;
    const auto span = locate(d.raw(i), 0, static_cast<std::uint32_t>(n.text.size()));
    if (span.begin != 1 || span.end + 1 != n.raw_end - n.raw_begin) std::abort();
    const auto edited = apply(bytes, {{n.raw_begin, n.raw_end, sluice::json_quoted(n.text)}});
    document again;
    if (!again.parse(edited, 32) || again.nodes().size() != nodes.size() || again[i].text != n.text) std::abort();
  }
  return 0;
}
