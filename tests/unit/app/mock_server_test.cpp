// The mock's sockets: keep-alive, pipelining, and many streams at once on one thread.
#include "mock_server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace sluice::app {
namespace {

class running_mock {
 public:
  explicit running_mock(mock_options options) {
    mock_server_config config;
    config.port = 0;
    config.options = std::move(options);
    server_ = mock_server::open(std::move(config)).value();
    thread_ = std::thread([this] { server_->run(stop_); });
  }
  ~running_mock() {
    stop_ = true;
    thread_.join();
  }
  [[nodiscard]] int connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return fd;
  }

 private:
  std::atomic<bool> stop_{false};
  std::unique_ptr<mock_server> server_;
  std::thread thread_;
};

std::string request(std::string_view body) {
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Reads until `end` was seen `times` times; empty when the peer closed before.
std::string read_until(int fd, std::string_view end, int times = 1) {
  std::string out;
  std::array<char, 4096> buffer;
  for (;;) {
    int seen = 0;
    for (std::size_t at = 0; (at = out.find(end, at)) != std::string::npos; at += end.size()) ++seen;
    if (seen >= times) return out;
    const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) return {};
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

TEST(mock_server, answers_pipelined_requests_in_order_on_one_connection) {
  const running_mock mock({});
  const int fd = mock.connect();
  const auto both = request(R"({"messages":[{"role":"user","content":"first"}]})") +
                    request(R"({"messages":[{"role":"user","content":"second"}]})");
  ASSERT_EQ(::send(fd, both.data(), both.size(), 0), static_cast<ssize_t>(both.size()));
  const auto got = read_until(fd, "total_tokens", 2);
  EXPECT_LT(got.find("\"first\""), got.find("\"second\""));
  ::close(fd);
}

TEST(mock_server, takes_a_request_in_single_bytes) {
  const running_mock mock({});
  const int fd = mock.connect();
  for (const char c : request(R"({"messages":[{"role":"user","content":"slowly"}]})")) ASSERT_EQ(::send(fd, &c, 1, 0), 1);
  EXPECT_NE(read_until(fd, "total_tokens").find("\"slowly\""), std::string::npos);
  ::close(fd);
}

TEST(mock_server, carries_many_streams_at_once) {
  const running_mock mock({.delay = milliseconds(1)});
  std::vector<int> streams;
  const auto asked = request(R"({"stream":true,"messages":[{"role":"user","content":"one two three four"}]})");
  for (int i = 0; i < 200; ++i) {
    streams.push_back(mock.connect());
    ASSERT_EQ(::send(streams.back(), asked.data(), asked.size(), 0), static_cast<ssize_t>(asked.size()));
  }
  for (const int fd : streams) {
    EXPECT_NE(read_until(fd, "[DONE]").find("\" four\""), std::string::npos);
    ::close(fd);
  }
}

TEST(mock_server, refuses_what_is_no_http) {
  const running_mock mock({});
  const int fd = mock.connect();
  ASSERT_EQ(::send(fd, "nonsense\r\n\r\n", 12, 0), 12);
  EXPECT_NE(read_until(fd, "\r\n\r\n").find("HTTP/1.1 400"), std::string::npos);
  ::close(fd);
}

}  // namespace
}  // namespace sluice::app
