// The invented customers of `sluice demo`: one thread that asks all gateways in turn, and counts how its requests fare.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace sluice::app::demo {

inline constexpr std::uint32_t customers = 90;
inline constexpr const char* tenants[] = {"retail", "business", "private"};

class traffic {
 public:
  // `urls`: gateways, without a path. Asks until it is destroyed.
  traffic(std::vector<std::string> urls, std::uint32_t per_second);
  ~traffic() = default;
  traffic(const traffic&) = delete;
  traffic& operator=(const traffic&) = delete;

  // "sent 1204: 1180 answered, 24 blocked by a rule, 0 failed"
  [[nodiscard]] std::string told() const;

 private:
  void run(const std::stop_token& stop);
  void ask(const std::string& url, std::uint64_t n, std::uint32_t dice);
  std::vector<std::string> urls_;
  std::uint32_t per_second_;
  std::atomic<std::uint64_t> answered_{0}, blocked_{0}, failed_{0};
  std::jthread thread_;  // last: it uses the others
};

}  // namespace sluice::app::demo
