// See log.hpp. spdlog owns the sink and its lock; the line is made here, so that JSON is always JSON.
#include "sluice/telemetry/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

#include "sluice/base/clock.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::string_view names[] = {"debug", "info", "warn", "error", "off"};

struct state {
  std::shared_ptr<spdlog::logger> logger;
  format how = format::text;
  state() {
    logger = std::make_shared<spdlog::logger>("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::info);
  }
};

state& current() {
  static state made;
  return made;
}

spdlog::level::level_enum spdlog_level(level at) {
  switch (at) {
    case level::debug: return spdlog::level::debug;
    case level::info: return spdlog::level::info;
    case level::warn: return spdlog::level::warn;
    case level::error: return spdlog::level::err;
    case level::off: return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void open_log(level least, format how) {
  if (how == format::automatic) how = ::isatty(STDERR_FILENO) == 1 ? format::text : format::json;
  current().how = how;
  current().logger->set_level(spdlog_level(least));
}

level level_from(std::string_view word) {
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (names[i] == word) return static_cast<level>(i);
  }
  return level::info;
}

format format_from(std::string_view word) {
  if (word == "json") return format::json;
  return word == "text" ? format::text : format::automatic;
}

std::string log_line(format how, std::string_view time, level at, std::string_view message,
                     std::initializer_list<log_field> fields) {
  std::string out;
  if (how == format::json) {
    out = "{\"time\":" + json_quoted(time) + ",\"level\":" + json_quoted(names[static_cast<std::size_t>(at)]) +
          ",\"message\":" + json_quoted(message);
    for (const auto& [key, value] : fields) out += "," + json_quoted(key) + ":" + json_quoted(value);
    return out + "}";
  }
  out = std::string(time.substr(11, 12)) + " " + std::string(names[static_cast<std::size_t>(at)]);
  out.append(out.size() < 18 ? 18 - out.size() : 0, ' ');
  out += " ";
  for (const char c : message) out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
  for (const auto& [key, value] : fields) {
    out += "  " + std::string(key) + "=";
    const bool plain = !value.empty() && value.find_first_of(" \"\n\t=\x1b") == std::string::npos;
    out += plain ? value : json_quoted(value);
  }
  return out;
}

void log(level at, std::string_view message, std::initializer_list<log_field> fields) {
  state& to = current();
  if (!to.logger->should_log(spdlog_level(at))) return;
  to.logger->log(spdlog_level(at), spdlog::string_view_t(log_line(to.how, rfc3339(now().wall), at, message, fields)));
  if (at >= level::warn) to.logger->flush();
}

}  // namespace sluice::telemetry
