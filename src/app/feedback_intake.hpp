// Feedback as it comes in: by clients on the data port, of their own decisions and at a limited rate; by operators on the admin port, as labels.
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "feedback_spool.hpp"
#include "keyed_memory.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/net/control_server.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/rollout/feedback.hpp"

namespace sluice::app {

enum class kept_notes : std::uint8_t { none, masked, sealed };

struct feedback_settings {
  std::string master_secret, node;
  kept_notes notes = kept_notes::masked;
  std::uint32_t per_minute = 20;  // of one caller; behind a proxy that names users, of one of them
};

class feedback_intake {
 public:
  feedback_intake(feedback_settings how, feedback_spool& to);
  [[nodiscard]] proxy::services::own_answer from_client(const proxy::services::own_question& asked);
  [[nodiscard]] net::control_response from_operator(const net::control_request& asked);

 private:
  static constexpr std::size_t said_bytes_max = 8u << 20;
  static constexpr std::chrono::hours said_idle_max{24};
  [[nodiscard]] bool within_rate(const std::string& caller);
  [[nodiscard]] bool take(const rollout::feedback_entry& entry);
  void add_note(rollout::feedback_entry& entry, const std::string& note) const;
  feedback_settings how_;
  feedback_spool& to_;
  std::string id_key_, value_key_;
  crypto::digest note_key_;
  // What somebody said last of a decision: who says it again adds nothing, and pushes nothing out.
  struct last_word {
    rollout::judgement verdict = rollout::judgement::false_positive;
    [[nodiscard]] static std::size_t bytes() { return 0; }
  };
  keyed_memory<last_word> said_{said_bytes_max, said_idle_max};
  std::mutex lock_;  // of what follows
  mono_time minute_{};
  std::unordered_map<std::string, std::uint32_t> asked_;  // by who says it, in this minute
  std::uint32_t asked_in_all_ = 0;
};

// The note of an entry, opened where it was sealed; "" where it cannot be.
[[nodiscard]] std::string note_of(const rollout::feedback_entry& entry, const std::string& master_secret);

}  // namespace sluice::app
