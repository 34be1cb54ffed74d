// A small HTTP server for what is not hot: the admin API. Boost.Beast does the protocol. One thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::net {

struct control_request {
  std::string method, path, query, body, authorization;
  bool from_page = false;  // a browser sent it for a page of another origin (the fields Origin, Sec-Fetch-Site)
  bool by_name = false;    // Host is a name that anybody's DNS may point here (rebinding), and neither an address nor localhost
};
struct control_response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow = {};  // of a 405: the methods that the path takes (RFC 9110 15.5.6)
};

class control_server {
 public:
  // `handle` runs on the server's thread; it may take milliseconds, not seconds.
  [[nodiscard]] static result<std::unique_ptr<control_server>> open(const std::string& address, std::uint16_t port,
                                                                    std::function<control_response(const control_request&)> handle);
  ~control_server();
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct impl;
  explicit control_server(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::net
