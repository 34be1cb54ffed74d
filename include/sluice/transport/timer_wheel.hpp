// Deadlines for many connections: arming, moving and cancelling one are O(1) and allocate nothing. Coarse on purpose: a
// deadline fires at most one tick (100 ms) late and never early. One thread; the wheel itself reads no clock.
#pragma once

#include <array>
#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "sluice/base/clock.hpp"

namespace sluice::transport {

class timer_wheel;

// One deadline, a member of whatever it guards. Destroying it disarms it.
class wheel_timer {
 public:
  using callback = void (*)(void* owner);
  wheel_timer(callback fire, void* owner) : fire_(fire), owner_(owner) {}
  ~wheel_timer() { disarm(); }
  wheel_timer(const wheel_timer&) = delete;
  wheel_timer& operator=(const wheel_timer&) = delete;
  void disarm();
  [[nodiscard]] bool armed() const { return wheel_ != nullptr; }

 private:
  friend class timer_wheel;
  callback fire_;
  void* owner_;
  wheel_timer* previous_ = nullptr;
  wheel_timer* next_ = nullptr;
  timer_wheel* wheel_ = nullptr;
  std::uint64_t tick_ = 0;
};

class timer_wheel {
 public:
  static constexpr milliseconds tick_length{100};
  explicit timer_wheel(mono_time start) : start_(start) {}
  ~timer_wheel();  // disarms what is left
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  // Arms or moves `t` to fire once `after` has passed since `now`.
  void arm(wheel_timer& t, mono_time now, milliseconds after);
  // Fires what is due. A callback may arm, disarm and destroy any timer, its own included.
  void advance(mono_time now);
  [[nodiscard]] std::size_t armed() const { return armed_; }

 private:
  friend class wheel_timer;
  static constexpr std::size_t slots = 1024;  // a turn is 102 s; longer deadlines go round again
  void unlink(wheel_timer& t);
  mono_time start_;
  std::uint64_t current_ = 0;  // ticks up to here have fired
  std::size_t armed_ = 0;
  wheel_timer* firing_next_ = nullptr;  // what advance() visits next; unlink() moves it on
  std::array<wheel_timer*, slots> slot_{};
};

// Turns a wheel by a context's clock while any timer is armed; an idle context is not woken.
class wheel_driver {
 public:
  explicit wheel_driver(boost::asio::io_context& context);
  void arm(wheel_timer& t, milliseconds after);
  void stop();

 private:
  void tick();
  timer_wheel wheel_;
  boost::asio::steady_timer timer_;
  bool running_ = false, stopped_ = false;
};

}  // namespace sluice::transport
