// `sluice serve`: reads the configuration, starts the gateway, and turns signals into stop and reload.
#include <CLI/CLI.hpp>
#include <csignal>
#include <ctime>
#include <iostream>

#include "config_files.hpp"
#include "gateway.hpp"
#include "sluice/app/command.hpp"
#include "sluice/telemetry/log.hpp"

namespace sluice::app {
namespace {

using telemetry::level;

constexpr milliseconds stop_bound{30'000};
constexpr int bad_configuration = 64;  // EX_USAGE of sysexits.h

// Blocked before any thread exists, so that only the control loop meets them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, each);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

std::string url_of(bool tls, const std::string& address, std::uint16_t port) {
  const bool six = address.find(':') != std::string::npos;
  return std::string(tls ? "https://" : "http://") + (six ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

void announce(const gateway& g, bool json) {
  const auto& c = g.settings();
  const auto data = url_of(!c.listen.tls.certificate.empty(), c.listen.address, g.port());
  const auto admin = url_of(false, c.admin.address, g.admin_port());
  const auto status = g.policy_status();
  if (json) {
    std::cout << "{\"listen\":\"" << data << "\",\"admin\":\"" << admin << "\",\"state\":\"" << status.state << "\"}\n" << std::flush;
  } else {
    std::cout << "sluice listens on " << data << ", admin on " << admin << '\n' << std::flush;
  }
  telemetry::log(level::info, "serving", {{"listen", data}, {"admin", admin}, {"mode", c.global_shadow ? "shadow" : "enforce"},
                                          {"policy", status.state}, {"activation", policy::to_string(status.activation)},
                                          {"version", status.version.substr(0, 12)}, {"source", status.source}});
  if (status.state != "NONE") return;
  telemetry::log(level::warn, "there is no policy yet, so every request is denied",
                 {{"reason", status.last_refusal ? status.last_refusal->message : !status.source_error.empty() ? (status.connected ? "" : "the source cannot be read: ") + status.source_error : std::string("the source has none")}});
}

// Until a signal says stop. Looks after changed files once a second.
void control_loop(gateway& g, const sigset_t& signals) {
  for (;;) {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int got = sigtimedwait(&signals, nullptr, &second);
    if (got == SIGTERM || got == SIGINT) return;
    if (got == SIGHUP) g.reload();
    g.tick();
  }
}

int serve(const std::string& file, bool json) {
  const auto signals = block_signals();
  policy::diagnostics found;
  config settings = load_config(file, found);
  check_named_files(settings, found);
  if (policy::has_errors(found)) {
    std::cerr << policy::to_text(found);
    complain("the gateway does not start with a configuration that has mistakes", "docs/configuration.md explains every key");
    return bad_configuration;
  }
  telemetry::open_log(telemetry::level_from(settings.log_level), telemetry::format_from(settings.log_format));
  auto prepared = gateway::prepare(std::move(settings), SLUICE_VERSION);
  if (!prepared) {
    // A file that the gateway made itself stands in no configuration.
    complain(prepared.error().message, prepared.error().code == errc::integrity ? "" : "it is named in " + file);
    return prepared.error().code == errc::invalid_argument ? bad_configuration : 1;
  }
  gateway& g = **prepared;
  if (auto started = g.start(); !started) {
    complain("cannot start: " + started.error().message);
    return started.error().code == errc::invalid_argument ? bad_configuration : 1;
  }
  announce(g, json);
  control_loop(g, signals);
  telemetry::log(level::info, "stopping: no new connections; a second signal ends at once",
                 {{"bound_seconds", std::to_string(stop_bound.count() / 1000)}});
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  const auto cut = g.stop(stop_bound);
  telemetry::log(cut == 0 ? level::info : level::warn, "stopped", {{"cut_off", std::to_string(cut)}});
  return 0;
}

}  // namespace

void add_serve(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("serve", "Run the gateway");
  auto file = std::make_shared<std::string>();
  command->add_option("-c,--config", *file, "sluice.yaml")->required();
  add_json(*command, call);
  command->footer(
      "SIGTERM stops it: streams may end for up to 30 s. SIGHUP reads keys and policy again.\n"
      "A configuration with a mistake ends with 64 before any port is bound.\n\n"
      "Example:\n  sluice serve --config sluice.yaml");
  command->callback([file, &call] { call.exit_code = serve(*file, call.json); });
}

}  // namespace sluice::app
