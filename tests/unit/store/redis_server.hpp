// A real redis-server for a test: its own port, its own folder, killed and started again at will.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "redis_client.hpp"
#include "../temporary_folder.hpp"

namespace sluice::store::testing {

using sluice::testing::temporary_folder;

class redis_server {
 public:
  // Why tests with Redis cannot run here; empty when they can.
  [[nodiscard]] static std::string missing();

  explicit redis_server(std::vector<std::string> options = {});
  ~redis_server();
  redis_server(const redis_server&) = delete;
  redis_server& operator=(const redis_server&) = delete;

  void start();  // on the same port, empty
  void kill();   // SIGKILL
  [[nodiscard]] redis_endpoint endpoint() const;
  // One command on a connection of its own.
  redis_reply run(const redis_command& words) const;
  [[nodiscard]] const temporary_folder& folder() const { return folder_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  temporary_folder folder_;
  std::vector<std::string> options_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

// A port that nobody listened on a moment ago.
[[nodiscard]] std::uint16_t free_port();

}  // namespace sluice::store::testing

#define SLUICE_NEEDS_REDIS()                                                             \
  do {                                                                                   \
    const auto why_not = ::sluice::store::testing::redis_server::missing();              \
    if (!why_not.empty()) GTEST_SKIP() << why_not;                                       \
  } while (false)
