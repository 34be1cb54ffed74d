// Where a version in shadow judges live traffic: one thread of the lowest priority with a share of one processor of its own. Workers copy
// an exchange's text into a queue when it is over and go on; when the share is used up, or the queue is full, the exchange is shed and
// counted. Nothing of it can reach a client.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sluice/audit/log.hpp"
#include "sluice/base/counters.hpp"
#include "sluice/base/handoff.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/rollout/counted_spans.hpp"
#include "sluice/rollout/cpu_budget.hpp"
#include "sluice/rollout/shadow_judge.hpp"
#include "sluice/rollout/shadow_tally.hpp"

namespace sluice::app {

class shadow_lane {
 public:
  // Records go into `log` as its producer number `workers`.
  shadow_lane(std::size_t workers, unsigned cpu_percent, rollout::shadow_keys keys, audit::log& log);
  ~shadow_lane();  // what is queued is shed
  shadow_lane(const shadow_lane&) = delete;
  shadow_lane& operator=(const shadow_lane&) = delete;

  // The version that is in shadow; "": none, and the thread sleeps. What waits to be judged by another one is shed: nothing of it is kept for longer
  // than a look takes.
  void expect(std::string version);
  // A worker's own thread; only where the report's policy has a version in shadow.
  void offer(std::size_t worker, const proxy::exchange_report& report);

  struct statistics {
    std::uint64_t judged = 0, inexact = 0;
    std::uint64_t shed_budget = 0, shed_queue = 0, shed_size = 0, shed_log = 0;  // why an exchange was not judged
    std::uint64_t cpu_us = 0;
  };
  [[nodiscard]] statistics stats() const;
  // What the version that is or was in shadow here would have blocked. The last one only; from any thread.
  [[nodiscard]] store::shown_by_version shown() const;

 private:
  struct job {
    rollout::shadow_exchange of;
    std::string id, activation, freshness, dialect, endpoint, method, path;
    std::size_t bytes = 0;
  };
  struct worker_side {
    explicit worker_side(std::size_t places) : queue(places) {}
    handoff<std::unique_ptr<job>> queue;
    counter shed_budget, shed_queue, shed_size;
  };
  [[nodiscard]] bool next_look();
  void run();
  bool run_once();
  bool shed_ended(worker_side& side);
  void judge(const job& of);

  rollout::shadow_keys keys_;
  audit::log& log_;
  std::vector<std::unique_ptr<worker_side>> workers_;
  rollout::cpu_budget budget_;
  std::atomic<std::size_t> waiting_bytes_{0};
  counter judged_, inexact_, shed_log_, shed_ended_, cpu_us_;
  policy::scratch scratch_, live_scratch_;
  void count_blocks(const rollout::shadow_exchange& of, const rollout::shadow_judgement& done);
  mutable std::mutex tally_lock_;  // of the lane's thread and whoever asks; no worker's
  std::optional<rollout::shadow_tally> tally_;
  rollout::counted_spans spans_;       // of its version; the lane's thread alone
  rollout::judged_exchange counted_;  // used again and again by the lane's thread
  std::mutex expect_lock_;
  std::condition_variable expected_changed_;
  std::string expected_;               // both are of expect_lock_
  bool stopping_ = false;
  std::string judging_;                // expected_, as the lane's thread saw it last
  std::thread thread_;
};

}  // namespace sluice::app
