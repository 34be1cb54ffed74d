// The compiler in child processes, the gateway's side: a server that waits (compile_worker.cpp) and makes a process of its own, with limits,
// for each set of patterns, so that a pattern which explodes takes nothing with it, and no set waits for a program to be loaded and linked. A
// classifier's file is tried there too, before the process that serves traffic reads it.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

#include "compile_protocol.hpp"
#include "sluice/match/compiler.hpp"

extern char** environ;

namespace sluice::match {
namespace {

void put(std::string& out, std::uint32_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof v); }

std::string pack(const pattern_set& set) {
  std::string out;
  put(out, set.plainest ? kind_plainest : kind_patterns);
  put(out, static_cast<std::uint32_t>(set.patterns.size()));
  for (const auto& p : set.patterns) {
    put(out, p.flags);
    put(out, static_cast<std::uint32_t>(p.expression.size()));
    out += p.expression;
  }
  return out;
}

struct descriptor {
  int fd = -1;
  descriptor() = default;
  explicit descriptor(int owned) : fd(owned) {}
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
  ~child() override { stop(); }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  result<std::string> compile(const pattern_set& set) override { return run(pack(set), {"pattern compiler", "the patterns", "simplify them"}); }

  std::uint64_t peak_bytes() const override { return peak_.load(); }
  void forget_peak() override { peak_.store(0); }

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
    const std::scoped_lock one_at_a_time(lock_);
    for (const bool last : {false, true}) {
      if (server_ < 0) {
        if (const int rc = start(); rc != 0) return fail(errc::unavailable, std::string("the ") + of.program + " did not start (" + program_ + "): " + std::strerror(rc));
      }
      auto tried = attempt(request, of);
      if (!tried) return std::unexpected(tried.error());
      // A server that is gone, by whatever hand, is no fault of the set.
      if (tried->in_time && !tried->end && !last) continue;
      return judge(tried->in_time, tried->end ? tried->end->status : SIGKILL, std::move(tried->answer), of);
    }
    return fail(errc::unavailable, std::string("the ") + of.program + " was ended twice");
  }

  struct trial {
    bool in_time = true;
    std::optional<process_end> end;  // nothing: the server did not say, and is stopped
    std::string answer;
  };

  result<trial> attempt(const std::string& request, const task& of) {
    std::array<descriptor, 2> in, out;
    for (auto* pair : {&in, &out}) {
      std::array<int, 2> ends{};
      if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errc::unavailable, std::string("no pipe for the ") + of.program + ": " + std::strerror(errno));
      (*pair)[0].fd = ends[0];
      (*pair)[1].fd = ends[1];
    }
    trial out_of;
    if (hand_over(socket_.fd, in[0].fd, out[1].fd)) {
      in[0].reset();
      out[1].reset();
      out_of.in_time = exchange(in[1], out[0].fd, request, out_of.answer);
      if (out_of.in_time) out_of.end = how_it_ended();
    }
    if (!out_of.end) stop();  // and with it the process that it waits for
    const auto held = out_of.end ? out_of.end->bytes_max : 0;
    for (auto most = peak_.load(); held > most && !peak_.compare_exchange_weak(most, held);) {
    }
    return out_of;
  }

  // 0, or why there is none.
  int start() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return errno;
    socket_.fd = ends[0];
    const descriptor theirs{ends[1]};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, theirs.fd, 0);
    // Libraries open sockets that children inherit. A child that outlives a gateway that was killed, for moments only, would keep its ports.
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    std::array<std::string, 4> words = {program_, "compile-worker", std::to_string(limits_.cpu_seconds), std::to_string(limits_.memory_bytes)};
    std::array<char*, 5> argv = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    const int rc = ::posix_spawn(&server_, program_.c_str(), &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc == 0) return 0;
    server_ = -1;
    socket_.reset();
    return rc;
  }

  void stop() {
    socket_.reset();
    if (server_ < 0) return;
    ::kill(server_, SIGKILL);
    while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
    }
    server_ = -1;
  }

  // Of the process that closed its side just now; nothing when the server is gone.
  [[nodiscard]] std::optional<process_end> how_it_ended() const {
    process_end end;
    pollfd fd{socket_.fd, POLLIN, 0};
    const auto last = mono_now() + std::chrono::seconds(limits_.wall_seconds);
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(last - mono_now()).count();
      if (left <= 0) return std::nullopt;
      const int ready = ::poll(&fd, 1, static_cast<int>(left));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return std::nullopt;
      if (::recv(socket_.fd, &end, sizeof end, 0) == static_cast<ssize_t>(sizeof end)) return end;
      return std::nullopt;
    }
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
      // By the clock: on a machine that is busy with other things that says little of the set. Its own time is bounded, too.
      return fail(errc::timeout, what + " took longer than " + std::to_string(limits_.wall_seconds) + " s" + advice);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !answer.empty()) {
      const bool good = answer[0] == 0;
      answer.erase(0, 1);
      if (good) return answer;
      return fail(errc::invalid_argument, std::move(answer));
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      return fail(errc::unavailable, std::string("the ") + of.program + " was killed, most likely because the machine has no memory left; give it more, or see what else takes it");
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
      return fail(errc::limit, what + " took more than " + std::to_string(limits_.cpu_seconds) + " s of CPU" + advice);
    }
    return fail(errc::limit, std::string("the ") + of.program + " died, most likely at its limit of " +
                                 std::to_string(limits_.memory_bytes >> 20) + " MiB of memory" + advice);
  }

  std::string program_;
  compile_limits limits_;
  std::mutex lock_;  // of what follows
  pid_t server_ = -1;
  descriptor socket_;
  std::atomic<std::uint64_t> peak_{0};
};

}  // namespace

std::unique_ptr<compile_backend> child_backend(std::string program, compile_limits limits) {
  return std::make_unique<child>(std::move(program), limits);
}

}  // namespace sluice::match
