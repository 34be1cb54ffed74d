// See ring_options.hpp.
#include "ring_options.hpp"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

// What to do about what Redis said, where its own words do not tell.
std::string advice_on(std::string_view said) {
  if (said.contains("NOAUTH") || said.contains("WRONGPASS")) return "give the user in --redis (redis://USER@host:6379) and the password with --redis-password-file";
  if (said.contains("NOPERM")) return "this user may not: which users publish, and what each must be allowed, stands in docs/deploy.md";
  if (said.contains("Protocol error")) return "is that a Redis server, and is its TLS port meant by rediss://?";
  return {};
}

}  // namespace

void add_ring_options(CLI::App& command, ring_options& options) {
  const auto url = [](const std::string& text) {
    const auto read = store::parse_redis_url(text);
    return read ? std::string() : read.error().message + "; write it like redis://127.0.0.1:6379";
  };
  command.add_option("--redis", options.url, "redis://host:6379 or rediss://…; also from SLUICE_REDIS")->envname("SLUICE_REDIS")->required()->check(CLI::Validator(url, ""));
  auto* ring = command.add_option("--ring", options.ring, "The fleet's name in Redis; also from SLUICE_RING");
  ring->envname("SLUICE_RING")->capture_default_str()->check(CLI::Validator([](const std::string& text) { return store::wrong_ring_name(text); }, ""));
  command.add_option("--sentinel", options.sentinels, "host:26379 of a Redis Sentinel, several with commas; the host of --redis is then the master's name. Also from SLUICE_SENTINEL")->envname("SLUICE_SENTINEL")->delimiter(',');
  command.add_option("--redis-password-file", options.password_file, "A file with the password, so that no command line shows it");
  command.add_option("--redis-ca-file", options.ca_file, "Certificates to trust for rediss://");
}

void add_wait_options(CLI::App& command, wait_options& options) {
  const auto who = [](const std::string& text) {
    std::uint32_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool counts = read.ec == std::errc{} && read.ptr == text.data() + text.size() && number > 0;
    return counts || text == "all" ? std::string() : "takes all or a number of nodes, not '" + text + "'";
  };
  const auto duration = [](const std::string& text) {
    const auto read = parse_duration(text);
    if (!read) return read.error().message;
    return read->count() > 0 ? std::string() : std::string("must be longer than nothing");
  };
  auto* wait = command.add_option("--wait", options.who, "Wait until all nodes, or this many, have answered: all or a number");
  wait->check(CLI::Validator(who, ""));
  auto* timeout = command.add_option("--timeout", options.timeout, "How long to wait: 10s, 1m");
  timeout->capture_default_str()->check(CLI::Validator(duration, ""))->needs(wait);
}

std::optional<store::redis_endpoint> redis_of(const ring_options& options) {
  auto where = store::parse_redis_url(options.url);
  if (!where) {
    complain(where.error().message);
    return std::nullopt;
  }
  where->ca_file = options.ca_file;
  for (const auto& each : options.sentinels) {
    const auto at = store::parse_sentinel(each);
    if (!at) {
      complain(at.error().message);
      return std::nullopt;
    }
    where->sentinels.push_back(*at);
  }
  if (!options.password_file.empty()) {
    const auto secret = read_whole(options.password_file, 4096);
    if (!secret) return std::nullopt;
    where->password = trim(*secret);
  }
  return std::move(*where);
}

std::optional<store::publisher> connect_ring(const ring_options& options) {
  const auto where = redis_of(options);
  if (!where) return std::nullopt;
  auto ring = store::publisher::connect(*where, options.ring, milliseconds(5000));
  if (!ring) {
    const auto advice = advice_on(ring.error().message);
    complain(ring.error().message, advice.empty() ? "is Redis running at " + where->display() + ", and may this user connect?" : advice);
    return std::nullopt;
  }
  return std::move(*ring);
}

void add_signing_options(CLI::App& command, signing_options& options, bool builds) {
  command.add_option("--key", options.key_file, builds ? "A private key (sluice keygen) that signs the manifest and the activation" : "A private key (sluice keygen) that signs the activation");
  if (builds) command.add_option("--build-key", options.build_key_file, "Another one for the manifest");
}

std::optional<crypto::signing_key> read_signing_key(const std::string& file) {
  const auto pem = read_whole(file, 16'384);
  if (!pem) return std::nullopt;
  auto key = crypto::signing_key::from_pem(*pem);
  if (key) return std::move(*key);
  complain(file + ": " + key.error().message, "sluice keygen makes one; openssl genpkey -algorithm ed25519 does too");
  return std::nullopt;
}

std::optional<signing_keys> read_signing_keys(const signing_options& options) {
  signing_keys out;
  const auto& build_file = options.build_key_file.empty() ? options.key_file : options.build_key_file;
  if (!build_file.empty() && !(out.build = read_signing_key(build_file))) return std::nullopt;
  if (!options.key_file.empty() && !(out.activate = read_signing_key(options.key_file))) return std::nullopt;
  return out;
}

bool sign_ring(store::publisher& ring, const signing_options& options) {
  auto keys = read_signing_keys(options);
  if (keys) ring.sign_with(std::move(keys->build), std::move(keys->activate));
  return keys.has_value();
}

std::optional<std::string> staged_version(store::publisher& ring, const std::string& digits) {
  const auto staged = ring.staged();
  if (!staged) return complain_ring(staged.error()), std::nullopt;
  std::optional<std::string> found;
  for (const auto& each : *staged) {
    if (!each.starts_with(digits) || digits.empty()) continue;
    if (found) {
      complain("more than one version begins with '" + digits + "'", "give more digits");
      return std::nullopt;
    }
    found = each;
  }
  if (!found) complain("no version in this ring begins with '" + digits + "'", "see: sluice history; or push it");
  return found;
}

void complain_ring(const error& why) { complain(why.message, advice_on(why.message)); }

void warn_of_replicas(const store::head_record& head) {
  if (head.replicas_have_it >= head.replicas) return;
  complain("only " + std::to_string(head.replicas_have_it) + " of " + std::to_string(head.replicas) + " replicas of this Redis have " + policy::to_string(head.activation),
           "a failover to one that lacks it loses it, and the next push repairs that; see docs/redis.md");
}

std::string actor_name(const std::string& given) {
  if (!given.empty()) return given;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const char* user = std::getenv("USER");
  std::string name = user != nullptr ? user : "";
  // Services and containers often have no USER.
  if (passwd entry{}, *known = nullptr; name.empty()) {
    std::array<char, 4096> strings{};
    if (::getpwuid_r(::geteuid(), &entry, strings.data(), strings.size(), &known) == 0 && known != nullptr) name = known->pw_name;
  }
  return (name.empty() ? "uid " + std::to_string(::geteuid()) : name) + "@" + host.data();
}

namespace {

void print_answer(const store::acknowledgement& a) {
  std::cout << "  " << a.node << ": " << (a.state == "ACK" ? "active" : "refused in " + a.phase);
  if (a.state == "ACK") std::cout << ", built in " << a.compile.count() << " ms";
  if (!a.message.empty()) std::cout << ": " << a.message;
  std::cout << '\n' << std::flush;
}

}  // namespace

namespace {

constexpr milliseconds ask_answers_every{10};  // Redis tells publishers nothing by itself
constexpr milliseconds ask_nodes_every{100};
constexpr milliseconds overtaken_answers_within{3000};

class node_wait {
 public:
  node_wait(store::publisher& ring, const std::string& name, const store::head_record& head, const wait_options& options, bool quiet)
      : ring_(ring), options_(options), quiet_(quiet), all_(options.who == "all"), begin_(mono_now()) {
    out_.ring = name;
    out_.head = head;
    out_.reached = false;
  }

  wait_outcome run() {
    end_ = begin_ + parse_duration(options_.timeout).value_or(milliseconds(30'000));  // checked when the command line was read
    (void)std::from_chars(options_.who.data(), options_.who.data() + options_.who.size(), wanted_);  // "all" is no number
    // Whoever is not back yet cannot have said what it has seen.
    watch_until_ = out_.head.from_nothing ? begin_ + store::return_max : begin_;
    if (!options_.who.empty()) watch_until_ = std::min(watch_until_, end_);
    if (out_.head.from_nothing && !quiet_) {
      const auto watched = std::chrono::duration_cast<seconds>(watch_until_ - begin_);
      std::cout << "ring '" << out_.ring << "' held nothing before: watching " << watched.count()
                << " s for nodes that have seen a newer activation";
      if (watch_until_ - begin_ < store::return_max) std::cout << " (--timeout ends it; nodes may need " << store::return_max.count() / 1000 << " s to come back)";
      std::cout << '\n' << std::flush;
    }
    for (;;) {
      if (mono_now() >= next_nodes_) look_at_nodes();
      read_answers();
      const bool enough = answered_ >= wanted_ && (mono_now() >= watch_until_ || (!all_ && wanted_ > 0));
      if (enough) return finish();
      if (mono_now() >= end_ && answered_ < wanted_) return give_up();
      std::this_thread::sleep_for(ask_answers_every);
    }
  }

 private:
  void look_at_nodes() {
    next_nodes_ = mono_now() + ask_nodes_every;
    if (all_) {
      if (const auto nodes = ring_.nodes()) {
        // Whoever was there once is waited for, whatever becomes of it.
        for (const auto& n : *nodes) {
          if (n.alive && (first_look_ || mono_now() < watch_until_)) expected_.insert(n.id);
        }
        first_look_ = false;
      }
      wanted_ = expected_.size();
    }
    const auto& head = out_.head;
    if (const auto live = ring_.head(); live && live->activation > head.activation && overtaken_.empty()) {
      // Nodes that were busy with it still answer; the others go straight on to the newer one.
      overtaken_ = policy::to_string(live->activation) + " by " + live->actor;
      end_ = std::min(end_, mono_now() + overtaken_answers_within);
    }
    const auto ahead = ring_.ahead_of(head);
    if (!ahead || *ahead == policy::activation{}) return;
    auto again = ring_.activate({.version = head.version, .kind = head.kind, .actor = head.actor, .note = head.note, .canary = head.canary, .shadow = head.shadow, .instead_of = head.activation});
    if (!again) return complain_ring(again.error());
    if (!quiet_) {
      std::cout << "nodes have seen " << policy::to_string(*ahead) << ", which this Redis has lost: the version is active again as "
                << policy::to_string(again->activation) << '\n' << std::flush;
    }
    out_.head = *again;
    told_.clear();
  }

  void read_answers() {
    const auto answers = ring_.acknowledgements(out_.head.activation);
    if (!answers) return;
    out_.answers.clear();
    accepted_ = refused_ = answered_ = 0;
    for (const auto& a : *answers) {
      if (a.state != "ACK" && a.state != "NACK") continue;
      out_.answers.push_back(a);
      if (told_.insert(a.node).second && !quiet_) print_answer(a);
      accepted_ += a.state == "ACK" ? 1 : 0;
      refused_ += a.state == "NACK" ? 1 : 0;
      answered_ += !all_ || expected_.contains(a.node) ? 1 : 0;
    }
  }

  wait_outcome finish() {
    if (all_ && expected_.empty()) {
      complain("there are no nodes in ring '" + out_.ring + "', so nobody has taken " + policy::to_string(out_.head.activation),
               "is --ring the fleet's name? see: sluice status. The version is active in Redis and nodes that come will take it");
      return std::move(out_);
    }
    out_.reached = options_.who.empty() || (refused_ == 0 && accepted_ >= wanted_);
    if (refused_ > 0) {
      complain(std::to_string(refused_) + " nodes refused " + policy::to_string(out_.head.activation),
               "they keep what they had; correct the bundle and push again");
    }
    return std::move(out_);
  }

  wait_outcome give_up() {
    if (!overtaken_.empty()) {
      complain("another push overtook " + policy::to_string(out_.head.activation) + " before all nodes had taken it: " + overtaken_ + " is live",
               "if yours should be, push it again; see: sluice history");
      return std::move(out_);
    }
    std::string missing;
    for (const auto& id : expected_) {
      if (!told_.contains(id)) missing += " " + id;
    }
    complain(std::to_string(answered_) + " of " + std::to_string(wanted_) + " nodes answered within " + options_.timeout +
                 (missing.empty() ? "" : "; missing:" + missing),
             "the version is active in Redis all the same; see: sluice status");
    return std::move(out_);
  }

  store::publisher& ring_;
  const wait_options& options_;
  const bool quiet_, all_;
  bool first_look_ = true;
  mono_time begin_, end_{}, watch_until_{}, next_nodes_{};
  std::size_t wanted_ = 0, accepted_ = 0, refused_ = 0, answered_ = 0;
  std::set<std::string> expected_, told_;
  std::string overtaken_;  // by which activation, and whose
  wait_outcome out_;
};

}  // namespace

wait_outcome wait_for_nodes(store::publisher& ring, const std::string& name, const store::head_record& head, const wait_options& options, bool quiet) {
  if (options.who.empty() && !head.from_nothing) return {.reached = true, .ring = name, .head = head, .answers = {}};
  return node_wait(ring, name, head, options, quiet).run();
}

int wait_and_tell(store::publisher& ring, const std::string& name, const std::string& version, const store::head_record& head, const wait_options& options, bool json) {
  const auto waited = wait_for_nodes(ring, name, head, options, json);
  if (json) std::cout << nlohmann::ordered_json{{"ok", waited.reached}, {"version", version}, {"activation", policy::to_string(waited.head.activation)}}.dump(2) << '\n';
  return waited.reached ? 0 : 1;
}

}  // namespace sluice::app
