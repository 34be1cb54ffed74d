// Questions to Redis from threads that never wait for it: a queue with bounds, one thread, one connection, and as many questions in a round
// trip as wait. What is asked of Redis, and what an answer is, its owner says: the vault, the ledger.
//
// ask() may be called from any thread. While Redis is away it is refused at once, and connecting is tried again at growing intervals.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "redis_client.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/threads.hpp"
#include "sluice/store/shared_figures.hpp"

namespace sluice::store {

template <class Asked>
class redis_lane {
 public:
  static constexpr std::size_t batch_max = 64;
  static constexpr std::size_t waiting_max = 4096;  // questions
  static constexpr std::size_t waiting_bytes_max = 32u << 20;

  struct settings {
    redis_endpoint redis;
    milliseconds timeout;    // of one batch, both ways and all its round trips
    std::string thread;      // its name, 15 bytes
    std::string name;        // "the vault", in the log
    std::string without;     // what exchanges do while it is away, in the log
  };
  // On the lane's thread, but for answers to what is dropped by stop().
  struct callbacks {
    // May be called a second time for the same batch, behind a new connection.
    std::function<result<void>(redis_client&, std::vector<Asked>&, mono_time until)> serve;
    std::function<void(Asked&, bool served)> tell;
    std::function<void(const std::string& level, const std::string& message)> log;
  };

  redis_lane(settings as, callbacks to) : as_(std::move(as)), calls_(std::move(to)) {}
  ~redis_lane() { stop(); }
  redis_lane(const redis_lane&) = delete;
  redis_lane& operator=(const redis_lane&) = delete;

  // Tries to connect within the timeout, then starts the thread; it goes on trying when that fails.
  void start() {
    (void)connect();
    thread_ = start_thread([this] {
      ::pthread_setname_np(::pthread_self(), as_.thread.c_str());
      run();
    });
  }
  // False: Redis is away, or too much waits already; nothing follows.
  [[nodiscard]] bool ask(Asked what, std::size_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      ++counted_.asked;
      if (away_ || stopping_ || waiting_.size() >= waiting_max || waiting_bytes_ + bytes > waiting_bytes_max) {
        ++counted_.unavailable;
        return false;
      }
      waiting_bytes_ += bytes;
      waiting_.push_back({std::move(what), bytes});
    }
    wake_.notify_one();
    return true;
  }
  // Of a question that is none for Redis: counted as one that it did not answer.
  [[nodiscard]] bool decline() {
    const std::lock_guard lock(mutex_);
    ++counted_.asked;
    ++counted_.unavailable;
    return false;
  }
  // What waits is not answered any more.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  // What became of questions, as the owner knows it: f(figures).
  template <class F>
  void count(F&& f) {
    const std::lock_guard lock(mutex_);
    f(counted_);
  }
  [[nodiscard]] shared_figures stats() const {
    const std::lock_guard lock(mutex_);
    auto out = counted_;
    out.connected = !away_;
    return out;
  }
  // To the log, once in a row. On the lane's thread.
  void complain(const std::string& what) {
    if (std::exchange(complained_, what) != what) calls_.log("warn", what);
  }

 private:
  static constexpr milliseconds back_off_first{100}, back_off_max{2000};

  struct queued {
    Asked what;
    std::size_t bytes;
  };

  [[nodiscard]] bool connect() {
    auto made = redis_client::connect(as_.redis, as_.timeout);
    if (!made) {
      go_away(made.error());
      return false;
    }
    redis_ = std::move(*made);
    back_off_ = milliseconds(0);
    if (!std::exchange(complained_, {}).empty()) calls_.log("info", as_.name + " is reached again");
    const std::lock_guard lock(mutex_);
    away_ = false;
    return true;
  }

  void go_away(const error& why) {
    redis_.reset();
    back_off_ = std::clamp(back_off_ * 2, back_off_first, back_off_max);
    complain(as_.name + " in Redis at " + as_.redis.display() + " cannot be reached: " + why.message + "; " + as_.without);
    std::deque<queued> dropped;
    {
      const std::lock_guard lock(mutex_);
      away_ = true;
      dropped.swap(waiting_);
      waiting_bytes_ = 0;
    }
    for (auto& each : dropped) calls_.tell(each.what, false);
  }

  // Waits for questions, or, while Redis is away, for the time of the next attempt. False: stop.
  [[nodiscard]] bool take(std::vector<Asked>& batch) {
    std::unique_lock lock(mutex_);
    while (!stopping_ && waiting_.empty()) {
      if (!away_) {
        wake_.wait(lock);
        continue;
      }
      if (wake_.wait_for(lock, back_off_, [this] { return stopping_; })) break;
      lock.unlock();
      (void)connect();
      lock.lock();
    }
    if (stopping_) return false;
    while (!waiting_.empty() && batch.size() < batch_max) {
      waiting_bytes_ -= waiting_.front().bytes;
      batch.push_back(std::move(waiting_.front().what));
      waiting_.pop_front();
    }
    return true;
  }

  [[nodiscard]] result<void> serve(std::vector<Asked>& batch) { return calls_.serve(*redis_, batch, mono_now() + as_.timeout); }

  void run() {
    std::vector<Asked> batch;
    while (take(batch)) {
      auto done = serve(batch);
      // A connection that Redis closed while nobody asked shows with the next question: that one has another attempt.
      if (!done && done.error().code != errc::timeout && connect()) done = serve(batch);
      for (auto& each : batch) calls_.tell(each, done.has_value());
      batch.clear();
      if (!done && redis_) go_away(done.error());
    }
  }

  const settings as_;
  const callbacks calls_;

  mutable std::mutex mutex_;  // what follows, until the next blank line; held for a push or a look, never over a call to Redis
  std::condition_variable wake_;
  std::deque<queued> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool away_ = true, stopping_ = false;
  shared_figures counted_;  // `connected` aside

  // The thread's own.
  std::optional<redis_client> redis_;
  milliseconds back_off_{0};
  std::string complained_;  // what the log was told last
  std::thread thread_;
};

}  // namespace sluice::store
