// Bytes that a library writes itself, behind a text: room that is not cleared before.
#pragma once

#include <cstddef>
#include <string>

namespace sluice {

// `write(char*)` writes at most `bytes_max` bytes there, and returns how many. It must not throw.
template <class Write>
void append_written(std::string& out, std::size_t bytes_max, Write&& write) {
  const auto before = out.size();
  out.resize_and_overwrite(before + bytes_max, [&](char* text, std::size_t) { return before + write(text + before); });
}

}  // namespace sluice
