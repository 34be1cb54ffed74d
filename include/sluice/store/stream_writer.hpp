// Appends entries to a Redis stream, as many as come in one call in one round trip, and reads them back. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"

namespace sluice::store {

using stream_entry = std::vector<std::pair<std::string, std::string>>;  // field, value

class stream_writer {
 public:
  // `entries_max`: the stream is cut to about so many, the oldest first; 0: never.
  [[nodiscard]] static result<stream_writer> connect(const redis_endpoint& to, std::string stream, std::uint64_t entries_max, milliseconds timeout);
  stream_writer(stream_writer&&) noexcept;
  ~stream_writer();
  // All of them, or an error; then some may be there.
  [[nodiscard]] result<void> append(std::span<const stream_entry> entries);

 private:
  struct impl;
  explicit stream_writer(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

// The newest entries of a stream, at most `entries_max`, oldest first. A stream that is not there has none.
[[nodiscard]] result<std::vector<stream_entry>> read_stream(const redis_endpoint& from, const std::string& stream, std::size_t entries_max, milliseconds timeout);

// The stream of what a ring's clients report, and that of what people who looked say of it: who reports much pushes out no label.
[[nodiscard]] std::string feedback_stream(const std::string& ring);
[[nodiscard]] std::string label_stream(const std::string& ring);

}  // namespace sluice::store
