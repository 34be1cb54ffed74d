// The running gateway: everything wired together from one configuration. Construction order is policy, then ports, so that
// the first request meets a policy when there is one. Owned and driven by the main thread.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "block_watch.hpp"
#include "config.hpp"
#include "conversation_tags.hpp"
#include "crash_guard.hpp"
#include "gateway_services.hpp"
#include "gateway_setup.hpp"
#include "handle_ledger.hpp"
#include "log_packing.hpp"
#include "pinned_snapshots.hpp"
#include "policy_loader.hpp"
#include "shadow_lane.hpp"
#include "sluice/admin/api.hpp"
#include "sluice/audit/log.hpp"
#include "sluice/net/control_server.hpp"
#include "sluice/net/server.hpp"
#include "sluice/store/agent.hpp"
#include "sluice/store/checkpoint_stream.hpp"
#include "sluice/store/ledger.hpp"
#include "sluice/store/vault.hpp"

namespace sluice::app {

class gateway {
 public:
  // Reads secrets and keys, makes the state directory, opens the audit log. No port is bound yet. errc::invalid_argument:
  // the configuration is at fault.
  [[nodiscard]] static result<std::unique_ptr<gateway>> prepare(config settings, std::string build);
  ~gateway();
  gateway(const gateway&) = delete;
  gateway& operator=(const gateway&) = delete;

  [[nodiscard]] result<void> start();  // loads the policy, binds the ports, serves
  void reload();                       // SIGHUP: keys, trusted keys and policy source
  void tick();                         // each second: keys whose file changed, faults of the audit log, snapshots that are held too long
  std::size_t stop(milliseconds bound);

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] std::uint16_t admin_port() const { return admin_->port(); }
  [[nodiscard]] const config& settings() const { return settings_; }
  [[nodiscard]] store::agent_status policy_status() const { return agent_->status(); }

 private:
  gateway(config settings, std::string build);
  void watch_keys();
  void watch_log();
  void watch_pins();
  void watch_blocks();
  [[nodiscard]] store::block_evidence evidence_of(const std::string& version) const;
  void retire();  // with publish_mutex_ held, as let_go()
  void let_go();
  result<void> read_secrets();
  result<void> read_keys_file();
  result<void> open_log();
  void open_vault();
  void open_ledger();
  void open_feedback();
  result<void> open_agent();
  result<void> open_server();
  result<void> open_admin();
  void publish(std::shared_ptr<const policy::active_policy> active);
  [[nodiscard]] std::vector<std::shared_ptr<rule_table>> tables_in_force();  // under publish_mutex_
  void on_event(const std::string& kind, const policy::activation& activation, const std::string& version,
                const std::string& state, const std::string& detail);
  [[nodiscard]] telemetry::metrics_input metrics();
  [[nodiscard]] std::shared_ptr<const proxy::settings> proxy_settings() const;

  directory_lock state_lock_, audit_lock_;  // let go last
  config settings_;
  std::string build_, node_, master_secret_, admin_token_;
  unsigned workers_;
  wall_time started_;
  rule_counts rules_;
  std::optional<crash_guard> guard_;
  std::unique_ptr<policy_loader> loader_;
  std::unique_ptr<store::checkpoint_sender> checkpoints_;  // where there is a ring; outlives the log, whose last one it sends
  std::unique_ptr<audit::log> log_;
  std::unique_ptr<log_tidying> tidying_;
  std::unique_ptr<feedback_spool> spool_;
  std::unique_ptr<feedback_intake> feedback_;
  std::string log_fault_;     // told; the main thread's
  std::uint64_t log_sync_failures_ = 0;
  std::mutex publish_mutex_;  // control plane only: current policy, keys, and whether workers are there to be told
  std::shared_ptr<const policy::active_policy> active_ = std::make_shared<policy::active_policy>();
  pinned_snapshots pins_;
  std::vector<pinned_snapshots::pointer> retired_;  // each once; some may be in force again
  std::shared_ptr<const key_table> keys_;
  std::filesystem::file_time_type keys_time_{};
  bool keys_lost_ = false;
  std::atomic<std::uint64_t> activations_{0}, demotions_{0}, breaker_users_{0};
  std::atomic<bool> stopping_{false};
  conversation_tags tags_;
  std::unique_ptr<store::vault> vault_;  // null where none is configured
  handle_ledger handles_;
  std::unique_ptr<store::ledger> ledger_;  // null: handles_ has it
  std::string arms_;  // of blocks_, for the ring; under publish_mutex_
  std::vector<rollout::version_bands> bands_;  // of blocks_; under publish_mutex_
  block_watch blocks_;  // look(): the main thread's
  std::unique_ptr<shadow_lane> lane_;
  std::vector<std::unique_ptr<gateway_services>> services_;
  std::unique_ptr<net::server> server_;
  bool serving_ = false;
  std::unique_ptr<store::agent> agent_;
  std::unique_ptr<net::control_server> admin_;
};

}  // namespace sluice::app
