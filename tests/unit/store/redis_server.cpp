// See redis_server.hpp.
#include "redis_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace sluice::store::testing {

std::string redis_server::missing() {
  static const bool there = std::system("redis-server --version > /dev/null 2>&1") == 0;
  return there ? "" : "redis-server is not installed; on Debian: apt-get install redis-server";
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(fd, reinterpret_cast<sockaddr*>(&at), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(fd);
  return ntohs(at.sin_port);
}

redis_server::redis_server(std::vector<std::string> options) : options_(std::move(options)), port_(free_port()) { start(); }

redis_server::~redis_server() { kill(); }

redis_endpoint redis_server::endpoint() const {
  redis_endpoint to;
  to.port = port_;
  return to;
}

void redis_server::start() {
  std::vector<std::string> words = {"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                                    "--dir", folder_.path(), "--logfile", folder_.path("redis.log")};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  for (auto& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvp("redis-server", arguments.data());
    ::_exit(127);
  }
  const auto end = mono_now() + seconds(10);
  while (mono_now() < end) {
    // Any answer will do: one that wants a password is up too.
    if (auto client = redis_client::connect(endpoint(), milliseconds(500))) {
      const auto pong = client->command({"PING"});
      if (pong || pong.error().code == errc::refused) return;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  ADD_FAILURE() << "redis-server did not start; see " << folder_.path("redis.log");
}

void redis_server::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

redis_reply redis_server::run(const redis_command& words) const {
  auto client = redis_client::connect(endpoint(), seconds(5));
  if (!client) {
    ADD_FAILURE() << client.error().message;
    return {};
  }
  auto reply = client->command(words);
  if (!reply) ADD_FAILURE() << words[0] << ": " << reply.error().message;
  return reply.value_or(redis_reply{});
}

}  // namespace sluice::store::testing
