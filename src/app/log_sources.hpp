// Where a command reads decision logs: folders, and the admin ports of gateways, whose files are copied into a temporary folder first.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "http_call.hpp"
#include "sluice/base/result.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

struct log_options {
  std::vector<std::string> from;  // folders and URLs
  std::string token_file, ca_file;
};
void add_from(CLI::App& command, log_options& options);
// How an admin port is reached.
void add_admin_options(CLI::App& command, std::string& token_file, std::string& ca_file);
// Where a file is named, its token goes into the request. False: it could not be read, which was complained about.
[[nodiscard]] bool add_token(http_request& ask, const std::string& token_file);

class log_sources {
 public:
  // Copies what lies behind URLs. An error is complained about and gives nothing.
  [[nodiscard]] static std::optional<log_sources> open(const log_options& options);
  ~log_sources();  // removes the copies
  log_sources(log_sources&& other) noexcept;
  log_sources& operator=(log_sources&&) = delete;

  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }

 private:
  log_sources() = default;
  std::vector<std::string> folders_;
  std::filesystem::path copies_;
};

}  // namespace sluice::app
