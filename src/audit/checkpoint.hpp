// Signed marks in the chain: who cannot sign can neither change what lies before one nor leave one out. One stands at the begin and at
// the end of each boot, and between them after so many records or so much time, also when nothing was decided.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "format.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::audit {

// The end of the boot before: a boot's first checkpoint names it, as the link of its start does, so that the checkpoint alone says, wherever it
// was kept, behind what its boot went on.
struct boot_end {
  std::string boot, hash;
  std::uint64_t sequence = 0;
};

// What a log still owes: when the next one is due, and its number. The spool thread's own.
class checkpoint_schedule {
 public:
  checkpoint_schedule(const log_config& config, boot_end before) : config_(&config), before_(std::move(before)) {}

  [[nodiscard]] bool begun() const { return number_ != 0; }
  // One record was chained. True: a checkpoint has to follow it.
  [[nodiscard]] bool full() { return ++since_ >= config_->checkpoint_records; }
  [[nodiscard]] bool due(mono_time now) const { return number_ == 0 || now - last_ >= config_->checkpoint_interval; }

  // Appends the record, open as append_record leaves it.
  void append(std::string& out, std::string_view kind, instant now, const line_context& in);

 private:
  const log_config* config_;
  boot_end before_;
  std::uint64_t number_ = 0, since_ = 0;
  mono_time last_{};
};

// `line`: up to and with "prev", closed by a brace. Adds the signature before the brace.
void sign_line(std::string& line, const crypto::signing_key& key);

inline constexpr std::size_t signature_digits = 128;
// Of a whole line with its hash. False also for a line that has no signature, or an unreadable one.
[[nodiscard]] bool signature_fits(std::string_view line, std::string_view public_key_hex);

}  // namespace sluice::audit
