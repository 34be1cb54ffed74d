// Threads of the process that enforces. Each has a second, small stack for the handler of a fatal signal: where the first one is full, a handler
// could not even be called, and nobody would learn of what the process died (sluice::app::crash_guard counts it).
#pragma once

#include <cstddef>
#include <memory>
#include <thread>
#include <utility>

namespace sluice {

// Of the calling thread, until it goes, and only there; nothing where the thread has one.
class fault_stack {
 public:
  fault_stack();
  ~fault_stack();
  fault_stack(const fault_stack&) = delete;
  fault_stack& operator=(const fault_stack&) = delete;

 private:
  std::unique_ptr<std::byte[]> bytes_;
};

template <class F>
[[nodiscard]] std::thread start_thread(F run) {
  return std::thread([run = std::move(run)]() mutable {
    const fault_stack here;
    run();
  });
}

}  // namespace sluice
