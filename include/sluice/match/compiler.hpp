// Patterns to databases. Hyperscan's compiler can take long and much memory, so it runs in a child process with limits and
// hands back serialised databases (policy caches them by digest).
// Source of the limits: Hyperscan developer reference, "Performance Considerations"; perf.md of the project's research.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::match {

// One pattern for Hyperscan. Its id is its index in the set.
struct pattern {
  std::string expression;  // regex syntax; literals come escaped
  std::uint32_t flags = 0; // HS_FLAG_*
};
struct pattern_set {
  std::vector<pattern> patterns;
  bool plainest = false;  // for a processor with nothing that Hyperscan could make use of, instead of this one: it runs here as well, by other code
};

struct compile_limits {
  std::uint32_t cpu_seconds = 60;
  std::uint32_t wall_seconds = 90;
  std::uint64_t memory_bytes = 2ull << 30;
};

// Compiles one set to serialised bytes. An error names the pattern's index as `pattern N: reason`.
class compile_backend {
 public:
  virtual ~compile_backend() = default;
  [[nodiscard]] virtual result<std::string> compile(const pattern_set& set) = 0;
  // Whether a classifier's file (classifier.hpp) can be loaded. To be asked before this process loads it for the first time.
  [[nodiscard]] virtual result<void> try_classifier(std::string_view bytes) = 0;
  // The most memory that a child has held since it was forgotten last; 0 where there are no children.
  [[nodiscard]] virtual std::uint64_t peak_bytes() const { return 0; }
  virtual void forget_peak() {}
};

// In this process: for tests and for the child itself.
[[nodiscard]] std::unique_ptr<compile_backend> in_process_backend();
// In a child: runs `program` with the argument "compile-worker" when it is first asked, which waits for sets and makes a process of each, limits
// set, low priority. A child that dies or passes a limit is an error that says which. `program` is normally /proc/self/exe. Thread-safe; one
// set at a time. The program ends with the backend, or with the process that holds it.
[[nodiscard]] std::unique_ptr<compile_backend> child_backend(std::string program, compile_limits limits);
// That program's main, `sluice compile-worker CPU_SECONDS MEMORY_BYTES`: standard input is a socket of the process that started it
// (compile_protocol.hpp); the limits are those of each process that it makes.
[[nodiscard]] int compile_worker_main(std::uint32_t cpu_seconds, std::uint64_t memory_bytes);

// What a serialised database fits: Hyperscan's version and this processor's features. Part of every cache key.
[[nodiscard]] std::string platform_tag();

// Flags for filters: a pattern is reported once a scan.
[[nodiscard]] std::uint32_t single_match_flags();

}  // namespace sluice::match
