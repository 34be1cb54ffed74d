// A program that a command starts and ends: in a process group of its own, so that ^C at the terminal reaches only the command, which then ends
// what it started in the order that it wants. It gets SIGTERM when the command dies without doing so.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::app {

class child_process {
 public:
  // `words`: the program, looked for in PATH where it has no slash, and its arguments. What it prints is appended to `log_file`. Call it from the
  // thread that lives as long as the command, and before any other is started.
  [[nodiscard]] static result<child_process> start(const std::vector<std::string>& words, std::string log_file);
  ~child_process();  // stop()
  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&& other) noexcept;

  // Whether it has ended by now, by itself or by somebody else.
  [[nodiscard]] bool ended();
  // Its exit code once it has ended; 128 and more: a signal.
  [[nodiscard]] int exit_code() const { return exit_code_; }
  // SIGTERM, and SIGKILL for what takes longer than `bound`.
  void stop(milliseconds bound = milliseconds(10'000));
  // Waits until it has ended, `bound` at most; false: it has not.
  [[nodiscard]] bool wait(milliseconds bound);
  [[nodiscard]] const std::string& log_file() const { return log_file_; }

 private:
  child_process() = default;
  pid_t pid_ = -1;  // -1: ended
  int exit_code_ = -1;
  std::string log_file_;
};

// Where PATH has the program; "" where it has not.
[[nodiscard]] std::string program_in_path(const std::string& name);
// The last lines of a log, for a message.
[[nodiscard]] std::string last_lines(const std::string& file, std::size_t count);

}  // namespace sluice::app
