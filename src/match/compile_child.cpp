// The compiler in a child process: the same program, started anew with limits, so that a pattern which explodes takes nothing
// with it. A classifier's file is tried here too, before the process that serves traffic reads it. Protocol: u32 kind; patterns: u32
// count, then for each u32 flags, u32 length, bytes; classifier: bytes. Back: one byte 0 or 1, then bytes.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "sluice/match/classifier.hpp"
#include "sluice/match/compiler.hpp"

extern char** environ;

namespace sluice::match {
namespace {

#if defined(__has_feature)
constexpr bool built_with_sanitizer = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool built_with_sanitizer = true;
#else
constexpr bool built_with_sanitizer = false;
#endif

constexpr std::size_t request_bytes_max = 512u << 20;
constexpr std::uint32_t kind_patterns = 0, kind_classifier = 2;

void put(std::string& out, std::uint32_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }

std::string pack(const pattern_set& set) {
  std::string out;
  put(out, kind_patterns);
  put(out, static_cast<std::uint32_t>(set.patterns.size()));
  for (const auto& p : set.patterns) {
    put(out, p.flags);
    put(out, static_cast<std::uint32_t>(p.expression.size()));
    out += p.expression;
  }
  return out;
}

bool unpack(std::string_view in, pattern_set& set) {
  const auto take = [&](std::uint32_t& v) {
    if (in.size() < sizeof v) return false;
    std::memcpy(&v, in.data(), sizeof v);
    in.remove_prefix(sizeof v);
    return true;
  };
  std::uint32_t kind = 0, count = 0;
  if (!take(kind) || !take(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t flags = 0, length = 0;
    if (!take(flags) || !take(length) || in.size() < length) return false;
    set.patterns.push_back({std::string(in.substr(0, length)), flags});
    in.remove_prefix(length);
  }
  return in.empty();
}

struct descriptor {
  int fd = -1;
  descriptor() = default;
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { reset(); }
  void reset() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

class child final : public compile_backend {
 public:
  child(std::string program, compile_limits limits) : program_(std::move(program)), limits_(limits) {}

  result<std::string> compile(const pattern_set& set) override { return run(pack(set), {"pattern compiler", "the patterns", "simplify them"}); }

  std::uint64_t peak_bytes() const override { return peak_.load(); }

  result<void> try_classifier(std::string_view bytes) override {
    std::string request;
    put(request, kind_classifier);
    request += bytes;
    const auto answer = run(request, {"classifier loader", "the classifier", "train it again with sluice classifier train"});
    if (!answer) return std::unexpected(answer.error());
    return {};
  }

 private:
  // What the child is asked to do, for messages.
  struct task {
    const char* program;
    const char* what;
    const char* advice;
  };

  [[nodiscard]] result<std::string> run(const std::string& request, const task& of) {
    std::array<descriptor, 2> in, out;
    std::array<int, 2> a{}, b{};
    if (::pipe2(a.data(), O_CLOEXEC) != 0 || ::pipe2(b.data(), O_CLOEXEC) != 0) {
      return fail(errc::unavailable, std::string("no pipe for the ") + of.program + ": " + std::strerror(errno));
    }
    in[0].fd = a[0], in[1].fd = a[1], out[0].fd = b[0], out[1].fd = b[1];
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in[0].fd, 0);
    posix_spawn_file_actions_adddup2(&files, out[1].fd, 1);
    std::array<std::string, 4> words = {program_, "compile-worker", std::to_string(limits_.cpu_seconds), std::to_string(limits_.memory_bytes)};
    std::array<char*, 5> argv = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    pid_t pid = -1;
    const int rc = ::posix_spawn(&pid, program_.c_str(), &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc != 0) return fail(errc::unavailable, std::string("the ") + of.program + " did not start (" + program_ + "): " + std::strerror(rc));
    in[0].reset();
    out[1].reset();
    std::string answer;
    const bool in_time = exchange(in[1], out[0].fd, request, answer);
    if (!in_time) ::kill(pid, SIGKILL);
    int status = 0;
    rusage used{};
    while (::wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
    }
    const auto held = static_cast<std::uint64_t>(std::max(used.ru_maxrss, 0L)) << 10;
    for (auto most = peak_.load(); held > most && !peak_.compare_exchange_weak(most, held);) {
    }
    return judge(in_time, status, std::move(answer), of);
  }

  // Writes the request and reads the answer until the child closes its side. False: out of time.
  bool exchange(descriptor& to, int from, const std::string& request, std::string& answer) const {
    ::fcntl(to.fd, F_SETFL, O_NONBLOCK);
    const auto end = mono_now() + std::chrono::seconds(limits_.wall_seconds);
    std::size_t sent = 0;
    std::array<char, 65536> buffer;
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(end - mono_now()).count();
      if (left <= 0) return false;
      std::array<pollfd, 2> fds = {pollfd{from, POLLIN, 0}, pollfd{to.fd, POLLOUT, 0}};
      if (::poll(fds.data(), to.fd >= 0 ? 2 : 1, static_cast<int>(left)) < 0 && errno != EINTR) return false;
      if (to.fd >= 0 && fds[1].revents != 0) {
        const auto n = ::write(to.fd, request.data() + sent, request.size() - sent);
        if (n > 0) sent += static_cast<std::size_t>(n);
        if (sent == request.size() || (n < 0 && errno != EAGAIN && errno != EINTR)) to.reset();
      }
      if (fds[0].revents != 0) {
        const auto n = ::read(from, buffer.data(), buffer.size());
        if (n == 0) return true;
        if (n > 0) answer.append(buffer.data(), static_cast<std::size_t>(n));
        if (n < 0 && errno != EINTR) return true;
      }
    }
  }

  [[nodiscard]] result<std::string> judge(bool in_time, int status, std::string answer, const task& of) const {
    const std::string what = of.what, advice = std::string("; ") + of.advice;
    if (!in_time) {
      return fail(errc::limit, what + " took longer than " + std::to_string(limits_.wall_seconds) + " s" + advice);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !answer.empty()) {
      const bool good = answer[0] == 0;
      answer.erase(0, 1);
      if (good) return answer;
      return fail(errc::invalid_argument, std::move(answer));
    }
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
      return fail(errc::limit, what + " took more than " + std::to_string(limits_.cpu_seconds) + " s of CPU" + advice);
    }
    return fail(errc::limit, std::string("the ") + of.program + " died, most likely at its limit of " +
                                 std::to_string(limits_.memory_bytes >> 20) + " MiB of memory" + advice);
  }

  std::string program_;
  compile_limits limits_;
  std::atomic<std::uint64_t> peak_{0};
};

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

}  // namespace

std::unique_ptr<compile_backend> child_backend(std::string program, compile_limits limits) {
  return std::make_unique<child>(std::move(program), limits);
}

int compile_worker_main(std::uint32_t cpu_seconds, std::uint64_t memory_bytes) {
  const rlimit cpu{cpu_seconds, cpu_seconds + 1}, memory{memory_bytes, memory_bytes}, core{0, 0};
  ::setrlimit(RLIMIT_CPU, &cpu);
  // A sanitizer reserves terabytes of addresses that it never fills.
  if (!built_with_sanitizer) ::setrlimit(RLIMIT_AS, &memory);
  ::setrlimit(RLIMIT_CORE, &core);
  ::setpriority(PRIO_PROCESS, 0, 10);  // below the traffic, but not starved by it
  const std::string answer = answer_to(read_all(0));
  for (std::size_t sent = 0; sent < answer.size();) {
    const auto n = ::write(1, answer.data() + sent, answer.size() - sent);
    if (n < 0 && errno != EINTR) return 1;
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace sluice::match
