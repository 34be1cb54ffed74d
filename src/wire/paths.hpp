// Paths as a dialect states them: each with its method, and what becomes of it.
#pragma once

#include <optional>
#include <span>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

struct known_path {
  std::string_view path, method, name;
  endpoint_class what;
  std::string_view why;
};

// One segment of a path as it may stand in an identifier: nothing encoded, no dots alone.
[[nodiscard]] bool plain_segment(std::string_view s);
// A path of the table, or one that only a slash at its end tells from it.
[[nodiscard]] std::optional<endpoint> classify_known(std::span<const known_path> paths, std::string_view method, std::string_view path);
// An endpoint without text of a conversation that is only read. `model`: that it is about.
[[nodiscard]] endpoint only_get(std::string_view name, std::string_view method, std::string_view model = {});

}  // namespace sluice::wire
