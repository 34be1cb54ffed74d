// What one worker hands to its exchanges: the pinned policy, who is asking, names, and the way into the audit log. Called on the worker's
// thread only; set_policy and set_keys are posted to that thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "block_watch.hpp"
#include "config.hpp"
#include "conversation_tags.hpp"
#include "decision_id.hpp"
#include "feedback_intake.hpp"
#include "handle_ledger.hpp"
#include "identity.hpp"
#include "rule_counts.hpp"
#include "shadow_lane.hpp"
#include "sluice/audit/log.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/store/ledger.hpp"
#include "sluice/store/vault.hpp"

namespace sluice::app {

class gateway_services final : public proxy::services {
 public:
  // What exchanges leave for later ones. `vault`, `shared`: null where there is none.
  struct memories {
    conversation_tags& tags;
    store::vault* vault;
    handle_ledger& handles;
    store::ledger* shared;  // instead of `handles`
  };
  gateway_services(const config& settings, unsigned worker, audit::log& log, const memories& of, block_watch& blocks, shadow_lane& lane, decision_ids ids)
      : settings_(settings), worker_(worker), log_(log), memories_(of), blocks_(blocks), lane_(lane), ids_(std::move(ids)) {}

  instant now() override { return sluice::now(); }
  mono_time mono() override { return mono_now(); }
  std::shared_ptr<const policy::active_policy> pin() override { return active_; }
  policy::scratch& scratch() override { return scratch_; }
  result<proxy::identity> identify(const http::request_head& head, const proxy::peer_info& peer) override;
  std::string decision_id(const proxy::identity& who, wall_time time) override { return ids_.next(time, owner_of(who)); }
  bool needs_records() override { return settings_.audit.block_when_full; }
  bool reserve_records() override { return log_.reserve(worker_, proxy::records_max); }
  void release_records(unsigned unused) override { log_.release(worker_, unused); }
  void recall_tags(policy::context& who) override { memories_.tags.recall(who.tenant, who.conversation, mono_now(), who.tags); }
  void keep_tags(const policy::context& who, const std::vector<std::string>& tags) override { memories_.tags.keep(who.tenant, who.conversation, mono_now(), tags); }
  std::uint64_t ask_vault(policy::vault_question question) override;
  std::uint64_t ask_ledger(proxy::ledger_question question, proxy::ledger_answer& at_once) override;
  void record(const proxy::exchange_report& report) override;
  [[nodiscard]] bool keeps_text() override { return settings_.audit.encrypted; }
  worker_counters& counters() override { return counters_; }

  // `tables`: of the snapshots in force, one or two.
  void set_policy(std::shared_ptr<const policy::active_policy> active, const std::vector<std::shared_ptr<rule_table>>& tables);
  void set_feedback(feedback_intake* to) { feedback_ = to; }  // before the worker runs
  own_answer answer_own(const own_question& asked) override { return feedback_ != nullptr ? feedback_->from_client(asked) : own_answer{}; }
  void set_keys(std::shared_ptr<const key_table> keys) { keys_ = std::move(keys); }
  [[nodiscard]] const worker_counters& counted() const { return counters_; }
  // From any thread: bytes that passed unscanned, in the order of wire::dialect_names() and of proxy::unscanned_reasons.
  static constexpr std::size_t dialects_max = 8;
  using unscanned_counters = std::array<std::array<counter, proxy::unscanned_reasons.size()>, dialects_max>;
  [[nodiscard]] const unscanned_counters& unscanned() const { return unscanned_; }

 private:
  void count_unscanned(const proxy::exchange_report& report);
  const config& settings_;
  unsigned worker_;
  audit::log& log_;
  memories memories_;
  std::uint64_t tickets_ = 0;  // of the vault and the ledger
  block_watch& blocks_;
  shadow_lane& lane_;
  decision_ids ids_;
  feedback_intake* feedback_ = nullptr;  // null: clients are not asked
  std::shared_ptr<const policy::active_policy> active_ = std::make_shared<policy::active_policy>();
  std::vector<std::shared_ptr<rule_table>> tables_;  // of snapshots that may still have exchanges; the newest last
  std::shared_ptr<const key_table> keys_;            // null: no keys_file
  policy::scratch scratch_;
  worker_counters counters_;
  unscanned_counters unscanned_;
};

// What rules made of one side of an exchange. `out` may hold an older exchange's, whose memory is used again.
void fill(audit::section& out, const policy::outcome& from, bool judged, bool refused, bool spared, bool flagged, const std::vector<policy::snapshot::rule_info>& rules,
          const proxy::text_names& names);
// A report as the log keeps it, without its text. `out` may hold an older one.
void fill(audit::record& out, const proxy::exchange_report& report);

}  // namespace sluice::app
