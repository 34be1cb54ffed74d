// The records of one worker on their way to the spool thread.
#pragma once

#include "sluice/audit/record.hpp"
#include "sluice/base/handoff.hpp"

namespace sluice::audit {

class record_queue : private handoff<record> {
 public:
  explicit record_queue(std::size_t records) : handoff(records) {}
  using handoff::capacity, handoff::front, handoff::publish, handoff::release, handoff::size;

  // Writer's side: keeps room for records that will come. False: there is not so much, and nothing is kept.
  [[nodiscard]] bool reserve(std::size_t records) {
    if (size() + reserved_ + records > capacity()) return false;
    reserved_ += records;
    return true;
  }
  void release_reserved(std::size_t records) { reserved_ -= records; }

  // Writer's side: the next slot, with what an older record left in it, until publish(). Null: full. With `reserved` one place that
  // was kept is used up, and there is always a slot; without, what is kept for others is left alone.
  [[nodiscard]] record* claim(bool reserved = false) {
    if (reserved) {
      --reserved_;
    } else if (size() + reserved_ >= capacity()) {
      return nullptr;
    }
    return &next();
  }

 private:
  std::size_t reserved_ = 0;  // the writer's
};

}  // namespace sluice::audit
