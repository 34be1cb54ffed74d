// What the commands of `sluice audit` have in common: where logs are, times and verdicts as people write them, records as rows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/app/command.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::app {

// A time, or how long ago: 10m. False: complained about.
[[nodiscard]] bool parse_instant(const std::string& text, std::optional<wall_time>& out);
// For an option's check: "" when it is one. Commands that check so meet no other.
[[nodiscard]] std::string check_instant(const std::string& text);
// For an option's check: "" when the log knows the word; others are led there.
[[nodiscard]] std::string check_event(const std::string& text);
[[nodiscard]] std::string check_verdict(const std::string& text);

[[nodiscard]] const std::vector<std::string>& record_heading();
// One record, or line of the log, as a row for people.
[[nodiscard]] std::vector<std::string> record_row(const std::string& line);
// The same record at length: who asked what, which rules found what and where, and what was done.
[[nodiscard]] std::string record_story(const std::string& line);

// Each command adds itself to `sluice audit`.
void add_audit_at(CLI::App& audit, invocation& call);
void add_audit_export(CLI::App& audit, invocation& call);
void add_audit_query(CLI::App& audit, invocation& call);
void add_audit_replay(CLI::App& audit, invocation& call);
void add_audit_erase(CLI::App& audit, invocation& call);
void add_audit_verify(CLI::App& audit, invocation& call);

}  // namespace sluice::app
