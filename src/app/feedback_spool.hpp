// Feedback on its way to Redis: written to a file of the state directory first, so that neither a restart nor a Redis that is gone loses any. One
// thread of its own does both; nobody else waits for a disk or a server. Where policies come from a folder, the file is where it stays, and what is
// oldest in it makes room for what comes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"

namespace sluice::app {

class feedback_spool {
 public:
  static constexpr std::uint64_t file_bytes_max = 16u << 20;
  static constexpr std::size_t queue_max = 1000;

  // `redis`: where entries go; none: they stay.
  feedback_spool(const std::string& directory, std::optional<store::redis_endpoint> redis, const std::string& ring);
  ~feedback_spool();  // writes what is queued
  feedback_spool(const feedback_spool&) = delete;
  feedback_spool& operator=(const feedback_spool&) = delete;

  // False: there is no room, or the disk takes nothing at the moment. Any thread.
  [[nodiscard]] bool add(std::string line);
  // What lies in the file: all, or what Redis does not have yet.
  [[nodiscard]] std::vector<std::string> lines() const;
  struct counts {
    std::uint64_t received = 0;      // entries that were taken
    std::uint64_t forwarded = 0;     // entries that Redis has taken; some twice after a crash
    std::uint64_t dropped = 0;       // entries that were refused, that a crash tore, that the disk did not take until the end, or that newer ones pushed out
    std::uint64_t waiting_bytes = 0; // of the file that Redis does not have; where there is none, all of it
  };
  // Any thread.
  [[nodiscard]] counts stats() const;

 private:
  void open_file();
  void run();
  void look_at_file();
  void make_room(std::size_t bytes);
  [[nodiscard]] bool write(const std::vector<std::string>& some);
  void keep(std::vector<std::string> some);
  void lose(std::size_t entries);
  [[nodiscard]] bool forward();
  void empty_file();
  void tell(const std::string& why);
  [[nodiscard]] result<void> send(const std::vector<std::string>& some);
  std::string file_, sent_file_, reports_, labels_, told_, told_of_disk_;
  std::optional<store::redis_endpoint> redis_;
  mutable std::mutex lock_;  // of what follows
  std::condition_variable wake_;
  std::vector<std::string> queue_;
  std::uint64_t size_ = 0;   // of its whole entries; only thread_ changes it
  std::uint64_t sent_ = 0;   // bytes of the file that Redis has; only thread_ changes it
  counts counts_;            // waiting_bytes aside
  bool stopping_ = false;
  bool fails_ = false;       // what is queued could not be written: nothing is taken until it was
  std::thread thread_;  // last: it uses the others
};

}  // namespace sluice::app
