// Which versions this process has died of: a fatal signal that was raised inside of it (a fault of memory, an abort) is written down with
// the version in force, or, on a thread that builds a candidate, with that one, so that the next start can choose another one. What comes from
// outside says nothing about a version: SIGKILL, the kernel for lack of memory, an operator's kill. One a process; the handlers stay until it ends.
#pragma once

#include <map>
#include <string>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::app {

class crash_guard {
 public:
  // Reads what earlier starts left in the folder, and installs the handlers.
  [[nodiscard]] static result<crash_guard> open(const std::string& state_directory);

  // By version, since the last start that went well.
  [[nodiscard]] const std::map<std::string, unsigned>& crashes() const { return crashes_; }
  // As what each of them was last being built when the process died of building it.
  [[nodiscard]] const std::map<std::string, policy::activation>& crashed_as() const { return crashed_as_; }
  // This version is to blame from now on; "" for none.
  void blame(const std::string& version, mono_time t);
  // As long as it is there, what happens on the thread that made it is this version's doing, while requests go on elsewhere with what is in
  // force. To be let go on the same thread, the innermost first.
  class building {
   public:
    building(const std::string& version, policy::activation as);
    ~building();
    building(const building&) = delete;
    building& operator=(const building&) = delete;

   private:
    std::string line_;
    const std::string* around_;
  };
  // After a minute of a version the start went well, unless another one is being built: of that nobody knows yet. `downgraded`: then the memory is what keeps the node from the other version.
  void look(mono_time t, bool downgraded);

 private:
  std::string path_, blamed_;
  std::map<std::string, unsigned> crashes_;
  std::map<std::string, policy::activation> crashed_as_;
  mono_time since_{};
  bool any_ = false;
};

}  // namespace sluice::app
