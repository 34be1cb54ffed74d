// A program with its rulesets by context.
#pragma once

#include "program.hpp"
#include "scope_map.hpp"

namespace sluice::policy {

class compiled_snapshot final : public snapshot {
 public:
  compiled_snapshot(std::shared_ptr<const program> made, scope_map scopes);
  [[nodiscard]] const std::string& version() const override { return program_->version; }
  [[nodiscard]] const std::string& bundle_name() const override { return program_->bundle_name; }
  [[nodiscard]] const ruleset& rules_for(const context& who) const override { return scopes_.find(who); }
  [[nodiscard]] bool tells_models_apart(std::string_view a, std::string_view b) const override { return scopes_.tells_apart(&context::model, a, b); }
  [[nodiscard]] bool asks_for_tags() const override { return scopes_.asks_for_tags(); }
  [[nodiscard]] bool denies_all() const override { return false; }
  [[nodiscard]] const std::vector<rule_info>& rules() const override { return program_->infos; }
  [[nodiscard]] breaker_terms breaker() const override { return program_->breaker; }
  [[nodiscard]] const std::vector<std::string>& demoted() const override { return program_->demoted; }
  // With these in shadow.
  [[nodiscard]] std::shared_ptr<const snapshot> with_demoted(const std::vector<std::string>& rule_ids) const;
  [[nodiscard]] std::size_t memory_bytes() const override { return program_->memory_bytes; }
  [[nodiscard]] std::vector<shared_piece> shared_pieces() const override;

 private:
  std::shared_ptr<const program> program_;
  scope_map scopes_;
};

}  // namespace sluice::policy
