// A bounded queue from one thread to another without a lock: one writer, one reader. Items are written and read where they lie, so that
// what they own is allocated once for many of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace sluice {

template <class Item>
class handoff {
 public:
  explicit handoff(std::size_t places) : slots_(places) {}

  // Writer's side: the next slot, with what an older item left in it, until publish(). Only while size() is below capacity().
  [[nodiscard]] Item& next() { return slots_[tail_.load(std::memory_order_relaxed) % slots_.size()]; }
  void publish() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  [[nodiscard]] std::size_t size() const { return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire); }
  [[nodiscard]] bool full() const { return size() >= slots_.size(); }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  // Reader's side: the oldest item, until release(). Null: empty.
  [[nodiscard]] Item* front() {
    const auto head = head_.load(std::memory_order_relaxed);
    return head == tail_.load(std::memory_order_acquire) ? nullptr : &slots_[head % slots_.size()];
  }
  void release() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::vector<Item> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace sluice
