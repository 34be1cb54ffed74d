// See mock_server.hpp.
#include "mock_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <queue>
#include <unordered_map>

#include "sluice/base/strings.hpp"
#include "sluice/http/head.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t body_bytes_max = 64u << 20;
constexpr std::size_t out_bytes_max = 64u << 10;  // produced ahead of what the socket takes

struct connection {
  int fd = -1;
  std::uint64_t serial = 0;   // tells a timer that its descriptor was used again
  std::string in, out, body;
  std::size_t written = 0;
  http::body_reader reader;
  bool in_body = false, keep_alive = true, last = false, closing = false, wants_write = false;
  std::string method, target;
  std::uint8_t minor_version = 1;
  std::string head_json;      // for the record
  std::uint64_t answer_number = 0;
  std::unique_ptr<mock_answer> answer;
};

struct timer {
  mono_time due;
  int fd;
  std::uint64_t serial;
  bool operator>(const timer& other) const { return due > other.due; }
};

error system_error(const std::string& what) { return {errc::io, what + ": " + std::strerror(errno)}; }

}  // namespace

struct mock_server::impl {
  mock_server_config config;
  int listener = -1, poll = -1;
  std::uint16_t port = 0;
  std::unordered_map<int, connection> connections;
  std::priority_queue<timer, std::vector<timer>, std::greater<>> timers;
  std::uint64_t serials = 0, answers = 0;
  std::ofstream record;

  ~impl() {
    for (const auto& [fd, each] : connections) ::close(fd);
    if (listener >= 0) ::close(listener);
    if (poll >= 0) ::close(poll);
  }

  result<void> listen() {
    sockaddr_storage where{};
    socklen_t size = 0;
    auto* four = reinterpret_cast<sockaddr_in*>(&where);
    auto* six = reinterpret_cast<sockaddr_in6*>(&where);
    if (inet_pton(AF_INET, config.address.c_str(), &four->sin_addr) == 1) {
      four->sin_family = AF_INET;
      four->sin_port = htons(config.port);
      size = sizeof *four;
    } else if (inet_pton(AF_INET6, config.address.c_str(), &six->sin6_addr) == 1) {
      six->sin6_family = AF_INET6;
      six->sin6_port = htons(config.port);
      size = sizeof *six;
    } else {
      return fail(errc::invalid_argument, "'" + config.address + "' is not an IP address");
    }
    listener = ::socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&where), size) != 0 || ::listen(listener, 4096) != 0) {
      return std::unexpected(system_error("cannot listen on " + config.address + ":" + std::to_string(config.port)));
    }
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&where), &size);
    port = ntohs(where.ss_family == AF_INET ? four->sin_port : six->sin6_port);
    poll = ::epoll_create1(EPOLL_CLOEXEC);
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    return {};
  }

  void watch(int fd, std::uint32_t events, int how) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(poll, how, fd, &event);
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connection& made = connections[fd];
      made.fd = fd;
      made.serial = ++serials;
      watch(fd, EPOLLIN | EPOLLRDHUP, EPOLL_CTL_ADD);
    }
  }

  void drop(connection& c) {
    if (c.answer != nullptr && record.is_open()) {
      record << "{\"event\":\"gone\",\"answer\":" << c.answer_number << "}\n" << std::flush;
    }
    const int fd = c.fd;
    connections.erase(fd);
    ::close(fd);
  }

  // False: the connection is gone.
  bool flush(connection& c) {
    while (c.written < c.out.size()) {
      const auto n = ::send(c.fd, c.out.data() + c.written, c.out.size() - c.written, MSG_NOSIGNAL);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (n <= 0) {
        drop(c);
        return false;
      }
      c.written += static_cast<std::size_t>(n);
    }
    const bool pending = c.written < c.out.size();
    if (!pending) {
      c.out.clear();
      c.written = 0;
    }
    if (pending != c.wants_write) {
      c.wants_write = pending;
      watch(c.fd, EPOLLIN | EPOLLRDHUP | (pending ? EPOLLOUT : 0u), EPOLL_CTL_MOD);
    }
    if (!pending && c.closing) {
      drop(c);
      return false;
    }
    return true;
  }

  // Takes steps of the answer until it waits, ends, or the socket is full. False: the connection is gone.
  bool advance(connection& c) {
    using then = mock_answer::step::then;
    while (c.answer != nullptr && c.out.size() - c.written < out_bytes_max) {
      const auto step = c.answer->next(c.out);
      if (step.what != then::more) {
        c.closing = step.what == then::close || !c.keep_alive;
        c.answer.reset();
      } else if (step.wait.count() > 0) {
        timers.push({mono_now() + step.wait, c.fd, c.serial});
        break;
      }
    }
    return flush(c);
  }

  void begin_answer(connection& c) {
    c.in_body = false;
    c.answer_number = ++answers;
    if (record.is_open()) {
      record << "{\"answer\":" << c.answer_number << ",\"method\":" << json_quoted(c.method) << ",\"target\":"
             << json_quoted(c.target) << ",\"headers\":[" << c.head_json << "],\"body\":" << json_quoted(c.body) << "}\n"
             << std::flush;
    }
    c.answer = answer_to({.method = c.method, .path = c.target, .body = c.body, .minor_version = c.minor_version},
                         config.options, c.answer_number, now().wall);
    c.body.clear();
    if (c.body.capacity() > (16u << 10)) c.body.shrink_to_fit();
  }

  void refuse(connection& c, int status, const std::string& why) {
    const std::string body = "{\"error\":{\"message\":" + json_quoted(why) + ",\"type\":\"invalid_request_error\"}}";
    c.out += "HTTP/1.1 " + std::to_string(status) + " Refused\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: " +
             std::to_string(body.size()) + "\r\n\r\n" + body;
    c.in.clear();
    c.closing = true;
  }

  enum class reading : std::uint8_t { more, request, refused };

  reading read_head(connection& c) {
    http::request_head head;
    std::size_t consumed = 0;
    http::refusal why;
    switch (http::parse_request_head(c.in, {.head_bytes_max = 64 * 1024, .fields_max = 200}, head, consumed, why)) {
      case http::parse_status::incomplete: return reading::more;
      case http::parse_status::refused: refuse(c, why.status, why.reason); return reading::refused;
      case http::parse_status::complete: break;
    }
    c.method = head.method;
    c.target = head.target;
    c.minor_version = head.minor_version;
    c.keep_alive = head.keep_alive && head.minor_version > 0;
    c.head_json.clear();
    if (record.is_open()) {
      for (const auto& field : head.fields) {
        c.head_json += (c.head_json.empty() ? "[" : ",[") + json_quoted(field.name) + "," + json_quoted(field.value) + "]";
      }
    }
    if (head.expect_continue) c.out += "HTTP/1.1 100 Continue\r\n\r\n";
    c.reader = http::body_reader(head.framing, head.content_length);
    c.in_body = head.framing != http::framing::none;
    c.in.erase(0, consumed);
    return reading::request;
  }

  reading read_body(connection& c) {
    std::size_t spent = 0;
    for (;;) {
      std::size_t consumed = 0;
      std::string_view payload;
      const auto status = c.reader.feed(std::string_view(c.in).substr(spent), consumed, payload);
      c.body.append(payload);
      spent += consumed;
      if (status == http::body_reader::status::refused || c.body.size() > body_bytes_max) {
        refuse(c, 400, status == http::body_reader::status::refused ? c.reader.reason() : "the body is too long");
        return reading::refused;
      }
      if (status == http::body_reader::status::done) break;
      if (consumed == 0) {
        c.in.erase(0, spent);
        return reading::more;
      }
    }
    c.in.erase(0, spent);
    return reading::request;
  }

  // Works through what was read: as many requests as are whole, one answer at a time.
  void work(connection& c) {
    while (c.answer == nullptr && !c.closing && (!c.in.empty() || c.in_body)) {
      auto got = c.in_body ? reading::request : read_head(c);
      if (got == reading::request && c.in_body) got = read_body(c);
      if (got != reading::request) break;
      begin_answer(c);
      if (const auto wait = c.answer->first_wait(); wait.count() > 0) {
        timers.push({mono_now() + wait, c.fd, c.serial});
        break;
      }
      if (!advance(c)) return;
    }
    if (c.in.empty() && c.in.capacity() > (16u << 10)) c.in.shrink_to_fit();
    flush(c);
  }

  void on_readable(connection& c) {
    std::array<char, 64 * 1024> buffer;
    for (;;) {
      const auto n = ::recv(c.fd, buffer.data(), buffer.size(), 0);
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (n <= 0) return drop(c);
      c.in.append(buffer.data(), static_cast<std::size_t>(n));
      if (static_cast<std::size_t>(n) < buffer.size()) break;
    }
    work(c);
  }

  void on_event(const epoll_event& event) {
    if (event.data.fd == listener) return accept_all();
    const auto at = connections.find(event.data.fd);
    if (at == connections.end()) return;
    connection& c = at->second;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) return drop(c);
    if ((event.events & EPOLLOUT) != 0) {
      if (!flush(c)) return;
      // A timer is pending for a stream that waits; an answer that filled the socket goes on here.
      if (c.answer != nullptr && config.options.delay.count() == 0 && !advance(c)) return;
      if (c.answer == nullptr && !c.in.empty()) return work(c);
    }
    if ((event.events & (EPOLLIN | EPOLLRDHUP)) != 0) on_readable(c);
  }

  void fire_timers() {
    const auto time = mono_now();
    while (!timers.empty() && timers.top().due <= time) {
      const timer due = timers.top();
      timers.pop();
      const auto at = connections.find(due.fd);
      if (at == connections.end() || at->second.serial != due.serial || at->second.answer == nullptr) continue;
      connection& c = at->second;
      if (advance(c) && c.answer == nullptr && !c.in.empty()) work(c);
    }
  }

  int wait_ms() const {
    if (timers.empty()) return 200;
    const auto left = std::chrono::ceil<milliseconds>(timers.top().due - mono_now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 200));
  }
};

mock_server::mock_server(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
mock_server::~mock_server() = default;
std::uint16_t mock_server::port() const { return impl_->port; }

result<std::unique_ptr<mock_server>> mock_server::open(mock_server_config config) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  auto made = std::make_unique<impl>();
  made->config = std::move(config);
  if (!made->config.record_file.empty()) {
    made->record.open(made->config.record_file, std::ios::app | std::ios::binary);
    if (!made->record.is_open()) return std::unexpected(system_error("cannot write " + made->config.record_file));
  }
  if (auto opened = made->listen(); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<mock_server>(new mock_server(std::move(made)));
}

void mock_server::run(const std::atomic<bool>& stop) {
  std::array<epoll_event, 256> events;
  while (!stop.load(std::memory_order_relaxed)) {
    const int n = ::epoll_wait(impl_->poll, events.data(), static_cast<int>(events.size()), impl_->wait_ms());
    for (int i = 0; i < n; ++i) impl_->on_event(events[static_cast<std::size_t>(i)]);
    impl_->fire_timers();
  }
}

}  // namespace sluice::app
