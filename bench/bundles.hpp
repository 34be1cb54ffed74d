// Text and bundles for the benchmarks: rules that are real (they would redact) and whose words do not occur in the text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sluice/policy/snapshot.hpp"

namespace sluice::bench {

// English-looking prose of so many bytes.
[[nodiscard]] std::string prose(std::size_t bytes);
// Compiled in this process; built once for each pair of numbers and kept.
[[nodiscard]] std::shared_ptr<const policy::snapshot> compiled(std::size_t keywords, std::size_t regexes);
// A bundle of the one rule that is given (YAML, indented by two).
[[nodiscard]] std::shared_ptr<const policy::snapshot> compiled(const std::string& rule);

}  // namespace sluice::bench
