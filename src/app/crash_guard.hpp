// Which versions this process has died of: a fatal signal that was raised inside of it (a fault of memory, an abort) is written down with
// the version in force, so that the next start can choose another one. What comes from outside says nothing about a version: SIGKILL,
// the kernel for lack of memory, an operator's kill. One a process; the handlers stay until it ends.
#pragma once

#include <map>
#include <string>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"

namespace sluice::app {

class crash_guard {
 public:
  // Reads what earlier starts left in the folder, and installs the handlers.
  [[nodiscard]] static result<crash_guard> open(const std::string& state_directory);

  // By version, since the last start that went well.
  [[nodiscard]] const std::map<std::string, unsigned>& crashes() const { return crashes_; }
  // This version is to blame from now on; "" for none.
  void blame(const std::string& version, mono_time t);
  // After a minute of a version the start went well. `downgraded`: then the memory is what keeps the node from the other version.
  void look(mono_time t, bool downgraded);

 private:
  std::string path_, blamed_;
  std::map<std::string, unsigned> crashes_;
  mono_time since_{};
  bool any_ = false;
};

}  // namespace sluice::app
