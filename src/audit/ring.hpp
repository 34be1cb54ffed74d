// A bounded queue of records from one worker to the spool thread: one writer, one reader, no lock.
#pragma once

#include <atomic>
#include <vector>

#include "sluice/audit/record.hpp"

namespace sluice::audit {

class ring {
 public:
  explicit ring(std::size_t records) : slots_(records) {}

  // Writer's side. False: full.
  bool push(record&& r) {
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    slots_[tail % slots_.size()] = std::move(r);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] std::size_t size() const {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  // Reader's side. False: empty.
  bool pop(record& out) {
    const auto head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    out = std::move(slots_[head % slots_.size()]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  std::vector<record> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace sluice::audit
