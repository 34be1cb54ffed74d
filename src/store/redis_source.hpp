// A ring in Redis as the source of versions: subscribe, then read; a notice is a hint, the head and the log are the truth, and
// a jittered poll heals what was missed.
#pragma once

#include <functional>
#include <optional>

#include "node.hpp"
#include "retry.hpp"
#include "ring_layout.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "source.hpp"

namespace sluice::store {

class redis_source final : public source {
 public:
  redis_source(const agent_config& config, store::node& node) : config_(config), node_(node), keys_(config.ring), again_(config.again_after) {}
  void look() override;
  void wait(int wake_fd) override;
  void trust_changed() override { refused_.clear(); }
  void tell_soon() override { next_heartbeat_ = {}; }
  void meanwhile() override;
  void leave() override;

 private:
  [[nodiscard]] result<void> connect();
  [[nodiscard]] result<void> check();
  [[nodiscard]] result<bool> wanted(const activation_record& record);
  void drop(const std::string& why);
  [[nodiscard]] result<void> take(const activation_record& record);
  // This record is not looked at again; `transient`: not before some time has passed.
  void keep_off(const activation_record& record, bool transient = false) { refused_ = record.text, again_.refused(record.text, transient); }
  void refuse_nothing() { refused_.clear(), again_.forget(); }
  [[nodiscard]] result<bool> trusted(const activation_record& record);
  [[nodiscard]] bool runs_record(const activation_record& record) const;
  void warn_of_end(const activation_record& record);
  [[nodiscard]] bool by_activator(const activation_record& record) const;
  struct base_record {
    activation_record record;
    std::string beyond;  // why what was asked about goes beyond it; empty: it does not
  };
  [[nodiscard]] result<base_record> made_live_by(const activation_record& record);
  [[nodiscard]] result<policy::bundle_source> files_of(const std::string& version, const placing& as, const std::string& manifest);
  [[nodiscard]] result<bool> log_is_whole();
  // What a record makes live, as this node may believe it. `live`: the record by which somebody who may activate made it live.
  [[nodiscard]] result<placing> placing_of(const activation_record& record, const activation_record& live);
  [[nodiscard]] result<bool> take_other(const activation_record& record, const std::string& version, const std::string& what, const placing& as, const std::string& manifest,
                                        const std::function<bool(const policy::bundle_source&)>& take);
  [[nodiscard]] result<void> read_revoked();
  [[nodiscard]] result<void> look_for_namesake();
  // Writes what others read about this node. A Redis that forbids it is told in the log and takes nothing from the policy.
  [[nodiscard]] result<void> tell(const std::vector<redis_command>& commands);
  [[nodiscard]] result<void> acknowledge(const activation_record& record, const std::string& state, const std::string& phase,
                                         const std::string& message);
  [[nodiscard]] result<void> heartbeat();
  [[nodiscard]] result<void> read_nodes();
  [[nodiscard]] result<void> read_clock();
  [[nodiscard]] milliseconds redis_now() const;  // since 1970
  [[nodiscard]] result<void> keep_alive();
  [[nodiscard]] result<void> follow_master();
  const agent_config& config_;
  store::node& node_;
  ring_keys keys_;
  std::optional<redis_client> commands_, subscription_;
  std::string refused_;  // the record that was refused, as it stood in Redis: another under the same number is news
  retry again_;          // what of it is tried again: the record
  std::string end_told_;  // of which record it was told that its key ends, and when
  bool damage_told_ = false, silence_told_ = false;
  const std::string boot_ = hex(crypto::random_bytes(8));  // this process, in its heartbeats
  bool beat_ = false, namesake_told_ = false;
  unsigned overwritten_ = 0;           // how often of late another process had written over them
  bool in_step_ = false;      // what stands at the head now is no older than what this node has seen
  bool revoked_due_ = false;  // somebody has revoked a version, or taken it back
  bool unvouched_ = false;  // what stands at the head now is nobody's word
  bool refused_its_number_ = false;  // a record that does not count, under the number of the one that runs
  mono_time rests_until_{}, next_poll_{}, next_heartbeat_{}, next_nodes_{}, next_connect_{}, pong_{};
  milliseconds back_off_{0};
  std::optional<milliseconds> clock_;  // Redis' time since 1970, less the monotonic clock's; none: it does not tell
};

}  // namespace sluice::store
