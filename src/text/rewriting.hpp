// Builds one reading of a text from left to right, with the place in the original of each of its bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/text/derived.hpp"
#include "utf8.hpp"

namespace sluice::text {

// One to one, or one to many, from left to right.
class rewriting {
 public:
  explicit rewriting(std::string_view from) : from_(from) {}
  void copy(std::size_t at, std::size_t n) {
    out_.text.append(from_.substr(at, n));
    const auto first = out_.units.size();
    out_.units.resize(first + n);
    for (std::size_t k = 0; k < n; ++k) out_.units[first + k] = {static_cast<std::uint32_t>(at + k), static_cast<std::uint32_t>(at + k + 1)};
  }
  void put(std::string_view bytes, std::size_t begin, std::size_t end) {
    out_.text += bytes;
    for (std::size_t k = bytes.size(); k > 0; --k) out_.units.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  }
  // What comes next belongs to what was put last.
  void join(std::size_t end) {
    if (out_.units.empty()) return;
    const auto begin = out_.units.back().original_begin;
    for (auto unit = out_.units.rbegin(); unit != out_.units.rend() && unit->original_begin == begin; ++unit) unit->original_end = static_cast<std::uint32_t>(end);
  }
  // Nothing when it says what the text said.
  std::optional<derived_text> finish(reading how) {
    if (out_.text == from_ || !is_valid_utf8(out_.text)) return std::nullopt;
    out_.readings = bit(how);
    return std::move(out_);
  }

 private:
  std::string_view from_;
  derived_text out_;
};

}  // namespace sluice::text
