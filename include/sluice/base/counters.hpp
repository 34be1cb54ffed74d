// Plain counters that the hot path writes and telemetry reads. Each has one writer thread, so an increment is a
// relaxed load and store, not a locked instruction; a reader may see a value that is a moment old, never a torn one.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <string_view>

namespace sluice {

class counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class gauge {
 public:
  void add(std::int64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Powers of two of microseconds: bucket i counts values <= 2^i us; the last is +Inf.
class latency_histogram {
 public:
  static constexpr std::size_t buckets = 26;
  void observe(std::uint64_t us) {
    const auto i = us <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(us - 1));
    count_[i < buckets ? i : buckets].add();
    sum_.add(us);
  }
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return count_[i].value(); }
  [[nodiscard]] std::uint64_t sum() const { return sum_.value(); }

 private:
  std::array<counter, buckets + 1> count_;
  counter sum_;
};

// Why the gateway itself stopped an exchange, without a rule.
enum class refusal : std::uint8_t {
  unreadable_request, unknown_part, server_state, unknown_path, denied_path, method, unknown_caller, too_large, media_type, no_policy, no_room,
  unreadable_answer, policy_superseded, vault_unavailable
};
inline constexpr std::array<std::string_view, 14> refusal_names = {"unreadable_request", "unknown_part", "server_state", "unknown_path",
                                                                   "denied_path",        "method",       "unknown_caller", "too_large",
                                                                   "media_type",         "no_policy",    "no_room",        "unreadable_answer",
                                                                   "policy_superseded",  "vault_unavailable"};

// What one worker counts. Telemetry adds the workers up.
struct worker_counters {
  std::array<counter, refusal_names.size()> refused;  // by `refusal`
  counter shadow_flagged, shadow_edited, shadow_blocked;  // what rules in shadow would have done, where it is more than what was done
  counter exchanges, blocked, edited, flagged, streams, upstream_errors, client_aborts, refused_busy, bad_requests;
  counter unscanned_bytes;
  counter held_bytes;       // response text that did not leave with the event it came in
  counter released_bytes;   // response text that did
  gauge in_flight, client_connections, upstream_connections;
  latency_histogram added_latency;  // time inside Sluice until the upstream request, plus from its answer's end to ours
};

}  // namespace sluice
