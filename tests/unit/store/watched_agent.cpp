// See watched_agent.hpp.
#include "watched_agent.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace sluice::store::testing {
namespace {

class named_snapshot final : public policy::snapshot {
 public:
  named_snapshot(std::string version, std::vector<rule_info> rules, std::vector<std::string> demoted) : version_(std::move(version)), rules_(std::move(rules)), demoted_(std::move(demoted)) {}
  const std::string& version() const override { return version_; }
  const std::string& bundle_name() const override { return version_; }
  const policy::ruleset& rules_for(const policy::context&) const override { std::abort(); }
  bool tells_models_apart(std::string_view, std::string_view) const override { return false; }
  bool asks_for_tags() const override { return false; }
  bool denies_all() const override { return false; }
  const std::vector<rule_info>& rules() const override { return rules_; }
  const std::vector<std::string>& demoted() const override { return demoted_; }
  std::size_t memory_bytes() const override { return 1; }

 private:
  std::string version_;
  std::vector<rule_info> rules_;
  std::vector<std::string> demoted_;
};

// Every version has them: "r-1", and "guarded", which says never_demote.
std::vector<policy::snapshot::rule_info> two_rules() {
  std::vector<policy::snapshot::rule_info> out(2);
  out[0].id = "r-1";
  out[1].id = "guarded";
  out[1].never_demote = true;
  return out;
}

}  // namespace

policy::bundle_source bundle_of(const std::string& text) {
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "name: test"));
  source.files.push_back(policy::make_source_file("policy.yaml", text));
  return source;
}

watched_agent::watched_agent(agent_config config) {
  agent::callbacks calls;
  calls.apply = [this](const policy::bundle_source& source, const std::string& version, policy::activation, was_checked) {
    if (while_applying) while_applying(version);
    apply_result out;
    const auto refused = std::ranges::any_of(source.files, [](const auto& f) { return f.bytes.contains("REFUSE"); });
    if (fails_for_now > 0) {
      --fails_for_now;
      out.phase = "compile";
      out.message = "the compiler did not start";
      out.transient = true;
    } else if (refused) {
      out.phase = "check";
      out.message = "policy.yaml:1:1: refused";
      out.rule = "r-1";
    } else {
      out.snapshot = std::make_shared<named_snapshot>(version, two_rules(), std::vector<std::string>());
      out.phase = "done";
      out.bundle_on_unavailable = bundle_on_unavailable;
      out.notes = notes;
      out.apply_again = std::exchange(apply_again, std::nullopt);
    }
    const std::scoped_lock hold(lock_);
    ++applied_;
    return out;
  };
  calls.in_shadow = [](const std::shared_ptr<const policy::snapshot>& of, const std::vector<std::string>& rules) { return std::make_shared<named_snapshot>(of->version(), of->rules(), rules); };
  calls.report = [this] { return agent::callbacks::told_to_ring{.arms = "", .shown = shown}; };
  calls.publish = [this](std::shared_ptr<const policy::active_policy> active) {
    const std::scoped_lock hold(lock_);
    active_ = *active;
    published_.push_back(*active);
    changed_.notify_all();
  };
  calls.event = [this](const std::string& kind, const policy::activation& activation, const std::string&, const std::string& state,
                       const std::string& detail) {
    const std::scoped_lock hold(lock_);
    events_.push_back(kind + " " + policy::to_string(activation) + " " + state + " " + detail);
    changed_.notify_all();
  };
  calls.log = [this](const std::string& level, const std::string& message) {
    const std::scoped_lock hold(lock_);
    logs_.push_back(level + " " + message);
    changed_.notify_all();
  };
  agent_ = std::make_unique<agent>(std::move(config), std::move(calls));
}

bool watched_agent::wait(const std::function<bool()>& fits) {
  std::unique_lock hold(lock_);
  return changed_.wait_for(hold, seconds(10), fits);
}

bool watched_agent::until(const std::function<bool(const policy::active_policy&)>& fits) {
  return wait([&] { return fits(active_); });
}

bool watched_agent::until_version(const std::string& version) {
  return until([&](const auto& a) { return a.snapshot->version() == version; });
}

bool watched_agent::until_state(policy::freshness state) {
  return until([&](const auto& a) { return a.freshness == state; });
}

namespace {

bool any_of_kind(const std::vector<std::string>& events, const std::string& kind, const std::string& detail_part) {
  return std::ranges::any_of(events, [&](const auto& e) { return e.starts_with(kind) && e.contains(detail_part); });
}

}  // namespace

bool watched_agent::until_event(const std::string& kind, const std::string& detail_part) {
  return wait([&] { return any_of_kind(events_, kind, detail_part); });
}

std::vector<std::string> watched_agent::events() const {
  const std::scoped_lock hold(lock_);
  return events_;
}

bool watched_agent::had_event(const std::string& kind, const std::string& detail_part) const {
  const std::scoped_lock hold(lock_);
  return any_of_kind(events_, kind, detail_part);
}

bool watched_agent::until_log(const std::string& part) {
  return wait([&] { return std::ranges::any_of(logs_, [&](const auto& l) { return l.contains(part); }); });
}

std::size_t watched_agent::logged(const std::string& part) const {
  const std::scoped_lock hold(lock_);
  return static_cast<std::size_t>(std::ranges::count_if(logs_, [&](const auto& l) { return l.contains(part); }));
}

policy::active_policy watched_agent::active() const {
  const std::scoped_lock hold(lock_);
  return active_;
}

std::vector<policy::active_policy> watched_agent::published() const {
  const std::scoped_lock hold(lock_);
  return published_;
}

std::size_t watched_agent::applied() const {
  const std::scoped_lock hold(lock_);
  return applied_;
}

}  // namespace sluice::store::testing
