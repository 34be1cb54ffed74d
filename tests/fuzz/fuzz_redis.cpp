// Replies of a hostile Redis: an answer, a wish for more, or an error; never a crash, and any cut gives the same.
#include <cstdlib>

#include "redis_reply.hpp"

namespace {

// How many replies there were, and whether the stream ended in an error.
std::pair<int, bool> read(std::string_view bytes, std::size_t cut) {
  sluice::store::redis_reply_reader reader;
  int count = 0;
  for (const auto part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    if (!reader.feed(part)) return {count, true};
    for (;;) {
      auto one = reader.next();
      if (!one) return {count, true};
      if (!*one) break;
      ++count;
    }
  }
  return {count, false};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto cut = bytes.empty() ? 0 : data[0] % bytes.size();
  if (read(bytes, cut) != read(bytes, 0)) std::abort();
  return 0;
}
