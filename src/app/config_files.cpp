// See config_files.hpp.
#include "config_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "gateway_setup.hpp"
#include "identity.hpp"
#include "trust_file.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/store/directory.hpp"
#include "sluice/transport/tls.hpp"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;

class examination {
 public:
  examination(const config& c, policy::diagnostics& found) : config_(c), found_(found) {}

  void tell(std::string_view key, std::string message, std::string advice, policy::severity how = policy::severity::error) {
    const auto at = std::ranges::find(config_.named, key, &named_path::key);
    found_.push_back({.severity = how,
                      .place = at == config_.named.end() ? policy::place{.file = config_.file, .line = 0, .column = 0} : at->place,
                      .rule = {}, .message = "'" + std::string(key) + "': " + std::move(message), .advice = std::move(advice)});
  }

  void files() {
    for (const auto& each : config_.named) {
      if (!each.is_file) continue;
      const auto bytes = read_file(each.path, each.key);
      if (bytes && !trim(*bytes).empty()) continue;
      tell(each.key, each.path + (bytes ? " is empty" : " cannot be read"), "does the file exist, and may this user read it?");
    }
  }

  void certificates() {
    const auto& tls = config_.listen.tls;
    if (readable("listen.tls.certificate") && readable("listen.tls.key") && (tls.client_ca.empty() || readable("listen.tls.client_ca"))) {
      const auto made = transport::tls_context::server(tls.certificate, tls.key, tls.client_ca);
      if (!made) tell("listen.tls.certificate", made.error().message, "the files must be PEM, and the key must be the certificate's");
    }
    for (const auto& each : config_.named) {
      if (!each.key.ends_with("ca_file") || !readable(each.key)) continue;
      if (const auto made = transport::tls_context::client(each.path); !made) tell(each.key, made.error().message, "it must hold certificates in PEM");
    }
  }

  // Folders are made when the gateway starts, so that only a place where that cannot be is a mistake.
  void writable(std::string_view key, const std::string& folder) {
    std::error_code ignored;
    fs::path there = fs::absolute(folder, ignored);
    while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
    const bool is_folder = fs::is_directory(there, ignored);
    if (is_folder && ::access(there.c_str(), W_OK | X_OK) == 0) return;
    tell(key, folder + " cannot be written: " + there.string() + (is_folder ? " is not this user's to write" : " is no folder"), "name a folder that the gateway's user may write");
  }

  void keys() {
    if (!readable("context.keys_file")) return;
    if (const auto bytes = read_file(config_.context.keys_file, "context.keys_file")) (void)read_keys(config_.context.keys_file, *bytes, found_);
  }

  void trust() {
    if (!readable("policy.trust.keys_file")) return;
    if (const auto bytes = read_file(config_.policy.trust_file, "policy.trust.keys_file")) (void)read_trusted_keys(config_.policy.trust_file, *bytes, found_);
  }

  void policies() {
    const auto& folder = config_.policy.source.directory;
    if (folder.empty()) return;
    if (const auto read = store::load_directory(folder, {}); !read) {
      tell("policy.source.directory", read.error().message + "; until that is mended, a gateway without a stored policy denies every request",
           "name the folder that holds bundle.yaml", policy::severity::warning);
    }
  }

 private:
  // Named, and not complained about.
  [[nodiscard]] bool readable(std::string_view key) const {
    const auto at = std::ranges::find(config_.named, key, &named_path::key);
    return at != config_.named.end() && ::access(at->path.c_str(), R_OK) == 0;
  }

  const config& config_;
  policy::diagnostics& found_;
};

}  // namespace

void check_named_files(const config& c, policy::diagnostics& found) {
  examination look(c, found);
  look.files();
  look.certificates();
  look.keys();
  look.trust();
  look.policies();
  if (c.upstreams.empty()) return;  // the file could not be read as a configuration: what it does not say means nothing
  look.writable("policy.state_directory", c.policy.state_directory);
  look.writable("audit.directory", c.audit.directory);
}

}  // namespace sluice::app
