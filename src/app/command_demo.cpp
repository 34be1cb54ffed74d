// sluice demo: a whole fleet on this machine by one command, for docs/tour.md and for whoever wants to try something.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "child_process.hpp"
#include "demo_files.hpp"
#include "demo_traffic.hpp"
#include "gateway_setup.hpp"
#include "http_call.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/store/publisher.hpp"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;
using namespace demo;

constexpr milliseconds start_max{30'000}, look_every{20}, ask_max{1000}, push_max{120'000};
constexpr unsigned deaths_max = 3;          // of one gateway within that time: then something is wrong with it
constexpr milliseconds deaths_within{60'000};

struct demo_options {
  std::uint16_t port = 0;
  std::uint32_t per_second = 45;
};

// Blocked before anything starts, so that only wait_for_end meets them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, each);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return set;
}

std::string this_program() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

// Redis, the test model and the gateways, and the directory they live in. What was started is ended in the other order, and the directory goes.
class fleet {
 public:
  ~fleet();
  // False: it was complained about.
  [[nodiscard]] bool start(const demo_options& options);
  // Until a signal asks for the end (true), or something that must not end has ended (false).
  [[nodiscard]] bool wait_for_end(const sigset_t& signals);
  void announce(bool json) const;

 private:
  [[nodiscard]] bool run(std::optional<child_process>& into, const std::string& name, const std::vector<std::string>& words);
  [[nodiscard]] bool redis_answers() const;
  [[nodiscard]] bool ready(std::size_t gateway) const;
  [[nodiscard]] bool until(const std::string& what, child_process& of, const std::function<bool()>& condition);
  [[nodiscard]] bool push();
  [[nodiscard]] bool start_servers();
  [[nodiscard]] bool start_gateway(std::size_t n);
  bool complain_of(const std::string& what, const std::string& log) const;
  void look_at_redis();
  // A gateway that died is started again, as whatever supervises it in production would. False: it dies too often.
  [[nodiscard]] bool look_at_gateways();
  void end_foreign_redis() const;

  std::string directory_, program_;
  layout files_;
  std::optional<child_process> redis_, model_;
  std::array<std::optional<child_process>, gateway_count> gateways_;
  std::optional<traffic> traffic_;
  std::array<std::vector<mono_time>, gateway_count> deaths_;
  bool redis_told_ = false;
};

fleet::~fleet() {
  traffic_.reset();
  for (auto& each : gateways_) each.reset();
  model_.reset();
  redis_.reset();
  if (directory_.empty()) return;
  end_foreign_redis();
  std::error_code failed;
  fs::remove_all(directory_, failed);
  if (failed) complain("cannot remove " + directory_ + ": " + failed.message());
}

// The tour has its reader stop Redis and start it again: that one is not ours to wait for, but it works in our directory, and nobody else does.
void fleet::end_foreign_redis() const {
  const auto text = read_file(directory_ + "/redis/pid", "redis");  // it is gone with the one that was ours
  const auto pid = text ? std::atoi(text->c_str()) : 0;
  const auto works_there = [&] {
    std::error_code failed;
    return pid > 1 && fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", failed) == fs::path(directory_ + "/redis");
  };
  if (!works_there()) return;
  ::kill(pid, SIGTERM);
  for (const auto end = mono_now() + milliseconds(5000); works_there() && mono_now() < end;) std::this_thread::sleep_for(look_every);
}

// With the last lines of its log, because the directory goes.
bool fleet::complain_of(const std::string& what, const std::string& log) const {
  complain(what, "what it said last:");
  std::cerr << last_lines(log, 8);
  return false;
}

bool fleet::run(std::optional<child_process>& into, const std::string& name, const std::vector<std::string>& words) {
  auto started = child_process::start(words, files_.log(name));
  if (!started) return complain(started.error().message), false;
  into.emplace(std::move(*started));
  return true;
}

// Signals wait until everything stands; whoever presses ^C before that need not.
bool end_is_asked() {
  sigset_t waiting;
  sigemptyset(&waiting);
  ::sigpending(&waiting);
  return sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGHUP) == 1;
}

bool fleet::until(const std::string& what, child_process& of, const std::function<bool()>& condition) {
  for (const auto end = mono_now() + start_max; !condition();) {
    if (end_is_asked()) return complain("ended before everything stood"), false;
    if (of.ended()) return complain_of(what + " ended with " + std::to_string(of.exit_code()), of.log_file());
    if (mono_now() >= end) return complain_of(what + " did not answer within 30 s", of.log_file());
    std::this_thread::sleep_for(look_every);
  }
  return true;
}

bool fleet::redis_answers() const {
  const auto where = store::parse_redis_url(files_.publisher_url);
  return where && store::publisher::connect(*where, ring, ask_max).has_value();
}

bool fleet::ready(std::size_t gateway) const {
  const auto answer = http_call({.method = "GET", .url = files_.url(files_.at.admin[gateway]) + "/readyz", .fields = {}, .body = {}, .ca_file = {}}, ask_max);
  return answer && answer->status == 200;
}

// As an operator would, with the same command.
bool fleet::push() {
  std::optional<child_process> command;
  const std::vector<std::string> words = {program_, "push", files_.path("policies"), "--redis", files_.publisher_url, "--ring", ring, "--key", files_.path("operations.pem"), "--wait", std::to_string(gateway_count), "--actor", "sluice demo", "--note", "the first rules"};
  if (!run(command, "push", words)) return false;
  for (const auto end = mono_now() + push_max; !command->wait(milliseconds(200));) {
    if (end_is_asked()) return complain("ended before everything stood"), false;
    if (mono_now() >= end) return complain_of("the first push did not end", command->log_file());
  }
  return command->exit_code() == 0 || complain_of("the first push failed", command->log_file());
}

bool fleet::start_gateway(std::size_t n) {
  const auto name = files_.gateway_name(n);
  return run(gateways_[n], name, {program_, "serve", "--config", files_.path(name + "/sluice.yaml")});
}

bool fleet::start_servers() {
  const auto redis = program_in_path("redis-server");
  if (!run(redis_, "redis", {redis, files_.path("redis/redis.conf")}) || !until("redis-server", *redis_, [this] { return redis_answers(); })) return false;
  if (!run(model_, "model", {program_, "mock-upstream", "--listen", "127.0.0.1:" + std::to_string(files_.at.model)})) return false;
  for (std::size_t n = 0; n < gateway_count; ++n) {
    if (!start_gateway(n)) return false;
  }
  if (!push()) return false;
  for (std::size_t n = 0; n < gateway_count; ++n) {
    if (!until("gateway " + files_.gateway_name(n), *gateways_[n], [this, n] { return ready(n); })) return false;
  }
  return true;
}

bool fleet::start(const demo_options& options) {
  if (program_in_path("redis-server").empty()) {
    complain("there is no redis-server in PATH, and the demo starts one of its own", "on Debian: apt-get install redis-server; in another folder: PATH=/that/folder:$PATH sluice demo");
    return false;
  }
  const auto at = choose_ports(options.port);
  if (!at) return complain(at.error().message, "another --port, or none: then any that are free are taken"), false;
  program_ = this_program();
  std::error_code failed;
  auto name = (fs::temp_directory_path(failed) / "sluice-demo-XXXXXX").string();
  if (failed || ::mkdtemp(name.data()) == nullptr) return complain("cannot make a directory like " + name, "TMPDIR may name another place"), false;
  directory_ = fs::canonical(name, failed).string();
  auto written = write_files(directory_, *at, program_);
  if (!written) return complain(written.error().message), false;
  files_ = std::move(*written);
  if (!start_servers()) return false;
  if (options.per_second == 0) return true;
  std::vector<std::string> urls;
  for (const auto port : files_.at.data) urls.push_back(files_.url(port));
  traffic_.emplace(std::move(urls), options.per_second);
  return true;
}

void fleet::announce(bool json) const {
  if (json) {
    nlohmann::ordered_json out = {{"directory", directory_}, {"env", files_.path("env")}, {"ring", ring}, {"redis", files_.publisher_url}, {"model", files_.url(files_.at.model)}, {"gateways", nlohmann::ordered_json::array()}};
    for (std::size_t n = 0; n < gateway_count; ++n) out["gateways"].push_back({{"name", files_.gateway_name(n)}, {"url", files_.url(files_.at.data[n])}, {"admin", files_.url(files_.at.admin[n])}});
    std::cout << out.dump() << std::endl;
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t n = 0; n < gateway_count; ++n) rows.push_back({"  " + files_.gateway_name(n), files_.url(files_.at.data[n]) + "/v1", "admin " + files_.url(files_.at.admin[n])});
  rows.push_back({"  model", files_.url(files_.at.model) + "/v1", "built in, needs no key"});
  rows.push_back({"  redis", "127.0.0.1:" + std::to_string(files_.at.redis), std::string("ring ") + ring});
  rows.push_back({"  rules", "policies/", "live on all three"});
  if (traffic_) rows.push_back({"  traffic", std::to_string(customers) + " customers ask", "counted in the file traffic"});
  std::cout << "Three gateways, a Redis and a test model run in " << directory_ << '\n'
            << table(rows) << "\nIn another terminal:\n  cd " << directory_ << " && . ./env\n  sluice status\n  ask $GW1 'Is Halden Bank cheaper?'\n\ndocs/tour.md goes on from here. Ctrl-C ends it all and removes the directory." << std::endl;
}

void fleet::look_at_redis() {
  if (redis_told_ || !redis_ || !redis_->ended()) return;
  redis_told_ = true;
  complain("Redis is gone, as if its machine had failed; the gateways go on with what they have", "it comes back, empty, by: redis-server " + files_.path("redis/redis.conf") + " --daemonize yes");
}

bool fleet::look_at_gateways() {
  for (std::size_t n = 0; n < gateway_count; ++n) {
    if (!gateways_[n]->ended()) continue;
    const auto code = gateways_[n]->exit_code();
    const auto what = "gateway " + files_.gateway_name(n) + (code > 128 ? " was ended by signal " + std::to_string(code - 128) : " ended with " + std::to_string(code));
    auto& deaths = deaths_[n];
    std::erase_if(deaths, [](mono_time each) { return mono_now() - each > deaths_within; });
    deaths.push_back(mono_now());
    if (deaths.size() >= deaths_max) return complain_of(what + ", " + std::to_string(deaths.size()) + " times within a minute", gateways_[n]->log_file());
    complain(what + "; the others go on, and it is started again, as a supervisor of processes would");
    if (!start_gateway(n)) return false;
  }
  return true;
}

bool fleet::wait_for_end(const sigset_t& signals) {
  for (;;) {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    if (::sigtimedwait(&signals, nullptr, &second) > 0) return true;
    if (traffic_) {
      if (auto written = replace_file(files_.path("traffic"), traffic_->told() + "\n"); !written) complain(written.error().message);
    }
    look_at_redis();
    if (model_->ended()) return complain_of("the test model ended with " + std::to_string(model_->exit_code()), model_->log_file());
    if (!look_at_gateways()) return false;
  }
}

int run_demo(const demo_options& options, bool json) {
  const auto signals = block_signals();
  fleet all;
  if (!json) std::cerr << "starting a Redis, a test model and three gateways…\n";
  if (!all.start(options)) return 1;
  all.announce(json);
  const bool asked = all.wait_for_end(signals);
  if (!json && asked) std::cerr << "\nending everything\n";
  return asked ? 0 : 1;
}

}  // namespace

void add_demo(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("demo", "Three gateways, a Redis and a test model on this machine, to try things out");
  auto options = std::make_shared<demo_options>();
  command->add_option("--port", options->port, "The first of eight ports in a row; 0 takes any that are free")->check(CLI::Range(0, 65'528))->capture_default_str();
  command->add_option("--traffic", options->per_second, "Requests a second of invented customers; 0 for none")->check(CLI::Range(0, 500))->capture_default_str();
  add_json(*command, call);
  command->footer(
      "Everything lies in one temporary directory that goes when it ends (Ctrl-C):\n"
      "  env                 read it with your shell: SLUICE_REDIS, SLUICE_RING, the gateways' addresses, and ask\n"
      "  policies/           the rules: a small bank's; edit them, then sluice push\n"
      "  operations.pem      the key that signs a push; gateways take nothing unsigned, and nothing without a gate\n"
      "  gw1/ gw2/ gw3/      of each gateway its sluice.yaml, its state and its decision log\n"
      "  redis/ log/         Redis with a user for gateways and one for publishers; what all of them print\n"
      "  traffic             how the invented customers fare\n\n"
      "It needs redis-server in PATH. docs/tour.md is a quarter of an hour with it.\n\n"
      "Example, after . ./env in that directory:\n"
      "  echo '  - Ostwick Savings' >> policies/lists/rivals.yaml\n"
      "  sluice push policies --key operations.pem --wait all --note 'Ostwick is a rival'\n"
      "  ask $GW3 'Is Ostwick Savings cheaper?'");
  command->callback([options, &call] { call.exit_code = run_demo(*options, call.json); });
}

}  // namespace sluice::app
