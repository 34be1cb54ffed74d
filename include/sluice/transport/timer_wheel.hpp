// Coarse deadlines for many connections: arming and disarming are O(1) and make no system call, because one ticker
// moves all of them. A deadline fires at most two ticks late and never early. One wheel per worker; only its thread may
// use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>

#include "sluice/base/clock.hpp"

namespace sluice::transport {

class timer_wheel {
 public:
  static constexpr milliseconds tick{100};

  // A deadline, member of its owner; unlinks itself when destroyed. `expired` runs on the worker's thread with the
  // entry disarmed; it may arm, disarm or destroy any entry, itself included.
  class entry {
   public:
    entry() = default;  // never fires: the head of a list
    entry(void* owner, void (*expired)(void*)) : owner_(owner), expired_(expired) {}
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry();
    [[nodiscard]] bool armed() const { return wheel_ != nullptr && !cancelled_; }

   private:
    friend class timer_wheel;
    void unlink();
    entry* next_ = nullptr;
    entry* previous_ = nullptr;
    timer_wheel* wheel_ = nullptr;  // null: in no list
    void* owner_ = nullptr;
    void (*expired_)(void*) = nullptr;
    std::uint64_t due_ = 0, visit_ = 0;  // ticks: when it fires, when its slot is looked at
    bool cancelled_ = false;
  };

  explicit timer_wheel(boost::asio::io_context& io);
  ~timer_wheel();
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;
  // Arms anew whatever the entry was doing.
  void arm(entry& e, milliseconds from_now);
  // The same, counted from `now` and not from the last tick: this thread may have worked since then for longer than the deadline, which is
  // somebody else's to keep.
  void arm(entry& e, milliseconds from_now, mono_time now);
  void disarm(entry& e) { e.cancelled_ = true; }
  // What the ticker calls. Public so that a test can move time.
  void advance(mono_time to);
  [[nodiscard]] std::size_t linked() const { return linked_; }

 private:
  static constexpr std::size_t slots = 512;
  void link(entry& e);
  void visit(entry& slot);
  void start_ticker();
  [[nodiscard]] std::uint64_t ticks(mono_time t) const;

  std::array<entry, slots> slots_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    boost::asio::io_context::executor_type>
      ticker_;
  mono_time origin_;
  std::uint64_t now_ = 0;
  std::size_t linked_ = 0;
  bool ticking_ = false;
};

// An entry that calls `Method` of its owner.
template <auto Method, class Owner>
[[nodiscard]] timer_wheel::entry deadline_of(Owner* owner) {
  return timer_wheel::entry(owner, [](void* o) { (static_cast<Owner*>(o)->*Method)(); });
}

}  // namespace sluice::transport
