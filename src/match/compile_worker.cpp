// The server of the compile processes: waits for requests and makes a process for each, with limits of its own, from a program that is loaded
// and linked already. It reads nothing of a request itself, so that nothing of one outlives its process.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "compile_protocol.hpp"
#include "sluice/match/classifier.hpp"
#include "sluice/match/compiler.hpp"

namespace sluice::match {
namespace {

#if defined(__has_feature)
constexpr bool built_with_sanitizer = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool built_with_sanitizer = true;
#else
constexpr bool built_with_sanitizer = false;
#endif

bool unpack(std::string_view in, pattern_set& set) {
  const auto take = [&](std::uint32_t& v) {
    if (in.size() < sizeof v) return false;
    std::memcpy(&v, in.data(), sizeof v);
    in.remove_prefix(sizeof v);
    return true;
  };
  std::uint32_t kind = 0, count = 0;
  if (!take(kind) || !take(count)) return false;
  set.plainest = kind == kind_plainest;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t flags = 0, length = 0;
    if (!take(flags) || !take(length) || in.size() < length) return false;
    set.patterns.push_back({std::string(in.substr(0, length)), flags});
    in.remove_prefix(length);
  }
  return in.empty();
}

// The child's work: what it answers to a request.
std::string answer_to(std::string_view request) {
  std::uint32_t kind = 0;
  if (request.size() >= sizeof kind) std::memcpy(&kind, request.data(), sizeof kind);
  const auto backend = in_process_backend();
  if (kind == kind_classifier) {
    const auto done = backend->try_classifier(request.substr(sizeof kind));
    return done ? std::string(1, '\0') : "\1" + done.error().message;
  }
  pattern_set set;
  if (!unpack(request, set)) return "\1the request to the pattern compiler is not whole";
  const auto made = backend->compile(set);
  return made ? std::string(1, '\0') + *made : "\1" + made.error().message;
}

std::string read_all(int fd) {
  std::string all;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || all.size() > request_bytes_max) return all;
    all.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// A message with room for two descriptors.
struct parcel {
  char byte = 0;
  iovec bytes{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> room{};
  msghdr head{};
  parcel() {
    head.msg_iov = &bytes;
    head.msg_iovlen = 1;
    head.msg_control = room.data();
    head.msg_controllen = room.size();
  }
  parcel(const parcel&) = delete;
  parcel& operator=(const parcel&) = delete;
};

// The two descriptors of a request; nothing when the gateway is gone.
std::optional<std::array<int, 2>> take(int socket) {
  for (;;) {
    parcel p;
    const auto n = ::recvmsg(socket, &p.head, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    const auto* with = n <= 0 ? nullptr : CMSG_FIRSTHDR(&p.head);
    std::array<int, 2> fds{};
    if (with == nullptr || with->cmsg_type != SCM_RIGHTS || with->cmsg_len != CMSG_LEN(sizeof fds)) return std::nullopt;
    std::memcpy(fds.data(), CMSG_DATA(with), sizeof fds);
    return fds;
  }
}

// One request, in a process of its own. What it answers when writing fails, nobody reads.
[[noreturn]] void work(pid_t server, const std::array<int, 2>& fds, std::uint32_t cpu_seconds, std::uint64_t memory_bytes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // who stops the server stops what it does
  if (::getppid() != server) ::_exit(1);
  const rlimit cpu{cpu_seconds, cpu_seconds + 1}, memory{memory_bytes, memory_bytes};
  ::setrlimit(RLIMIT_CPU, &cpu);
  // A sanitizer reserves terabytes of addresses that it never fills.
  if (!built_with_sanitizer) ::setrlimit(RLIMIT_AS, &memory);
  const std::string answer = answer_to(read_all(fds[0]));
  for (std::size_t sent = 0; sent < answer.size();) {
    const auto n = ::write(fds[1], answer.data() + sent, answer.size() - sent);
    if (n < 0 && errno != EINTR) ::_exit(1);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  ::_exit(0);
}

}  // namespace

bool hand_over(int socket, int request, int answer) {
  parcel p;
  auto* with = CMSG_FIRSTHDR(&p.head);
  with->cmsg_level = SOL_SOCKET;
  with->cmsg_type = SCM_RIGHTS;
  with->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const std::array<int, 2> fds = {request, answer};
  std::memcpy(CMSG_DATA(with), fds.data(), sizeof fds);
  for (;;) {
    if (::sendmsg(socket, &p.head, MSG_NOSIGNAL) == 1) return true;
    if (errno != EINTR) return false;
  }
}

int compile_worker_main(std::uint32_t cpu_seconds, std::uint64_t memory_bytes) {
  constexpr int socket = 0;
  const rlimit core{0, 0};
  ::setrlimit(RLIMIT_CORE, &core);
  ::setpriority(PRIO_PROCESS, 0, 10);  // below the traffic, but not starved by it
  const pid_t self = ::getpid();
  while (const auto fds = take(socket)) {
    const pid_t worker = ::fork();
    if (worker == 0) work(self, *fds, cpu_seconds, memory_bytes);
    for (const int fd : *fds) ::close(fd);
    if (worker < 0) return 1;  // the gateway sees it end
    process_end end;
    rusage used{};
    int status = 0;
    while (::wait4(worker, &status, 0, &used) < 0 && errno == EINTR) {
    }
    end.status = status;
    end.bytes_max = static_cast<std::uint64_t>(used.ru_maxrss) << 10;
    if (::send(socket, &end, sizeof end, MSG_NOSIGNAL) < 0) return 0;
  }
  return 0;
}

}  // namespace sluice::match
