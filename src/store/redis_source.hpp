// A ring in Redis as the source of versions: subscribe, then read; a notice is a hint, the head and the log are the truth, and
// a jittered poll heals what was missed.
#pragma once

#include <optional>

#include "node.hpp"
#include "ring_layout.hpp"
#include "source.hpp"

namespace sluice::store {

class redis_source final : public source {
 public:
  redis_source(const agent_config& config, store::node& node) : config_(config), node_(node), keys_(config.ring) {}
  void look() override;
  void wait(int wake_fd) override;

 private:
  [[nodiscard]] result<void> connect();
  [[nodiscard]] result<void> check();
  void drop(const std::string& why);
  [[nodiscard]] result<void> take(const activation_record& record);
  [[nodiscard]] result<void> acknowledge(const activation_record& record, const std::string& state, const std::string& phase,
                                         const std::string& message);
  [[nodiscard]] result<void> heartbeat();
  [[nodiscard]] milliseconds jittered(milliseconds around);
  const agent_config& config_;
  store::node& node_;
  ring_keys keys_;
  std::optional<redis_client> commands_, subscription_;
  std::optional<policy::activation> refused_;
  bool regressed_told_ = false;
  mono_time next_poll_{}, next_heartbeat_{}, next_connect_{};
  milliseconds back_off_{0};
};

}  // namespace sluice::store
