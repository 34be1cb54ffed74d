// The test model's sockets: one thread, one epoll, any number of connections. Linux only. It is also what benchmarks stand
// the gateway in front of, so an idle stream costs little and a request costs one read and one write.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "mock_answer.hpp"
#include "sluice/base/result.hpp"

namespace sluice::app {

struct mock_server_config {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8081;  // 0: any
  mock_options options;
  std::string record_file;    // a JSON line for each request, and for each answer whose reader went away; empty: none
};

class mock_server {
 public:
  [[nodiscard]] static result<std::unique_ptr<mock_server>> open(mock_server_config config);
  ~mock_server();
  [[nodiscard]] std::uint16_t port() const;
  // Serves until `stop` is true; looks at it at least every 200 ms.
  void run(const std::atomic<bool>& stop);

 private:
  struct impl;
  explicit mock_server(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::app
