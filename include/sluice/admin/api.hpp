// The admin API: liveness, readiness, status, metrics, coverage, and a dry run. It only reads, but for arming again what the node demoted; what it shows is handed in as
// functions, so that it can be tested without a gateway. Called on the control server's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sluice/net/control_server.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/rollout/block_band.hpp"
#include "sluice/store/agent.hpp"
#include "sluice/telemetry/metrics.hpp"

namespace sluice::admin {

// What POST /v1/explain works with: a snapshot and what it was made of.
struct loaded_bundle {
  std::shared_ptr<const policy::bundle_ast> bundle;
  std::shared_ptr<const policy::snapshot> snapshot;
};

struct sources {
  std::string token;         // empty: none is asked for
  std::string build, node, mode, config_digest;
  wall_time started{};
  std::function<store::agent_status()> policy;
  std::function<telemetry::metrics_input()> metrics;
  std::function<std::shared_ptr<const loaded_bundle>()> loaded;  // null: no policy is in force
  std::string audit_directory;  // whose files may be read; empty: none
  std::function<net::control_response(const net::control_request&)> feedback;  // of /v1/feedback; null: there is no such path
  std::function<std::vector<rollout::version_bands>()> bands;  // of the versions in force; null: nothing is watched
  std::function<void(const std::string& rule)> rearm;  // what this node demoted itself; "" for all of it
  std::function<std::string()> not_ready;  // why no traffic should come, beside the policy; "" when ready
};

class api {
 public:
  explicit api(sources from);
  // Never throws. /livez and /readyz need no token; everything else does when there is one.
  [[nodiscard]] net::control_response handle(const net::control_request& request) const;

 private:
  sources from_;
};

}  // namespace sluice::admin
