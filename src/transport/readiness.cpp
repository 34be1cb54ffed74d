// See readiness.hpp.
#include "sluice/transport/readiness.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <sys/epoll.h>
#include <boost/asio/post.hpp>

namespace sluice::transport {
namespace asio = boost::asio;
namespace {

constexpr std::uint32_t watched = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
// Then timers and posted calls have their turn.
constexpr int rounds_max = 4;

std::uint32_t index_of(readiness::ticket t) { return static_cast<std::uint32_t>(t); }
std::uint32_t generation_of(readiness::ticket t) { return static_cast<std::uint32_t>(t >> 32); }

int make_set() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) std::abort();  // no descriptor at the start of a worker: nothing can be served
  return fd;
}

}  // namespace

readiness::readiness(asio::io_context& io) : set_(io.get_executor(), make_set()) {}
readiness::~readiness() = default;

readiness::ticket readiness::add(int descriptor, std::shared_ptr<watcher> who) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const auto at = free_.back();
  const ticket made = static_cast<ticket>(slots_[at].generation) << 32 | at;
  epoll_event event{};
  event.events = watched;
  event.data.u64 = made;
  if (::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0) return none;
  free_.pop_back();
  slots_[at].who = std::move(who);
  if (++registered_ == 1) wait();
  return made;
}

void readiness::remove(ticket of, int descriptor) {
  auto& s = slots_[index_of(of)];
  if (s.generation != generation_of(of)) return;
  // Closing alone is not enough while a forked child still has the descriptor.
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  s.who.reset();
  if (++s.generation == 0) s.generation = 1;
  free_.push_back(index_of(of));
  if (--registered_ == 0) set_.cancel();
}

void readiness::again(ticket of) {
  again_.push_back(of);
  if (std::exchange(posted_, true)) return;
  asio::post(set_.get_executor(), [this] { take_again(); });
}

void readiness::take_again() {
  posted_ = false;
  again_now_.swap(again_);
  for (const auto of : again_now_) tell(of, 0);
  again_now_.clear();
}

// A loop without sockets has nothing to wait for, and may end.
void readiness::wait() {
  if (waiting_ || registered_ == 0) return;
  waiting_ = true;
  set_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code ec) {
    waiting_ = false;
    if (!ec) take_events();
    wait();
  });
}

void readiness::take_events() {
  std::array<epoll_event, 128> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): epoll_wait fills it
  for (int round = 0; round < rounds_max; ++round) {
    const int n = ::epoll_wait(set_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < n; ++i) tell(events[static_cast<std::size_t>(i)].data.u64, events[static_cast<std::size_t>(i)].events);
    if (n < static_cast<int>(events.size())) return;
  }
}

void readiness::tell(ticket of, std::uint32_t events) {
  const auto& s = slots_[index_of(of)];
  if (s.generation != generation_of(of)) return;
  const auto who = s.who;  // it may be removed, and its last owner gone, within the call
  who->on_ready(events);
}

}  // namespace sluice::transport
