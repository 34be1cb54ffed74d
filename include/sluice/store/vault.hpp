// Values that tokens stand for, kept in Redis for requests that do not repeat them (docs/redis.md, "The vault"). Sealed before they leave
// the process, under names that say nothing; all nodes of one ring and one secret share them. Redis sees neither a tenant nor a
// conversation, a token or a value, and what it alters or moves does not open.
//
// Owns one thread and one connection. ask() may be called from any thread and never waits for Redis; answers come on the vault's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/policy/tokens.hpp"
#include "sluice/store/redis_url.hpp"
#include "sluice/store/shared_figures.hpp"

namespace sluice::store {

struct vault_config {
  redis_endpoint redis;
  std::string ring = "default";
  milliseconds timeout{500};  // of one question, from when its turn comes
  crypto::digest secret{};    // of the fleet
};

class vault {
 public:
  static constexpr std::size_t entries_max = 512;            // of one conversation
  static constexpr std::size_t value_bytes_max = 1024;       // of one value

  struct callbacks {
    // The answer to ask(worker, ticket, …). Not called any more once stop() has returned.
    std::function<void(unsigned worker, std::uint64_t ticket, policy::vault_answer)> answered;
    std::function<void(const std::string& level, const std::string& message)> log;
  };
  // Tries to connect within the timeout, then starts the thread; it goes on trying when that fails.
  vault(vault_config config, callbacks calls);
  ~vault();

  // False: Redis is away, or too much waits already; no answer follows. `available` is false in an answer when Redis went away meanwhile,
  // and when the conversation has more values, or longer ones, than the vault keeps; what it knows it says all the same.
  [[nodiscard]] bool ask(unsigned worker, std::uint64_t ticket, policy::vault_question question);
  void stop();

  // Any thread.
  [[nodiscard]] shared_figures stats() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::store
