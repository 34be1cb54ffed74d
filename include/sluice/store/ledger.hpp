// What is known of handles, kept in Redis for all gateways of a ring (docs/redis.md, "The ledger"). Sealed before it leaves the process,
// under names that say nothing; nodes of one ring and one secret share it. Redis sees neither a tenant nor a handle, and what it alters or
// moves does not open.
//
// Owns one thread and one connection. ask() may be called from any thread and never waits for Redis; answers come on the ledger's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/store/redis_url.hpp"
#include "sluice/store/shared_figures.hpp"

namespace sluice::store {

struct ledger_config {
  redis_endpoint redis;
  std::string ring = "default";
  milliseconds timeout{500};               // of one question, from when its turn comes
  milliseconds ttl{std::chrono::hours(24 * 30)};  // of an entry, from when it was written
  std::uint64_t handles_max = 1'000'000;   // of the ring; past it the entry goes whose time is over first
  crypto::digest secret{};                 // of the fleet
};

// What an entry says is the caller's. `last_word`: it stays, whatever others keep of the handle.
struct kept_handle {
  std::string handle, entry;
  bool last_word = false;
  std::string instead_of = {};  // what has to stand there, as Redis has it, or this is not kept; "": anything
};
// Handles of one tenant and dialect: those whose entries are wanted, then those that get one.
struct ledger_question {
  std::string tenant, dialect;
  std::vector<std::string> recall;
  std::vector<kept_handle> keep;
};
struct ledger_answer {
  bool available = false;          // false: Redis went away, was slow or refused; then nothing is known, and what was to be kept may not be
  std::vector<std::string> found;  // in the order of `recall`; empty: not known
  std::vector<std::string> as_stored = {};  // those as Redis has them
  bool missed = false;             // some was not kept, because something else stood there than what it was to be kept instead of
};

class ledger {
 public:
  static constexpr std::size_t handles_max = 4096;     // of one question
  static constexpr std::size_t entry_bytes_max = 16384;

  struct callbacks {
    // The answer to ask(worker, ticket, …). Not called any more once stop() has returned.
    std::function<void(unsigned worker, std::uint64_t ticket, ledger_answer)> answered;
    std::function<void(const std::string& level, const std::string& message)> log;
  };
  // Tries to connect within the timeout, then starts the thread; it goes on trying when that fails.
  ledger(ledger_config config, callbacks calls);
  ~ledger();

  // False: Redis is away, too much waits already, or the question is too large; no answer follows. `as_stored`: what is kept as Redis will have
  // it, in the order of `keep`, for who wants to keep something instead of it before there is an answer.
  [[nodiscard]] bool ask(unsigned worker, std::uint64_t ticket, ledger_question question, std::vector<std::string>* as_stored = nullptr);
  void stop();

  // Any thread.
  [[nodiscard]] shared_figures stats() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
