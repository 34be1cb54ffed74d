// Snapshots: the compiled one over a program and its rulesets, and the one that denies everything.
#include "compiled_snapshot.hpp"

namespace sluice::policy {

std::string_view to_string(freshness f) {
  switch (f) {
    case freshness::fresh: return "FRESH";
    case freshness::stale: return "STALE";
    case freshness::expired: return "EXPIRED";
    case freshness::none: return "NONE";
  }
  return "NONE";
}

compiled_snapshot::compiled_snapshot(std::shared_ptr<const program> made, scope_map scopes)
    : program_(std::move(made)), scopes_(std::move(scopes)) {}

std::vector<snapshot::shared_piece> compiled_snapshot::shared_pieces() const {
  std::vector<shared_piece> out;
  program_->each_shard([&](const shard& s) { out.push_back({s.database.get(), s.database->memory_bytes()}); });
  for (const auto& m : program_->models) out.push_back({m.get(), m->memory_bytes()});
  for (const auto& t : program_->terms) {
    if (t.regex) out.push_back({t.regex.get(), t.regex->regex.memory_bytes()});
  }
  return out;
}

namespace {

class deny_all_snapshot final : public snapshot {
 public:
  deny_all_snapshot() : version_(64, '0') {
    auto empty = std::make_shared<program>();
    empty->version = version_;
    rules_.owner = std::move(empty);
    rules_.denies_all = true;
    rules_.effective = version_;
  }
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] const std::string& bundle_name() const override { return name_; }
  [[nodiscard]] const ruleset& rules_for(const context&) const override { return rules_; }
  [[nodiscard]] bool tells_models_apart(std::string_view, std::string_view) const override { return false; }
  [[nodiscard]] bool asks_for_tags() const override { return false; }
  [[nodiscard]] bool denies_all() const override { return true; }
  [[nodiscard]] const std::vector<rule_info>& rules() const override { return none_; }
  [[nodiscard]] std::size_t memory_bytes() const override { return 0; }

 private:
  std::string version_, name_ = "none";
  ruleset rules_;
  std::vector<rule_info> none_;
};

}  // namespace

std::shared_ptr<const snapshot> snapshot::deny_all() {
  static const auto only = std::make_shared<const deny_all_snapshot>();
  return only;
}

const std::vector<std::string>& snapshot::demoted() const {
  static const std::vector<std::string> none;
  return none;
}

bool applies(const ruleset& rules, std::uint32_t rule) { return rules.active.has(rule); }
const std::string& effective_hash(const ruleset& rules) { return rules.effective; }
bool needs_record(const ruleset& rules) { return rules.needs_record; }
const std::string& effective_hash_before(const ruleset& rules) { return rules.effective_before.empty() ? rules.effective : rules.effective_before; }
bool tags_requests(const ruleset& rules) { return rules.tags_requests; }

bool prepare(scratch::impl& s, const std::shared_ptr<const program>& for_this) {
  if (s.prepared_raw == for_this.get() && !s.prepared.expired()) return true;
  bool fits = true;
  for_this->each_shard([&](const shard& one) { fits = fits && s.scan.prepare(*one.database); });
  if (!fits) return false;
  s.prepared = for_this;
  s.prepared_raw = for_this.get();
  s.candidates = index_set(for_this->terms.size());
  s.known_scores.clear();
  return true;
}

scratch::scratch() : impl_(std::make_unique<impl>()) {}
scratch::~scratch() = default;
scratch::scratch(scratch&&) noexcept = default;
scratch& scratch::operator=(scratch&&) noexcept = default;

}  // namespace sluice::policy
