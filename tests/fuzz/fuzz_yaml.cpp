// Policy files: whatever the bytes, an answer or diagnostics with a place, and no crash.
#include <cstdlib>

#include "sluice/policy/build.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::policy;
  bundle_source source;
  source.files.push_back(make_source_file("bundle.yaml", std::string(reinterpret_cast<const char*>(data), size)));
  diagnostics found;
  auto bundle = parse(source, found);
  if (!has_errors(found)) check(bundle, sluice::parse_time("2026-11-23").value(), found);
  for (const auto& d : found) {
    if (d.message.empty()) std::abort();
  }
  return 0;
}
