// Replies of a hostile Redis: the same replies, and the same end, whatever the cut; what was read reads the same when written again.
#include <algorithm>
#include <string>
#include <vector>

#include "check.hpp"
#include "redis_reply.hpp"

namespace {

using sluice::store::redis_reply;
using sluice::store::redis_reply_reader;

// As RESP2, with every text as a bulk string: a status reply and a bulk reply are the same to us.
void append(std::string& out, const redis_reply& r) {
  switch (r.kind) {
    case redis_reply::kind::nil: out += "$-1\r\n"; return;
    case redis_reply::kind::integer: out += ":" + std::to_string(r.integer) + "\r\n"; return;
    case redis_reply::kind::error: out += "-" + r.text + "\r\n"; return;
    case redis_reply::kind::text: out += "$" + std::to_string(r.text.size()) + "\r\n" + r.text + "\r\n"; return;
    case redis_reply::kind::array: break;
  }
  out += "*" + std::to_string(r.items.size()) + "\r\n";
  for (const auto& item : r.items) append(out, item);
}

struct reading {
  std::vector<std::string> replies;  // written again
  bool refused = false;
  bool operator==(const reading&) const = default;
};

reading read(std::string_view bytes, std::size_t first, std::size_t then) {
  redis_reply_reader reader;
  reading out;
  for (auto step = std::max<std::size_t>(first, 1); !bytes.empty(); step = std::max<std::size_t>(then, 1)) {
    const auto piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    out.refused = !reader.feed(piece);
    while (!out.refused) {
      auto one = reader.next();
      if (one && !*one) break;
      out.refused = !one;
      if (one) append(out.replies.emplace_back(), **one);
    }
    if (out.refused) break;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto bytes = sluice::fuzz::text_of(data + 2, size - 2);
  const auto whole = read(bytes, bytes.size(), 1);
  SLUICE_REQUIRE(read(bytes, 1, 1) == whole);
  SLUICE_REQUIRE(read(bytes, data[0], data[1]) == whole);
  std::string again;
  for (const auto& one : whole.replies) again += one;
  const auto twice = read(again, again.size(), 1);
  SLUICE_REQUIRE(!twice.refused && twice.replies == whole.replies);
  return 0;
}
