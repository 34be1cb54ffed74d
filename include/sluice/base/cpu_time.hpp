// What work costs, for gates that compare two versions on a machine that others use, too. In clock.cpp, as every clock is.
#pragma once

#include <chrono>

namespace sluice {

// CPU time that the calling thread has used: what others on the machine do is not in it.
[[nodiscard]] std::chrono::nanoseconds thread_cpu_time();

}  // namespace sluice
