// Between the gateway and the server of its compile processes, over a SOCK_SEQPACKET pair. A message of one byte carries two descriptors: the
// request is read from the first and answered on the second; then comes a process_end. Request: u32 kind; patterns, plainest (pattern_set::plainest): u32 count, then for each
// u32 flags, u32 length, bytes; classifier: bytes. Answer: one byte 0 or 1, then bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::match {

inline constexpr std::size_t request_bytes_max = 512u << 20;
inline constexpr std::uint32_t kind_patterns = 0, kind_plainest = 1, kind_classifier = 2;

// Of the process that did the work, when it ended.
struct process_end {
  std::int32_t status = 0;      // as waitpid gives it
  std::uint64_t bytes_max = 0;  // the most memory that it held
};

// compile_worker.cpp. False: nobody took them, and errno says why.
[[nodiscard]] bool hand_over(int socket, int request, int answer);

}  // namespace sluice::match
