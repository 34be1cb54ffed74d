// See threads.hpp.
#include "sluice/base/threads.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

namespace sluice {
namespace {

// The kernel stores the registers there, some 11 KiB where there is AVX-512 or AMX; the handler writes a line.
std::size_t stack_bytes() { return std::max<std::size_t>(64u << 10, 4 * static_cast<std::size_t>(std::max(0L, ::sysconf(_SC_MINSIGSTKSZ)))); }

}  // namespace

fault_stack::fault_stack() {
  stack_t given{};
  if (::sigaltstack(nullptr, &given) == 0 && (given.ss_flags & SS_DISABLE) == 0) return;
  bytes_ = std::make_unique_for_overwrite<std::byte[]>(stack_bytes());
  given = {};
  given.ss_sp = bytes_.get();
  given.ss_size = stack_bytes();
  if (::sigaltstack(&given, nullptr) != 0) bytes_.reset();
}

fault_stack::~fault_stack() {
  if (!bytes_) return;
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  ::sigaltstack(&none, nullptr);
}

}  // namespace sluice
