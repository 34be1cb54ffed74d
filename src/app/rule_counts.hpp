// Findings by rule, counted by workers without a lock and read by the admin thread. A table belongs to one snapshot; when the
// last exchange of that snapshot ended, its counts are folded into the totals.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "sluice/base/counters.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/telemetry/metrics.hpp"

namespace sluice::app {

// Counters of one snapshot: for each worker, for each rule, enforced and shadow findings.
class rule_table {
 public:
  rule_table(const std::shared_ptr<const policy::snapshot>& of, std::size_t workers);
  [[nodiscard]] bool is_for(const policy::snapshot* snapshot) const { return snapshot_ == snapshot; }
  [[nodiscard]] bool over() const { return alive_.expired(); }
  void count(std::size_t worker, const policy::finding& found);

  struct row {
    std::string policy, rule, action;
    bool enforced;
    std::uint64_t findings;
  };
  [[nodiscard]] std::vector<row> rows() const;

 private:
  const policy::snapshot* snapshot_;
  std::weak_ptr<const policy::snapshot> alive_;
  std::vector<policy::snapshot::rule_info> rules_;
  std::vector<std::vector<counter>> counts_;  // [worker][2 * rule + enforced]
};

// The control side: hands out tables and adds them up. Thread-safe.
class rule_counts {
 public:
  explicit rule_counts(std::size_t workers) : workers_(workers) {}
  // The table of this snapshot: the one that is there, or a new one.
  [[nodiscard]] std::shared_ptr<rule_table> table_for(const std::shared_ptr<const policy::snapshot>& snapshot);
  [[nodiscard]] std::vector<telemetry::rule_count> totals();

 private:
  using key = std::tuple<std::string, std::string, std::string, bool>;
  void fold();

  std::size_t workers_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<rule_table>> tables_;
  std::map<key, std::uint64_t> past_;
};

}  // namespace sluice::app
