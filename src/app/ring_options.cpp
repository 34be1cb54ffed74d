// See ring_options.hpp.
#include "ring_options.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {

void add_ring_options(CLI::App& command, ring_options& options) {
  command.add_option("--redis", options.url, "redis://host:6379 or rediss://…; also from SLUICE_REDIS")->envname("SLUICE_REDIS")->required();
  command.add_option("--ring", options.ring, "The fleet's name in Redis; also from SLUICE_RING")->envname("SLUICE_RING")->capture_default_str();
  command.add_option("--redis-password-file", options.password_file, "A file with the password, so that no command line shows it");
  command.add_option("--redis-ca-file", options.ca_file, "Certificates to trust for rediss://");
}

void add_wait_options(CLI::App& command, wait_options& options) {
  command.add_option("--wait", options.who, "Wait until all nodes, or this many, have answered: all or a number");
  command.add_option("--timeout", options.timeout, "How long to wait: 10s, 1m")->capture_default_str();
}

std::optional<store::publisher> connect_ring(const ring_options& options) {
  auto where = store::parse_redis_url(options.url);
  if (!where) {
    complain(where.error().message);
    return std::nullopt;
  }
  where->ca_file = options.ca_file;
  if (!options.password_file.empty()) {
    const auto secret = read_whole(options.password_file, 4096);
    if (!secret) return std::nullopt;
    where->password = trim(*secret);
  }
  auto ring = store::publisher::connect(*where, options.ring, milliseconds(5000));
  if (!ring) {
    complain(ring.error().message, "is Redis running at " + where->display() + ", and may this user connect?");
    return std::nullopt;
  }
  return std::move(*ring);
}

void complain_ring(const error& why) { complain(why.message); }

std::string actor_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const char* user = std::getenv("USER");
  return std::string(user != nullptr ? user : "unknown") + "@" + host.data();
}

namespace {

void print_answer(const store::acknowledgement& a) {
  std::cout << "  " << a.node << ": " << (a.state == "ACK" ? "active" : "refused in " + a.phase);
  if (a.state == "ACK") std::cout << ", built in " << a.compile.count() << " ms";
  if (!a.message.empty()) std::cout << ": " << a.message;
  std::cout << '\n' << std::flush;
}

}  // namespace

wait_outcome wait_for_nodes(store::publisher& ring, policy::activation of, const wait_options& options, bool quiet) {
  wait_outcome out;
  const auto bound = parse_duration(options.timeout);
  if (!bound) {
    complain(bound.error().message);
    out.reached = false;
    return out;
  }
  std::size_t wanted = 0;
  const bool all = options.who == "all";
  if (!all && std::from_chars(options.who.data(), options.who.data() + options.who.size(), wanted).ec != std::errc{}) {
    complain("--wait takes all or a number, not '" + options.who + "'");
    out.reached = false;
    return out;
  }
  std::set<std::string> expected;
  if (all) {
    if (const auto nodes = ring.nodes()) {
      for (const auto& n : *nodes) {
        if (n.alive) expected.insert(n.id);
      }
    }
    wanted = expected.size();
  }
  const auto end = mono_now() + *bound;
  std::set<std::string> told;
  for (;;) {
    const auto answers = ring.acknowledgements(of);
    std::size_t accepted = 0, refused = 0, answered = 0;
    if (answers) {
      out.answers.clear();
      for (const auto& a : *answers) {
        if (a.state != "ACK" && a.state != "NACK") continue;
        out.answers.push_back(a);
        if (told.insert(a.node).second && !quiet) print_answer(a);
        accepted += a.state == "ACK" ? 1 : 0;
        refused += a.state == "NACK" ? 1 : 0;
        answered += !all || expected.contains(a.node) ? 1 : 0;
      }
    }
    if (answered >= wanted) {
      out.reached = refused == 0 && accepted >= wanted;
      if (refused > 0) complain(std::to_string(refused) + " nodes refused " + policy::to_string(of), "they keep what they had; correct the bundle and push again");
      return out;
    }
    if (mono_now() >= end) {
      std::string missing;
      for (const auto& id : expected) {
        if (!told.contains(id)) missing += " " + id;
      }
      complain(std::to_string(answered) + " of " + std::to_string(wanted) + " nodes answered within " + options.timeout + (missing.empty() ? "" : "; missing:" + missing),
               "the version is active in Redis all the same; see: sluice status");
      out.reached = false;
      return out;
    }
    std::this_thread::sleep_for(milliseconds(20));  // Redis tells publishers nothing by itself
  }
}

}  // namespace sluice::app
