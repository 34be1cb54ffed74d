// See anchors.hpp.
#include "anchors.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "chain_line.hpp"
#include "checkpoint.hpp"

namespace sluice::audit {
namespace {

constexpr std::size_t told_max = 1000;

}  // namespace

void tell(std::vector<std::string>& list, std::string what) {
  if (list.size() < told_max) list.push_back(std::move(what));
}

anchors::anchors(const verify_options& options, verify_report& out) : options_(options), out_(out) {
  for (const auto& line : options.anchors) kept_.emplace(last_member(line, "hash"), line);
  if (!options.ring) return;
  for (const auto& entry : *options.ring) take(entry);
}

void anchors::take(const ring_entry& entry) {
  if (first_text(entry.line, "event") != "checkpoint" || !hash_fits(entry.line)) {
    return refuse(entry, "this is no checkpoint, or its bytes do not fit their hash: it was changed");
  }
  ring_[first_text(entry.line, "node")].missing.emplace(std::string(last_member(entry.line, "hash")), &entry);
}

void anchors::refuse(const ring_entry& entry, const std::string& why) { tell(out_.problems, "Redis, " + entry.place + ": " + why); }

void anchors::meet(const std::string& line) {
  const std::string hash(last_member(line, "hash"));
  kept_.erase(hash);
  const auto node = ring_.find(first_text(line, "node"));
  if (node == ring_.end() || node->second.missing.erase(hash) == 0) return;
  node->second.newest = std::max(node->second.newest, sequence_of(line));
}

// A log has all from its first record on, whatever it says of it.
void anchors::read_log(const std::string& node, std::uint64_t first, std::uint64_t retired_through) {
  auto& through = retired_through_[node];
  through = std::max(through, std::min(retired_through, first - std::min<std::uint64_t>(first, 1)));
}

// Numbers go on from boot to boot: where a later boot has a lower one than this, it began another log in the place of this one's, and what
// that has retired was not this.
bool anchors::retired(const std::string& line) const {
  const auto node = first_text(line, "node");
  const auto sequence = sequence_of(line);
  const auto log = retired_through_.find(node);
  if (log == retired_through_.end() || sequence > log->second) return false;
  const auto boots = from_boot_on_.find(node);
  if (boots == from_boot_on_.end()) return true;
  const auto later = boots->second.upper_bound(first_text(line, "boot"));
  return later == boots->second.end() || later->second > sequence;
}

void anchors::order_boots() {
  const auto take = [&](const std::string& line) {
    const auto [boot, fresh] = from_boot_on_[first_text(line, "node")].try_emplace(first_text(line, "boot"), sequence_of(line));
    if (!fresh) boot->second = std::min(boot->second, sequence_of(line));
  };
  for (const auto& [hash, line] : kept_) take(line);
  for (const auto& [name, node] : ring_) {
    for (const auto& [hash, entry] : node.missing) take(entry->line);
  }
  for (auto& [name, boots] : from_boot_on_) {
    auto lowest = std::numeric_limits<std::uint64_t>::max();
    for (auto boot = boots.rbegin(); boot != boots.rend(); ++boot) lowest = boot->second = std::min(lowest, boot->second);
  }
}

std::uint64_t anchors::ring_sequence(const std::string& node) const {
  const auto at = ring_.find(node);
  return at == ring_.end() ? 0 : at->second.newest;
}

// What is not in the log counts only when the gateway signed it: anybody who may write into the stream can make something up.
bool anchors::genuine(const ring_entry& entry) {
  const std::string key(last_member(entry.line, "key"));
  if (std::ranges::find(options_.keys, key) == options_.keys.end()) {
    refuse(entry, "the checkpoint is signed by a key that was not given: " + key.substr(0, 16) + "…");
    return false;
  }
  if (signature_fits(entry.line, key)) return true;
  refuse(entry, "the signature of the checkpoint does not fit: it was changed, or written by somebody without the key");
  return false;
}

void anchors::finish_files() {
  for (const auto& [hash, line] : kept_) {
    const auto what = "a checkpoint that was kept elsewhere (record " + std::to_string(sequence_of(line)) + " of node " + first_text(line, "node") + ", hash " + hash + ")";
    retired(line) ? tell(out_.notes, what + " was retired since") : tell(out_.problems, what + " is not in these logs");
  }
}

void anchors::finish_ring() {
  for (const auto& [name, through] : retired_through_) ring_.try_emplace(name);
  for (const auto& [name, node] : ring_) {
    const bool logged = retired_through_.contains(name);
    std::map<std::uint64_t, const ring_entry*> gone;
    for (const auto& [hash, entry] : node.missing) {
      if (!retired(entry->line)) gone.emplace(sequence_of(entry->line), entry);
    }
    if (!logged && !gone.empty()) {
      tell(out_.notes, "Redis has " + std::to_string(gone.size()) + " checkpoints of node " + name + ", of which no log was given");
    } else if (!gone.empty()) {
      const auto which = [](const auto& each) { return "record " + std::to_string(each.first) + " (" + each.second->place + ")"; };
      tell(out_.problems, "node " + name + ": its log was cut or replaced: of the checkpoints that Redis has it lacks " + std::to_string(gone.size()) + ", " + which(*gone.begin()) +
                              (gone.size() > 1 ? " to " + which(*gone.rbegin()) : ""));
    } else if (node.newest == 0) {
      tell(out_.notes, "Redis has no checkpoint of node " + name + " that is in its log, and says nothing about its end");
    }
  }
}

void anchors::finish() {
  for (auto& [name, node] : ring_) std::erase_if(node.missing, [&](const auto& each) { return !genuine(*each.second); });
  order_boots();
  finish_files();
  if (options_.ring) finish_ring();
}

}  // namespace sluice::audit
