// Files of a log that are written no more may lie compressed, as <name>.zst. The library belongs to another module: whoever wires the
// program hands in how, once, before a log is read or written.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::audit {

struct packing {
  std::function<result<void>(const std::string& from, const std::string& to)> pack;
  // Gives the bytes piece by piece, until `take` returns false.
  std::function<result<void>(const std::string& from, const std::function<bool(std::string_view)>& take)> unpack;
};
void set_packing(packing how);

}  // namespace sluice::audit
