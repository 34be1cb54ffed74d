// See gateway_audit.hpp.
#include "gateway_audit.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "gateway_setup.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/telemetry/log.hpp"

namespace sluice::app {
namespace {

std::string derived(const std::string& master, std::string_view purpose) {
  const auto key = crypto::derive_key(master, purpose);
  return {key.begin(), key.end()};
}

}  // namespace

std::string audit_value_key(const std::string& master_secret) { return derived(master_secret, "audit-values"); }

std::string text_key_directory(const std::string& state_directory) { return state_directory + "/audit-keys"; }
audit::text_keys text_keys_of(const std::string& key_directory, const std::string& master_secret) {
  return {key_directory, crypto::derive_key(master_secret, "audit-text"), audit_value_key(master_secret)};
}

std::string checkpoint_key_file(const std::string& state_directory) { return state_directory + "/audit-key.pub"; }
std::string checkpoint_file(const std::string& state_directory) { return state_directory + "/audit-checkpoint.json"; }

crypto::signing_key checkpoint_key(const std::string& master_secret) { return crypto::signing_key::from_seed(derived(master_secret, "audit-checkpoints")); }

result<void> keep_checkpoint_key(const std::string& state_directory, const std::string& master_secret) {
  const auto key = checkpoint_key(master_secret);
  const auto& bytes = key.public_key();
  return replace_file(checkpoint_key_file(state_directory), hex(bytes) + "\n");
}

audit::log_config audit_settings(const config& settings, const log_identity& who, std::function<void(const std::string& line)> elsewhere) {
  audit::log_config to;
  to.directory = settings.audit.directory;
  to.node = who.node;
  to.engine = who.build;
  to.config_digest = settings.digest;
  to.value_key = audit_value_key(who.master_secret);
  to.sync = settings.audit.sync_always ? audit::sync_mode::always : audit::sync_mode::interval;
  to.interval = settings.audit.interval;
  // Every exchange that may be under way has its places; a quarter more, because the kernel does not share out connections evenly.
  to.queue_records = std::max<std::size_t>(to.queue_records, std::size_t{proxy::records_max} * settings.limits.in_flight / who.workers * 5 / 4);
  to.store_masked = settings.audit.masked;
  to.file_bytes_max = settings.audit.file_bytes;
  to.shadow = settings.global_shadow;
  if (settings.audit.encrypted) {
    to.text = std::make_shared<audit::text_keys>(text_keys_of(text_key_directory(settings.policy.state_directory), who.master_secret));
  }
  to.signing = std::make_shared<const crypto::signing_key>(checkpoint_key(who.master_secret));
  to.checkpoint_interval = settings.audit.checkpoint;
  to.on_checkpoint = [file = checkpoint_file(settings.policy.state_directory), elsewhere = std::move(elsewhere), failed = false](const std::string& line) mutable {
    if (elsewhere) elsewhere(line);
    const auto done = replace_file(file, line + "\n");
    if (!done && !failed) telemetry::log(telemetry::level::warn, "the newest checkpoint of the decision log cannot be kept", {{"reason", done.error().message}});
    failed = !done;
  };
  return to;
}

}  // namespace sluice::app
