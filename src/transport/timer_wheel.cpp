// A hashed wheel with lazy moves: an entry stays in its slot while its deadline only moves away, and is put right when
// the slot is looked at. That makes the usual case, re-arming on every request, two stores.
#include "sluice/transport/timer_wheel.hpp"

#include <algorithm>

namespace sluice::transport {

timer_wheel::entry::~entry() {
  if (wheel_ != nullptr) unlink();
}

void timer_wheel::entry::unlink() {
  previous_->next_ = next_;
  next_->previous_ = previous_;
  --wheel_->linked_;
  wheel_ = nullptr;
}

timer_wheel::timer_wheel(boost::asio::io_context& io) : ticker_(io.get_executor()), origin_(mono_now()) {
  for (auto& slot : slots_) slot.next_ = slot.previous_ = &slot;
}

timer_wheel::~timer_wheel() {
  for (auto& slot : slots_) {
    while (slot.next_ != &slot) slot.next_->unlink();
  }
}

std::uint64_t timer_wheel::ticks(mono_time t) const {
  return t <= origin_ ? 0 : static_cast<std::uint64_t>((t - origin_) / tick);
}

void timer_wheel::arm(entry& e, milliseconds from_now) {
  if (!ticking_) {
    now_ = std::max(now_, ticks(mono_now()));
    start_ticker();
  }
  // One more tick, because the present one is partly over.
  e.due_ = now_ + static_cast<std::uint64_t>((from_now + tick - milliseconds(1)) / tick) + 1;
  e.cancelled_ = false;
  if (e.wheel_ != nullptr) {
    if (e.visit_ <= e.due_) return;
    e.unlink();
  }
  link(e);
}

void timer_wheel::arm(entry& e, milliseconds from_now, mono_time now) {
  const auto present = ticks(now);
  const auto worked = present > now_ ? tick * static_cast<std::int64_t>(present - now_) : milliseconds(0);
  arm(e, from_now + (ticking_ ? worked : milliseconds(0)));  // a wheel that stands still catches up by itself
}

void timer_wheel::link(entry& e) {
  e.visit_ = std::min(e.due_, now_ + slots - 1);
  auto& slot = slots_[e.visit_ % slots];
  e.wheel_ = this;
  e.next_ = &slot;
  e.previous_ = slot.previous_;
  slot.previous_->next_ = &e;
  slot.previous_ = &e;
  ++linked_;
}

void timer_wheel::visit(entry& slot) {
  if (slot.next_ == &slot) return;
  // Taken off the wheel first: a callback may arm entries into this very slot.
  entry due;
  due.next_ = slot.next_;
  due.previous_ = slot.previous_;
  due.next_->previous_ = due.previous_->next_ = &due;
  slot.next_ = slot.previous_ = &slot;
  while (due.next_ != &due) {
    auto& e = *due.next_;
    e.unlink();
    if (e.cancelled_) continue;
    if (e.due_ > now_) {
      link(e);
    } else {
      e.expired_(e.owner_);
    }
  }
}

void timer_wheel::advance(mono_time to) {
  const auto target = ticks(to);
  if (target > now_ + slots) now_ = target - slots;  // the machine slept: every slot once is enough
  while (now_ < target) {
    ++now_;
    visit(slots_[now_ % slots]);
  }
}

void timer_wheel::start_ticker() {
  ticking_ = true;
  ticker_.expires_after(tick);
  ticker_.async_wait([this](boost::system::error_code ec) {
    if (ec) return;
    advance(mono_now());
    ticking_ = false;
    if (linked_ > 0) start_ticker();
  });
}

}  // namespace sluice::transport
