// A folder with a log of a test's own, and what a test needs to read and damage it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "sluice/audit/log.hpp"

namespace sluice::audit::testing {

// Removed with everything in it.
class log_folder {
 public:
  log_folder();
  ~log_folder();
  log_folder(const log_folder&) = delete;
  log_folder& operator=(const log_folder&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::vector<std::string> files() const;  // in writing order
  [[nodiscard]] std::vector<std::string> lines() const;  // of all files, in writing order

 private:
  std::filesystem::path path_;
};

[[nodiscard]] std::string read(const std::string& path);
void write(const std::string& path, const std::string& bytes);
[[nodiscard]] wall_time at(const std::string& time);

[[nodiscard]] log_config config_for(const log_folder& folder, const std::string& node = "n1");
// False: there was no room.
[[nodiscard]] bool push(log& to, std::size_t producer, record r, bool reserved = false);
// One that fills a batch soon.
[[nodiscard]] record large(const std::string& id);
[[nodiscard]] bool within_ten_seconds(const std::function<bool()>& holds);
[[nodiscard]] record decision(const std::string& id, policy::verdict verdict = policy::verdict::allow, const std::string& tenant = "");

}  // namespace sluice::audit::testing
