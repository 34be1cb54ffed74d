// See watched_agent.hpp.
#include "watched_agent.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace sluice::store::testing {
namespace {

class named_snapshot final : public policy::snapshot {
 public:
  explicit named_snapshot(std::string version) : version_(std::move(version)) {}
  const std::string& version() const override { return version_; }
  const std::string& bundle_name() const override { return version_; }
  const policy::ruleset& rules_for(const policy::context&) const override { std::abort(); }
  bool asks_for_tags() const override { return false; }
  bool denies_all() const override { return false; }
  const std::vector<rule_info>& rules() const override { return rules_; }
  std::size_t memory_bytes() const override { return 1; }

 private:
  std::string version_;
  std::vector<rule_info> rules_;
};

}  // namespace

policy::bundle_source bundle_of(const std::string& text) {
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "name: test"));
  source.files.push_back(policy::make_source_file("policy.yaml", text));
  return source;
}

watched_agent::watched_agent(agent_config config) {
  agent::callbacks calls;
  calls.apply = [this](const policy::bundle_source& source, const std::string& version) {
    apply_result out;
    const auto refused = std::ranges::any_of(source.files, [](const auto& f) { return f.bytes.contains("REFUSE"); });
    if (refused) {
      out.phase = "check";
      out.message = "policy.yaml:1:1: refused";
      out.rule = "r-1";
    } else {
      out.snapshot = std::make_shared<named_snapshot>(version);
      out.phase = "done";
      out.bundle_on_unavailable = bundle_on_unavailable;
      out.notes = notes;
      out.apply_again = std::exchange(apply_again, std::nullopt);
    }
    const std::scoped_lock hold(lock_);
    ++applied_;
    return out;
  };
  calls.report = [this] { return agent::callbacks::told_to_ring{.arms = "", .shown = shown}; };
  calls.publish = [this](std::shared_ptr<const policy::active_policy> active) {
    const std::scoped_lock hold(lock_);
    active_ = *active;
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

bool watched_agent::until_event(const std::string& kind, const std::string& detail_part) {
  return wait([&] { return std::ranges::any_of(events_, [&](const auto& e) { return e.starts_with(kind) && e.contains(detail_part); }); });
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

std::size_t watched_agent::applied() const {
  const std::scoped_lock hold(lock_);
  return applied_;
}

}  // namespace sluice::store::testing
