// Syncs a file on a thread of its own: while a slow disk syncs, records must go on reaching the file, or a kill would lose them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "sluice/base/threads.hpp"

namespace sluice::audit {

class background_sync {
 public:
  background_sync() : thread_(start_thread([this] { run(); })) {}
  ~background_sync();  // ends what is under way
  background_sync(const background_sync&) = delete;
  background_sync& operator=(const background_sync&) = delete;

  // Begins to sync what has been written to `fd`, which may be closed meanwhile. False: the one before is still under way.
  [[nodiscard]] bool begin(int fd);
  [[nodiscard]] bool busy() const { return busy_.load(); }
  void wait() const { busy_.wait(true); }  // until it is not
  [[nodiscard]] std::uint64_t done() const { return done_.load(); }  // those that did not fail
  // The error number of one that failed since this was last asked; 0: none did.
  [[nodiscard]] int take_failure() { return failure_.exchange(0); }

 private:
  void run();
  std::mutex lock_;
  std::condition_variable wake_;
  int fd_ = -1;
  bool stopping_ = false;
  std::atomic<bool> busy_{false};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<int> failure_{0};
  std::thread thread_;  // last: it uses the others
};

}  // namespace sluice::audit
