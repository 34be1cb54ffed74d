// Real sockets on loopback for tests of the server: a blocking client, a blocking upstream, and a running server between them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "fake_log.hpp"
#include "sluice/net/server.hpp"

namespace sluice::net::testing {

// A blocking socket with deadlines of ten seconds.
class peer {
 public:
  explicit peer(int fd) : fd_(fd) {}
  peer(peer&& o) noexcept : fd_(std::exchange(o.fd_, -1)), kept_(std::move(o.kept_)) {}
  ~peer() { close(); }
  static peer connect(std::uint16_t port, int receive_buffer = 0);
  void send(std::string_view bytes);
  // Bytes up to and with `end`; what was read when the connection ended or the time was up, otherwise.
  std::string until(std::string_view end);
  std::string exactly(std::size_t bytes);
  std::string all();  // to the end of the stream
  bool at_end();      // the next read says EOF or reset
  void finish_writing();
  void reset();
  void close();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  bool more();
  int fd_;
  std::string kept_;
};

class listener {
 public:
  listener();
  ~listener();
  peer accept();
  [[nodiscard]] bool pending(int milliseconds);
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

struct running {
  explicit running(const std::function<void(server_config&)>& adjust = {}, bool with_upstream = true);
  ~running();
  listener upstream;
  std::shared_ptr<proxy::services> services;
  std::unique_ptr<net::server> server;
  [[nodiscard]] worker_counters& counters() { return services->counters(); }
  [[nodiscard]] peer client(int receive_buffer = 0) { return peer::connect(server->port(), receive_buffer); }
};

inline constexpr std::string_view get_x = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
inline constexpr std::string_view ok_hi = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
inline constexpr std::string_view relayed_hi = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";

}  // namespace sluice::net::testing
