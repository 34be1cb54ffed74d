// See rule_counts.hpp.
#include "rule_counts.hpp"


namespace sluice::app {

rule_table::rule_table(const std::shared_ptr<const policy::snapshot>& of, std::size_t workers)
    : snapshot_(of.get()), alive_(of), rules_(of->rules()) {
  counts_.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) counts_.emplace_back(2 * rules_.size());
}

void rule_table::count(std::size_t worker, const policy::finding& found) {
  if (found.rule < rules_.size()) counts_[worker][2 * found.rule + (found.enforced ? 1 : 0)].add();
}

std::vector<rule_table::row> rule_table::rows() const {
  std::vector<row> out;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    for (const bool enforced : {true, false}) {
      std::uint64_t sum = 0;
      for (const auto& worker : counts_) sum += worker[2 * i + (enforced ? 1 : 0)].value();
      const bool expected = enforced == (rules_[i].enforcement == policy::enforcement::enforce);
      if (sum == 0 && !expected) continue;  // a rule that enforces is shown as such also before it found anything
      out.push_back({rules_[i].policy, rules_[i].id, std::string(policy::to_string(rules_[i].action)), enforced, sum});
    }
  }
  return out;
}

std::shared_ptr<rule_table> rule_counts::table_for(const std::shared_ptr<const policy::snapshot>& snapshot) {
  const std::lock_guard lock(mutex_);
  fold();
  for (const auto& table : tables_) {
    if (table->is_for(snapshot.get())) return table;
  }
  tables_.push_back(std::make_shared<rule_table>(snapshot, workers_));
  return tables_.back();
}

// Tables whose snapshot is gone: nobody counts in them any more.
void rule_counts::fold() {
  std::erase_if(tables_, [this](const std::shared_ptr<rule_table>& table) {
    if (!table->over()) return false;
    for (auto& row : table->rows()) past_[{row.policy, row.rule, row.action, row.enforced}] += row.findings;
    return true;
  });
}

std::vector<telemetry::rule_count> rule_counts::totals() {
  const std::lock_guard lock(mutex_);
  fold();
  auto sums = past_;
  for (const auto& table : tables_) {
    for (auto& row : table->rows()) sums[{row.policy, row.rule, row.action, row.enforced}] += row.findings;
  }
  std::vector<telemetry::rule_count> out;
  for (const auto& [name, findings] : sums) {
    out.push_back({.policy = std::get<0>(name), .rule = std::get<1>(name), .action = std::get<2>(name),
                   .enforced = std::get<3>(name), .findings = findings});
  }
  return out;
}

}  // namespace sluice::app
