// See pinned_snapshots.hpp.
#include "pinned_snapshots.hpp"

#include <algorithm>
#include <unordered_set>

namespace sluice::app {

void pinned_snapshots::activate(const std::vector<pointer>& snapshots, mono_time t) {
  const auto stays = [&snapshots](const pointer& one) { return std::ranges::find(snapshots, one) != snapshots.end(); };
  std::vector<pointer> before;
  add_in_force(before);
  in_force_.assign(snapshots.begin(), snapshots.end());
  // An older one that is in force again has no bound, and its streams no reason to end.
  std::erase_if(older_, [&](const entry& e) { return e.snapshot.expired() || stays(e.snapshot.lock()); });
  for (const auto& each : before) {
    if (!stays(each)) older_.push_back({.snapshot = each, .superseded = t, .ending = false});
  }
}

void pinned_snapshots::add_in_force(std::vector<pointer>& to) const {
  for (const auto& each : in_force_) {
    if (auto alive = each.lock()) to.push_back(std::move(alive));
  }
}

std::uint64_t pinned_snapshots::bytes_of(const std::vector<pointer>& held) const {
  std::uint64_t sum = 0;
  std::unordered_set<const void*> seen;
  for (const auto& each : held) {
    sum += each->memory_bytes();
    for (const auto& piece : each->shared_pieces()) {
      if (!seen.insert(piece.what).second) sum -= piece.bytes;
    }
  }
  return sum;
}

std::vector<pinned_snapshots::pointer> pinned_snapshots::overdue(mono_time t) {
  std::erase_if(older_, [](const entry& e) { return e.snapshot.expired(); });
  std::vector<pointer> out;
  const auto end = [&out](entry& e) {
    e.ending = true;
    if (auto alive = e.snapshot.lock()) out.push_back(std::move(alive));
  };
  for (auto& e : older_) {
    if (!e.ending && t - e.superseded >= pin_max_) end(e);
  }
  // What is ending already is as good as gone. Those in force stay, whatever they need.
  std::vector<pointer> held;
  for (const auto& e : older_) {
    if (auto alive = e.ending ? nullptr : e.snapshot.lock()) held.push_back(std::move(alive));
  }
  if (held.empty()) return out;
  add_in_force(held);
  for (auto& e : older_) {
    if (e.ending || bytes_of(held) <= bytes_max_) continue;
    end(e);
    std::erase(held, e.snapshot.lock());
  }
  return out;
}

pinned_snapshots::usage pinned_snapshots::now_held() {
  std::vector<pointer> held;
  for (const auto& e : older_) {
    if (auto alive = e.snapshot.lock()) held.push_back(std::move(alive));
  }
  const auto older = held.size();
  add_in_force(held);
  return {.snapshots = older, .bytes = bytes_of(held)};
}

}  // namespace sluice::app
