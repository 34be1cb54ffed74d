// See stream_reader.hpp.
#include "stream_reader.hpp"

#include <algorithm>
#include <utility>

namespace sluice::store {

result<bool> read_back(redis_client& redis, const std::string& stream, stream_range range, const std::function<bool(const std::string& id, const redis_reply& fields)>& take) {
  constexpr std::size_t page = 500;
  for (auto left = range.most; left > 0;) {
    const auto asked = std::min(left, page);
    const auto entries = redis.command({"XREVRANGE", stream, range.newest, range.oldest, "COUNT", std::to_string(asked)});
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : entries->items) {
      if (entry.items.size() != 2) continue;
      range.newest = "(" + entry.items[0].text;
      if (!take(entry.items[0].text, entry.items[1])) return true;
    }
    if (entries->items.size() < asked) return true;
    left -= asked;
  }
  return false;
}

}  // namespace sluice::store
