// A record as the bytes of its JSON line, without "prev" and "hash", which the chain adds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/audit/log.hpp"

namespace sluice::audit {

// Members that are the same in every line of a boot, written once.
struct same_in_all {
  same_in_all() = default;
  same_in_all(const log_config& config, std::string_view boot);
  std::string node;    // ,"boot":…,"node":…
  std::string engine;  // ,"engine":…,"config":…
};

struct line_context {
  const log_config& config;
  const same_in_all& same;
  std::uint64_t sequence;
};

// As in same_in_all::node.
[[nodiscard]] std::string whose(std::string_view boot, std::string_view node);

// Appends `{"v":1,…` up to the last member; no closing brace.
void append_record(std::string& out, const record& r, const line_context& in);
void append_event(std::string& out, const control_event& e, const line_context& in);
// What may stand in a log for a matched value: its length and shape, at most its last two characters.
[[nodiscard]] std::string mask_value(std::string_view value);

}  // namespace sluice::audit
