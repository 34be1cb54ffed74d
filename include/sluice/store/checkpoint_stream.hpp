// Signed checkpoints of decision logs in a stream of their ring in Redis: each gateway adds its own, and whoever verifies a log asks for all. What
// stands there a gateway's host cannot take back, where Redis lets its user only add (docs/deploy.md).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"
#include "sluice/store/stream_writer.hpp"

namespace sluice::store {

// Of a ring, all nodes together: the oldest go.
inline constexpr std::uint64_t checkpoints_kept = 100'000;

// Sends them, on a thread of its own with a connection of its own: the agent's may be building a version for a minute, and is gone when the log
// writes its last checkpoint. While Redis is away they wait, so many at most; past that the oldest is skipped, so that the newest always goes.
class checkpoint_sender {
 public:
  static constexpr std::size_t waiting_max = 1000;
  using logger = std::function<void(const std::string& level, const std::string& message)>;  // on the sender's thread

  checkpoint_sender(redis_endpoint to, const std::string& ring, logger log);
  ~checkpoint_sender();  // tries once more to send what waits; a Redis that does not answer costs the timeout
  checkpoint_sender(const checkpoint_sender&) = delete;
  checkpoint_sender& operator=(const checkpoint_sender&) = delete;

  // The checkpoint's line of the log. Any thread; never waits.
  void add(std::string line);
  // Whether Redis answers, as the policy source knows. While it does not, nothing is tried but at the end: a Redis that comes back has enough to do
  // with a fleet's sources. At first it does not. Any thread.
  void set_reachable(bool is);
  struct counts {
    std::uint64_t sent = 0, skipped = 0, waiting = 0;
  };
  [[nodiscard]] counts stats() const;  // any thread

 private:
  void run();
  [[nodiscard]] result<void> send(const std::vector<std::string>& some);
  void tell(const std::string& why);

  const redis_endpoint to_;
  const std::string stream_;
  const logger log_;
  std::string told_;  // the thread's
  mutable std::mutex lock_;  // of what follows
  std::condition_variable wake_;
  std::deque<std::string> waiting_;
  counts counts_;  // `waiting` aside
  bool reachable_ = false, stopping_ = false;
  std::optional<stream_writer> writer_;  // the thread's
  std::thread thread_;                   // last: it uses the others
};

// What the ring's stream has, oldest first.
struct kept_checkpoints {
  std::string stream;
  struct entry {
    std::string id, line;
  };
  std::vector<entry> entries;
  // That were ever added to it, as Redis counts; none: it does not say (XINFO is not allowed, or an old release).
  std::optional<std::uint64_t> added;
};
[[nodiscard]] result<kept_checkpoints> read_checkpoints(const redis_endpoint& from, const std::string& ring, milliseconds timeout);

}  // namespace sluice::store
