// Where records of the decision log can go: a file of JSON lines, a Redis stream, a collector that takes OTLP logs over HTTP as JSON.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "sluice/base/result.hpp"

namespace sluice::app {

struct export_target {
  std::string to;          // a path, "-" for standard output, redis://…, http://… or https://…
  std::string stream;      // of Redis
  std::uint64_t stream_max = 0;
  std::string token_file;  // of a collector, sent as Authorization: Bearer; of Redis the password
  std::string ca_file;
};

class record_sink {
 public:
  virtual ~record_sink() = default;
  // All lines, or an error; then some may have arrived.
  [[nodiscard]] virtual result<void> write(std::span<const std::string> lines) = 0;
  // Everything that was written is where it belongs.
  [[nodiscard]] virtual result<void> finish() { return {}; }
};
// For an option's check: "" where `to` is a path, "-" or a URL of a scheme that open_sink knows.
[[nodiscard]] std::string check_export_target(const std::string& to);
[[nodiscard]] result<std::unique_ptr<record_sink>> open_sink(const export_target& target);

// The body of an ExportLogsServiceRequest (OTLP 1.3, JSON).
[[nodiscard]] std::string otlp_logs(std::span<const std::string> lines);

}  // namespace sluice::app
