// A hashed wheel with one list per tick of its turn.
#include "sluice/transport/timer_wheel.hpp"

#include <algorithm>

namespace sluice::transport {

void wheel_timer::disarm() {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

timer_wheel::~timer_wheel() {
  for (auto* head : slot_) {
    while (head != nullptr) {
      auto* next = head->next_;
      head->wheel_ = nullptr;
      head->previous_ = head->next_ = nullptr;
      head = next;
    }
  }
}

void timer_wheel::unlink(wheel_timer& t) {
  if (firing_next_ == &t) firing_next_ = t.next_;
  if (t.previous_ != nullptr) t.previous_->next_ = t.next_;
  else slot_[t.tick_ % slots] = t.next_;
  if (t.next_ != nullptr) t.next_->previous_ = t.previous_;
  t.previous_ = t.next_ = nullptr;
  t.wheel_ = nullptr;
  --armed_;
}

void timer_wheel::arm(wheel_timer& t, mono_time now, milliseconds after) {
  t.disarm();
  const auto due = now + std::max(after, milliseconds{0}) - start_;
  // Rounded up, so that nothing fires early; always after what has fired.
  const auto tick = static_cast<std::uint64_t>((due + tick_length - mono_time::duration{1}) / tick_length);
  t.tick_ = std::max(tick, current_ + 1);
  t.wheel_ = this;
  auto*& head = slot_[t.tick_ % slots];
  t.next_ = head;
  if (head != nullptr) head->previous_ = &t;
  head = &t;
  ++armed_;
}

void timer_wheel::advance(mono_time now) {
  if (now < start_) return;
  const auto target = static_cast<std::uint64_t>((now - start_) / tick_length);
  if (armed_ == 0) {
    current_ = std::max(current_, target);
    return;
  }
  // After a long pause one whole turn visits every slot; more would visit them twice.
  const auto first = target - std::min<std::uint64_t>(target - std::min(current_, target), slots);
  for (auto tick = first + 1; tick <= target; ++tick) {
    current_ = std::max(current_, tick);
    firing_next_ = slot_[tick % slots];
    while (firing_next_ != nullptr) {
      auto& t = *firing_next_;
      firing_next_ = t.next_;
      if (t.tick_ > target) continue;
      unlink(t);
      t.fire_(t.owner_);
    }
  }
}

wheel_driver::wheel_driver(boost::asio::io_context& context) : wheel_(mono_now()), timer_(context) {}

void wheel_driver::arm(wheel_timer& t, milliseconds after) {
  if (stopped_) return;
  const auto now = mono_now();
  if (!running_) {
    wheel_.advance(now);
    running_ = true;
    wheel_.arm(t, now, after);
    tick();
    return;
  }
  wheel_.arm(t, now, after);
}

void wheel_driver::stop() {
  stopped_ = true;
  timer_.cancel();
}

void wheel_driver::tick() {
  timer_.expires_after(timer_wheel::tick_length);
  timer_.async_wait([this](boost::system::error_code ec) {
    if (ec || stopped_) return;
    wheel_.advance(mono_now());
    if (wheel_.armed() == 0) {
      running_ = false;
      return;
    }
    tick();
  });
}

}  // namespace sluice::transport
