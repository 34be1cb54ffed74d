// Keeping idle upstream connections and noticing when they die.
#include "upstream_pool.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>

namespace sluice::net {
namespace {

constexpr milliseconds idle_time{60'000};

}  // namespace

// Any event on an idle connection ends it: bytes nobody asked for are as bad as a close.
class upstream_pool::entry final : public transport::stream_events {
 public:
  entry(upstream_pool& pool, std::size_t upstream, std::unique_ptr<transport::stream> s)
      : upstream_(upstream), pool_(pool), stream_(std::move(s)), timer_([](void* self) { static_cast<entry*>(self)->gone(); }, this) {
    stream_->listen(this);
    stream_->read(true);
    pool_.wheel_.arm(timer_, idle_time);
  }
  void on_data(std::string_view) override { gone(); }
  void on_end(transport::end_reason, std::string_view) override { gone(); }
  [[nodiscard]] std::unique_ptr<transport::stream> release() {
    stream_->listen(nullptr);
    return std::move(stream_);
  }
  [[nodiscard]] std::size_t upstream() const { return upstream_; }

 private:
  void gone() {
    stream_->listen(nullptr);
    stream_->close();
    pool_.remove(*this);
  }
  std::size_t upstream_;
  upstream_pool& pool_;
  std::unique_ptr<transport::stream> stream_;
  transport::wheel_timer timer_;
};

upstream_pool::upstream_pool(boost::asio::io_context& context, transport::wheel_driver& wheel, std::size_t upstreams, std::size_t idle_max,
                             gauge& connections)
    : context_(context), wheel_(wheel), idle_max_(idle_max), connections_(connections), idle_(upstreams) {}
upstream_pool::~upstream_pool() { clear(); }

std::unique_ptr<transport::stream> upstream_pool::take(std::size_t upstream) {
  auto& list = idle_[upstream];
  if (list.empty()) return nullptr;
  auto found = list.back()->release();
  list.pop_back();
  return found;
}

void upstream_pool::give(std::size_t upstream, std::unique_ptr<transport::stream> idle) {
  auto& list = idle_[upstream];
  if (list.size() >= idle_max_) {
    dropped();
    return;
  }
  list.push_back(std::make_unique<entry>(*this, upstream, std::move(idle)));
}

// Called by the entry itself, so its memory goes on the context's next turn.
void upstream_pool::remove(entry& gone) {
  auto& list = idle_[gone.upstream()];
  const auto it = std::ranges::find_if(list, [&](const auto& e) { return e.get() == &gone; });
  if (it == list.end()) return;
  auto owned = std::shared_ptr<entry>(std::move(*it));
  list.erase(it);
  dropped();
  boost::asio::post(context_, [owned] {});
}

void upstream_pool::clear() {
  for (auto& list : idle_) {
    for (std::size_t i = 0; i < list.size(); ++i) dropped();
    list.clear();
  }
}

}  // namespace sluice::net
