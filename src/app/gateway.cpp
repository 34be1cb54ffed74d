// See gateway.hpp. One function for each thing that is opened; what they do is in their own modules.
#include "gateway.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "gateway_audit.hpp"
#include "gateway_setup.hpp"
#include "https_download.hpp"
#include "ledger_bytes.hpp"
#include "listen_options.hpp"
#include "trust_file.hpp"
#include "sluice/telemetry/log.hpp"

namespace sluice::app {
namespace {

using telemetry::level;

void say(const std::string& at, const std::string& message) { telemetry::log(telemetry::level_from(at), message); }

unsigned worker_count(unsigned configured) {
  return configured != 0 ? configured : std::max(1u, std::thread::hardware_concurrency());
}

proxy::unreadable_policy unreadable(bool pass) { return pass ? proxy::unreadable_policy::pass : proxy::unreadable_policy::deny; }

}  // namespace

gateway::gateway(config settings, std::string build)
    : settings_(std::move(settings)), build_(std::move(build)), workers_(worker_count(settings_.workers)),
      started_(now().wall), rules_(workers_),
      pins_(settings_.policy.snapshot_bytes_max, settings_.policy.pin_max), blocks_(workers_) {}

gateway::~gateway() {
  admin_.reset();  // nobody asks any more
  agent_.reset();  // nothing is published any more
  if (vault_) vault_->stop();  // no worker is told any more; they may still ask
  if (ledger_) ledger_->stop();
  server_.reset();
  lane_.reset();
  tidying_.reset();
  log_.reset();    // writes what is queued
}

result<std::unique_ptr<gateway>> gateway::prepare(config settings, std::string build) {
  std::unique_ptr<gateway> made(new gateway(std::move(settings), std::move(build)));
  const auto& state = made->settings_.policy.state_directory;
  // Before anything is written: a second gateway in the same folders would go by the same name and break the log's chain.
  auto state_lock = directory_lock::take(state, "gateway.lock", "policy.state_directory");
  if (!state_lock) return std::unexpected(state_lock.error());
  auto audit_lock = directory_lock::take(made->settings_.audit.directory, "writer.lock", "audit.directory");
  if (!audit_lock) return std::unexpected(audit_lock.error());
  made->state_lock_ = std::move(*state_lock);
  made->audit_lock_ = std::move(*audit_lock);
  const auto& listen = made->settings_.listen;
  const auto& admin = made->settings_.admin;
  if (auto free = port_is_free(listen.address, listen.port, "listen"); !free) return std::unexpected(free.error());
  if (auto free = port_is_free(admin.address, admin.port, "admin"); !free) return std::unexpected(free.error());
  if (auto done = made->read_secrets(); !done) return std::unexpected(done.error());
  if (auto done = made->read_keys_file(); !done) return std::unexpected(done.error());
  if (auto done = made->open_log(); !done) return std::unexpected(done.error());
  auto guard = crash_guard::open(state);
  if (!guard) return std::unexpected(guard.error());
  made->guard_.emplace(std::move(*guard));
  made->open_feedback();
  const auto& p = made->settings_.policy;
  const auto cpu = static_cast<std::uint32_t>(std::chrono::ceil<seconds>(p.compile_cpu_max).count());
  // A child of low priority may wait for the traffic half as long again.
  made->loader_ = std::make_unique<policy_loader>(state, match::compile_limits{.cpu_seconds = cpu, .wall_seconds = cpu + cpu / 2 + 1, .memory_bytes = p.compile_memory_max},
                                                  made->settings_.vault.redis.has_value());
  return made;
}

result<void> gateway::read_secrets() {
  const auto& state = settings_.policy.state_directory;
  auto master = settings_.secrets_file.empty() ? kept_secret(state + "/secret") : read_secret(settings_.secrets_file, "secrets.key_file");
  if (!master) return std::unexpected(master.error());
  master_secret_ = *master;
  if (!settings_.admin.token_file.empty()) {
    auto token = read_secret(settings_.admin.token_file, "admin.token_file");
    if (!token) return std::unexpected(token.error());
    admin_token_ = *token;
  }
  auto& source = settings_.policy.source;
  auto& vault = settings_.vault;
  if (auto done = read_password(source.password_file, "policy.source.redis", source.redis); !done) return done;
  if (auto done = read_password(vault.password_file, "vault.redis", vault.redis); !done) return done;
  auto& ledger = settings_.ledger;
  if (auto done = read_password(ledger.password_file, "ledger.redis", ledger.redis); !done) return done;
  node_ = settings_.node.id;
  if (node_ != "auto") return {};
  auto named = kept_node_id(state);
  if (!named) return std::unexpected(named.error());
  node_ = *named;
  return {};
}

result<void> gateway::read_keys_file() {
  const auto& file = settings_.context.keys_file;
  if (file.empty()) return {};
  std::error_code ignored;
  const auto time = std::filesystem::last_write_time(file, ignored);
  auto bytes = read_file(file, "context.keys_file");
  if (!bytes) return std::unexpected(bytes.error());
  keys_time_ = time;
  policy::diagnostics found;
  auto keys = std::make_shared<const key_table>(read_keys(file, *bytes, found));
  if (policy::has_errors(found)) return fail(errc::invalid_argument, "context.keys_file:\n" + policy::to_text(found));
  const std::lock_guard lock(publish_mutex_);
  keys_ = std::move(keys);
  if (serving_) server_->post_each([this, given = keys_](unsigned worker) { services_[worker]->set_keys(given); });
  return {};
}

result<void> gateway::open_log() {
  if (auto kept = keep_checkpoint_key(settings_.policy.state_directory, master_secret_); !kept) return kept;
  std::function<void(const std::string&)> elsewhere;
  if (const auto& source = settings_.policy.source; source.redis) {
    checkpoints_ = std::make_unique<store::checkpoint_sender>(*source.redis, source.ring, say);
    elsewhere = [to = checkpoints_.get()](const std::string& line) { to->add(line); };
  }
  auto opened = audit::log::open(audit_settings(settings_, {.master_secret = master_secret_, .node = node_, .build = build_, .workers = workers_}, std::move(elsewhere)), workers_, 1);
  if (!opened) return fail(errc::invalid_argument, "audit.directory: " + opened.error().message);
  log_ = std::move(*opened);
  tidying_ = std::make_unique<log_tidying>(*log_, settings_.audit.directory, node_, settings_.audit.keep, text_key_directory(settings_.policy.state_directory));
  return {};
}

void gateway::open_vault() {
  const auto& v = settings_.vault;
  if (!v.redis) return;
  store::vault::callbacks calls;
  calls.answered = [this](unsigned worker, std::uint64_t ticket, policy::vault_answer answer) {
    server_->vault_answered(worker, ticket, std::move(answer));
  };
  calls.log = say;
  vault_ = std::make_unique<store::vault>(
      store::vault_config{.redis = *v.redis, .ring = v.ring, .timeout = v.timeout, .secret = crypto::derive_key(master_secret_, "vault")}, std::move(calls));
}

void gateway::open_ledger() {
  const auto& l = settings_.ledger;
  if (!l.redis) return;
  store::ledger::callbacks calls;
  calls.answered = [this](unsigned worker, std::uint64_t ticket, store::ledger_answer answer) {
    proxy::ledger_answer told{.available = answer.available, .found = {}, .missed = answer.missed, .as_stored = {}};
    for (std::size_t i = 0; i < answer.found.size(); ++i) told.found.push_back(entry_from(answer.found[i], std::move(answer.as_stored[i])));
    server_->ledger_answered(worker, ticket, std::move(told));
  };
  calls.log = say;
  ledger_ = std::make_unique<store::ledger>(
      store::ledger_config{.redis = *l.redis, .ring = l.ring, .timeout = l.timeout, .handles_max = l.handles_max, .secret = crypto::derive_key(master_secret_, "ledger")}, std::move(calls));
}

void gateway::open_feedback() {
  if (!settings_.feedback.accept) return;
  const auto& a = settings_.audit;
  spool_ = std::make_unique<feedback_spool>(settings_.policy.state_directory, settings_.policy.source.redis, settings_.policy.source.ring);
  feedback_ = std::make_unique<feedback_intake>(feedback_settings{.master_secret = master_secret_, .node = node_,
                                                                  .notes = a.encrypted ? kept_notes::sealed : a.masked ? kept_notes::masked : kept_notes::none,
                                                                  .per_minute = settings_.feedback.per_minute},
                                                *spool_);
}

result<void> gateway::open_agent() {
  const auto& p = settings_.policy;
  store::agent_config to;
  to.directory = p.source.directory;
  to.redis = p.source.redis;
  to.ring = p.source.ring;
  to.poll = p.source.poll;
  if (p.source.https) {
    auto download = https_download(*p.source.https);
    if (!download) return std::unexpected(download.error());
    to.download = std::move(*download);
    to.download_from = p.source.https->url;
    to.download_wait = p.source.https->wait;
  }
  to.on_unavailable = p.fail_closed ? store::on_unavailable::fail_closed : store::on_unavailable::last_known_good;
  to.max_stale = p.max_stale;
  to.state_directory = p.state_directory;
  to.node_id = node_;
  to.build = build_;
  to.labels = settings_.node.labels;
  to.crashes = guard_->crashes();
  to.crashed_as = guard_->crashed_as();
  auto trust = read_trust(p);
  if (!trust) return std::unexpected(trust.error());
  to.trust = std::move(*trust);
  store::agent::callbacks calls;
  calls.apply = [this](const policy::bundle_source& source, const std::string& version, policy::activation as, store::was_checked checked) {
    const crash_guard::building to_blame(version, as);
    return loader_->apply(source, checked);
  };
  calls.in_shadow = [this](const std::shared_ptr<const policy::snapshot>& of, const std::vector<std::string>& rules) { return loader_->in_shadow(of, rules); };
  calls.report = [this] {
    const std::lock_guard lock(publish_mutex_);
    return store::agent::callbacks::told_to_ring{.arms = arms_, .shown = serving_ ? lane_->shown() : store::shown_by_version{}};
  };
  calls.publish = [this](std::shared_ptr<const policy::active_policy> active) { publish(std::move(active)); };
  calls.event = [this](const std::string& kind, const policy::activation& activation, const std::string& version,
                       const std::string& state, const std::string& detail) { on_event(kind, activation, version, state, detail); };
  calls.log = say;
  agent_ = std::make_unique<store::agent>(std::move(to), std::move(calls));
  agent_->start();
  return {};
}

std::shared_ptr<const proxy::settings> gateway::proxy_settings() const {
  auto out = std::make_shared<proxy::settings>();
  for (const auto& u : settings_.upstreams) {
    out->upstreams.push_back({.name = u.name, .dialect = wire::find_dialect(u.dialect), .paths = u.paths,
                              .host = u.parsed.authority, .base_path = u.parsed.path, .models = u.models,
                              .response_headers = u.response_headers});
  }
  out->route_is_upstream = settings_.context.route == route_by::upstream;
  out->request_body_max = settings_.limits.request_body;
  out->response_body_max = settings_.limits.response_body;
  out->decoding_ratio_max = settings_.limits.decoding_ratio;
  out->json_depth_max = settings_.limits.json_depth;
  out->unknown_path = unreadable(settings_.unreadable.pass_unknown_path);
  out->unknown_part = unreadable(settings_.unreadable.pass_unknown_part);
  out->server_state = settings_.unreadable.server_state;
  out->upstream_fetch = unreadable(settings_.unreadable.pass_upstream_fetch);
  out->attachments = settings_.unreadable.attachments;
  out->reads_forms = settings_.unreadable.scan_forms;
  out->global_shadow = settings_.global_shadow;
  const auto key = crypto::derive_key(master_secret_, "redaction-hash");
  out->hash_key.assign(key.begin(), key.end());
  const auto token_key = crypto::derive_key(master_secret_, "tokens");
  out->token_key.assign(token_key.begin(), token_key.end());
  return out;
}

result<void> gateway::open_server() {
  const auto key = crypto::derive_key(master_secret_, "decision-id");
  const std::string id_key(key.begin(), key.end());
  const auto shared = proxy_settings();
  lane_ = std::make_unique<shadow_lane>(workers_, settings_.policy.shadow_cpu_percent, rollout::shadow_keys{.hash = shared->hash_key, .token = shared->token_key}, *log_);
  const auto random = crypto::random_bytes(2);
  const auto origin = static_cast<unsigned>(static_cast<unsigned char>(random[0]) << 8 | static_cast<unsigned char>(random[1]));
  for (unsigned i = 0; i < workers_; ++i) {
    services_.push_back(std::make_unique<gateway_services>(
        settings_, i, *log_, gateway_services::memories{.tags = tags_, .vault = vault_.get(), .handles = handles_, .shared = ledger_.get()}, blocks_, *lane_,
        decision_ids(id_key, static_cast<std::uint16_t>(origin + i))));
    services_.back()->set_feedback(feedback_.get());
  }
  auto opened = net::server::open(server_settings(settings_, workers_), shared,
                                  [this](unsigned worker) -> proxy::services& { return *services_[worker]; });
  if (!opened) return std::unexpected(opened.error());
  server_ = std::move(*opened);
  const std::lock_guard lock(publish_mutex_);
  const auto tables = tables_in_force();
  for (auto& each : services_) {  // before the workers run, so that their first request meets the policy
    each->set_policy(active_, tables);
    each->set_keys(keys_);
  }
  lane_->expect(active_->shadow ? active_->shadow->version() : std::string());
  serving_ = true;
  return {};
}

result<void> gateway::open_admin() {
  admin::sources from;
  from.token = admin_token_;
  from.build = build_;
  from.node = node_;
  from.mode = settings_.global_shadow ? "shadow" : "enforce";
  from.config_digest = settings_.digest;
  from.started = started_;
  from.audit_directory = settings_.audit.directory;
  from.policy = [this] { return agent_->status(); };
  from.metrics = [this] { return metrics(); };
  from.loaded = [this] {
    const std::lock_guard lock(publish_mutex_);
    return loader_->made_of(active_->snapshot);
  };
  if (feedback_) from.feedback = [this](const net::control_request& request) { return feedback_->from_operator(request); };
  from.bands = [this] {
    const std::lock_guard lock(publish_mutex_);
    return bands_;
  };
  from.rearm = [this](const std::string& rule) { agent_->rearm(rule); };
  from.not_ready = [this] {
    if (stopping_.load()) return std::string("stopping");
    const auto log = log_->stats();
    return log.failed && settings_.audit.block_when_full ? "the audit log: " + log.failure : std::string();
  };
  auto opened = net::control_server::open(settings_.admin.address, settings_.admin.port,
                                          [answers = admin::api(std::move(from))](const net::control_request& request) {
                                            return answers.handle(request);
                                          });
  if (!opened) return std::unexpected(opened.error());
  admin_ = std::move(*opened);
  return {};
}

result<void> gateway::start() {
  open_vault();
  open_ledger();
  if (auto done = open_agent(); !done) return done;
  if (auto done = open_server(); !done) return done;
  if (auto done = open_admin(); !done) return done;
  server_->start();
  const auto active = [this] {
    const std::lock_guard lock(publish_mutex_);  // the agent's thread runs already
    return active_;
  }();
  log_->event({.kind = "serving", .time = now().wall, .activation = policy::to_string(active->activation),
               .version = active->snapshot->version(), .freshness = std::string(policy::to_string(active->freshness)),
               .detail = build_});
  return {};
}

std::vector<std::shared_ptr<rule_table>> gateway::tables_in_force() {
  std::vector<std::shared_ptr<rule_table>> out;
  if (active_->canary) out.push_back(rules_.table_for(active_->canary->policy->snapshot));
  out.push_back(rules_.table_for(active_->snapshot));
  return out;
}

void gateway::publish(std::shared_ptr<const policy::active_policy> active) {
  const std::lock_guard lock(publish_mutex_);
  retire();
  active_ = std::move(active);
  std::vector<pinned_snapshots::pointer> in_force{active_->snapshot};
  if (active_->canary) in_force.push_back(active_->canary->policy->snapshot);
  if (active_->shadow) in_force.push_back(active_->shadow);
  // Of several versions the one that is on trial is the likelier.
  const auto& suspect = active_->canary ? active_->canary->policy->snapshot : active_->shadow ? active_->shadow : active_->snapshot;
  guard_->blame(suspect->denies_all() ? "" : suspect->version(), mono_now());
  pins_.activate(in_force, mono_now());
  if (!serving_) return;
  lane_->expect(active_->shadow ? active_->shadow->version() : std::string());
  server_->post_each([this, given = active_, tables = tables_in_force()](unsigned worker) {
    services_[worker]->set_policy(given, tables);
  });
  let_go();  // behind the new one in each worker's queue: nothing pins the old one after it
}

// What goes out of force is kept until nobody else holds it, so that it is taken apart here and not by the worker whose exchange is its last.
void gateway::retire() {
  for (const auto& each : {active_->snapshot, active_->shadow, active_->canary ? active_->canary->policy->snapshot : nullptr}) {
    if (each && std::ranges::find(retired_, each) == retired_.end()) retired_.push_back(each);
  }
}

void gateway::let_go() {
  std::erase_if(retired_, [](const auto& each) { return each.use_count() == 1; });
  for (const auto& each : pins_.overdue(mono_now())) {
    telemetry::log(level::info, "streams on a superseded version end, if there are any", {{"version", each->version()}});
    server_->supersede(each);
  }
}

void gateway::on_event(const std::string& kind, const policy::activation& activation, const std::string& version,
                       const std::string& state, const std::string& detail) {
  if (kind == "activated") activations_.fetch_add(1);
  log_->event({.kind = kind, .time = now().wall, .activation = policy::to_string(activation), .version = version,
               .freshness = state, .detail = detail});
}

void gateway::reload() {
  telemetry::log(level::info, "reloading keys, trusted keys and policy");
  if (auto done = read_keys_file(); !done) {
    telemetry::log(level::error, "the keys stay as they were", {{"reason", done.error().message}});
  }
  if (settings_.policy.trust_file.empty()) return agent_->reload();
  if (auto trust = read_trust(settings_.policy)) return agent_->set_trust(std::move(*trust));
  else telemetry::log(level::error, "the trusted keys stay as they were", {{"reason", trust.error().message}});
  agent_->reload();
}

void gateway::tick() {
  watch_keys();
  watch_log();
  watch_pins();
  watch_blocks();
  const auto policy = agent_->status();
  {
    const std::lock_guard lock(publish_mutex_);  // the agent's thread blames versions
    guard_->look(mono_now(), !policy.downgrade.empty());
  }
  if (checkpoints_) checkpoints_->set_reachable(policy.connected);
}

std::size_t gateway::stop(milliseconds bound) {
  stopping_.store(true);
  return server_->stop(bound);
}

}  // namespace sluice::app
