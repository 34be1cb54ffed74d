// A bounded queue of records from one worker to the spool thread: one writer, one reader, no lock. Records are written and read
// where they lie, so that their strings are allocated once for many exchanges.
#pragma once

#include <atomic>
#include <vector>

#include "sluice/audit/record.hpp"

namespace sluice::audit {

class ring {
 public:
  explicit ring(std::size_t records) : slots_(records) {}

  // Writer's side: keeps room for records that will come. False: there is not so much, and nothing is kept.
  [[nodiscard]] bool reserve(std::size_t records) {
    if (size() + reserved_ + records > slots_.size()) return false;
    reserved_ += records;
    return true;
  }
  void release_reserved(std::size_t records) { reserved_ -= records; }

  // Writer's side: the next slot, with what an older record left in it, until publish(). Null: full. With `reserved` one place that
  // was kept is used up, and there is always a slot; without, what is kept for others is left alone.
  [[nodiscard]] record* claim(bool reserved = false) {
    if (reserved) {
      --reserved_;
    } else if (size() + reserved_ >= slots_.size()) {
      return nullptr;
    }
    return &slots_[tail_.load(std::memory_order_relaxed) % slots_.size()];
  }
  void publish() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  [[nodiscard]] std::size_t size() const {
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  // Reader's side: the oldest record, until release(). Null: empty.
  [[nodiscard]] record* front() {
    const auto head = head_.load(std::memory_order_relaxed);
    return head == tail_.load(std::memory_order_acquire) ? nullptr : &slots_[head % slots_.size()];
  }
  void release() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::vector<record> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t reserved_ = 0;  // the writer's
};

}  // namespace sluice::audit
