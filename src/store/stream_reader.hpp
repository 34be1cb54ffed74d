// A stream in Redis, read from its newest entry backwards and in pages: no single reply holds a long one.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "redis_client.hpp"

namespace sluice::store {

struct stream_range {
  std::string newest = "+", oldest = "-";  // ids; "(" before one leaves that entry out
  std::size_t most = 10'000;               // entries
};

// Gives an id and its fields at a time, the newest first, until `take` says false. The value: false when it ended at `most`, so that there may be
// more. What is no entry is passed over.
[[nodiscard]] result<bool> read_back(redis_client& redis, const std::string& stream, stream_range range, const std::function<bool(const std::string& id, const redis_reply& fields)>& take);

}  // namespace sluice::store
