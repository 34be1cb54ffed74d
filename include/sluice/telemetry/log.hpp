// The log of the process: what happens to the gateway itself, never what passes through it (that is audit's). JSON lines on
// stderr for machines, plain lines on a terminal. Thread-safe. Values must hold no matched text and no credential.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::telemetry {

enum class level : std::uint8_t { debug, info, warn, error, off };
enum class format : std::uint8_t { automatic, json, text };  // automatic: text when stderr is a terminal

// Before the first line, from main. Lines below `least` are dropped.
void open_log(level least, format how);

using log_field = std::pair<std::string_view, std::string>;
void log(level at, std::string_view message, std::initializer_list<log_field> fields = {});
[[nodiscard]] level level_from(std::string_view word);    // info when unknown
[[nodiscard]] format format_from(std::string_view word);  // automatic when unknown

// One line as it will be written, without its newline; `time` is RFC 3339.
[[nodiscard]] std::string log_line(format how, std::string_view time, level at, std::string_view message,
                                   std::initializer_list<log_field> fields);

}  // namespace sluice::telemetry
