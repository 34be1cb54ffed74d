// See succession.hpp.
#include "succession.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "stream_reader.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t entries_max = 10'000;

struct step {
  std::string version, previous, manifest;
  bool back = false, weaker = false;
  wall_time at;
};

// A key that has ended since counted when it signed: what it says of the past makes nothing live by itself.
wall_time when_made(const activation_record& record) { return std::min(parse_time(record.time).value_or(now().wall), now().wall); }

struct steps {
  std::vector<step> all;  // the oldest first
  bool whole = true;
};

result<steps> read_steps(redis_client& redis, const ring_keys& keys, const activation_record& record, const std::optional<live_since>& from, const trust& whom, const std::string& ring) {
  steps out;
  const stream_range range{.newest = "(" + policy::to_string(record.activation), .oldest = from ? "(" + policy::to_string(from->activation) : "-", .most = entries_max};
  const auto whole = read_back(redis, keys.log(), range, [&](const std::string& id, const redis_reply& fields) {
    const auto each = parse_record(fields.field("record"));
    if (!each || policy::to_string(each->activation) != id) return true;
    const auto at = when_made(*each);
    if (check_activator(*each, whom, ring, at)) out.all.push_back({.version = each->version, .previous = each->previous, .manifest = each->manifest_of(each->version), .back = each->back, .weaker = each->weaker, .at = at});
    return true;
  });
  if (!whole) return std::unexpected(whole.error());
  out.whole = *whole;
  std::ranges::reverse(out.all);
  return out;
}

}  // namespace

result<succession> read_succession(redis_client& redis, const ring_keys& keys, const activation_record& record, const std::optional<live_since>& from, const trust& whom, const std::string& ring, bool begins) {
  const auto steps = read_steps(redis, keys, record, from, whom, ring);
  if (!steps) return std::unexpected(steps.error());
  auto asks = whom;
  asks.gate = false;  // what a node did not take for another reason says no less of what came after it
  succession out;
  bool first = !from && begins;
  if (from) out = {.version = from->version, .before = {}, .rightly = steps->whole, .before_rightly = steps->whole, .live = {from->version}};
  else if (!steps->all.empty()) out.version = steps->all.front().previous;
  for (const auto& each : steps->all) {
    const bool goes_on = each.version == out.version;
    if (goes_on && out.rightly) continue;
    if (!goes_on) {
      out.before = std::exchange(out.version, each.version);
      out.before_rightly = std::exchange(out.rightly, false);
    }
    if (each.back && out.live.contains(each.version)) {
      out.rightly = true;
    } else {
      const placing as{.ring = ring, .over = out.before, .first = first && out.before.empty(), .weaker = each.weaker};
      const auto holds = fetch_manifest(redis, keys, each.version, asks, each.at, as, each.manifest);
      if (!holds && holds.error().code != errc::integrity && holds.error().code != errc::not_found) return std::unexpected(holds.error());
      const bool approved = holds && check_approval_as(*holds, asks, each.at, "it", as);
      out.rightly = holds && (out.before_rightly || approved);
    }
    first = false;
    if (out.rightly) out.live.insert(each.version);
  }
  return out;
}

}  // namespace sluice::store
