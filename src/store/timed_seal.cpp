// See timed_seal.hpp. Before it is sealed: until when, in ms since 1970 (8 bytes), then the bytes.
#include "timed_seal.hpp"

#include <algorithm>

#include "sluice/crypto/sealed.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t time_bytes = 8;

std::int64_t ms_of(wall_time t) { return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count(); }

}  // namespace

std::string_view bytes_of(const crypto::digest& d) { return {reinterpret_cast<const char*>(d.data()), d.size()}; }

std::string led_by_length(std::string_view first, std::string_view second) {
  return std::to_string(first.size()) + ':' + std::string(first) + std::string(second);
}

void append_number(std::string& out, std::uint64_t n, std::size_t bytes) {
  for (auto i = bytes; i-- > 0;) out += static_cast<char>(n >> (8 * i) & 0xff);
}

std::uint64_t read_number(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

std::string seal_for(const crypto::digest& key, std::string_view plain, std::string_view place, wall_time now, milliseconds ttl) {
  std::string timed;
  append_number(timed, static_cast<std::uint64_t>(ms_of(now) + ttl.count()), time_bytes);
  timed += plain;
  return crypto::seal(key, timed, place);
}

std::optional<opened_seal> open_seal(const crypto::digest& key, std::string_view sealed, std::string_view place, wall_time now) {
  const auto timed = crypto::open_sealed(key, sealed, place);
  if (!timed || timed->size() < time_bytes) return std::nullopt;
  const auto until = static_cast<std::int64_t>(read_number(std::string_view(*timed).substr(0, time_bytes)));
  return opened_seal{timed->substr(time_bytes), milliseconds(std::max<std::int64_t>(0, until - ms_of(now)))};
}

}  // namespace sluice::store
