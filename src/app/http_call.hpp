// One HTTP/1.1 call by a command or by the control plane: asks, waits, returns the whole answer. Not for the data plane.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::app {

struct http_request {
  std::string method = "GET", url;  // http:// or https://
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string ca_file;              // empty: the system's
  int wake_fd = -1;                 // an eventfd: when it becomes readable, the call ends with errc::timeout
};
struct http_answer {
  int status = 0;
  std::string body;
  std::string etag = {};
};
// An answer of any status is an answer; an error is a connection that failed, or bytes that are no HTTP.
// `timeout`: of the whole call, however slowly the answer drips; then errc::unavailable.
[[nodiscard]] result<http_answer> http_call(const http_request& what, milliseconds timeout);

}  // namespace sluice::app
