// What workers share about things that clients name: in memory, bounded in bytes and in time. Each call takes one lock out of many for a
// look-up. Kept by a digest of the name, so that what a client sends as one costs no more than another.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sluice/base/clock.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::app {

// `Value` is default-constructible and tells its size: std::size_t bytes() const.
template <class Value>
class keyed_memory {
 public:
  // `idle_max`: since a value's last use. Past `bytes_max`, of all, what was quiet longest is forgotten.
  keyed_memory(std::size_t bytes_max, std::chrono::hours idle_max) : shard_bytes_max_(bytes_max / shard_count), idle_max_(idle_max) {}

  [[nodiscard]] static std::string key_of(std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const auto part : parts) (all += std::to_string(part.size()) += ':') += part;
    const auto digest = crypto::sha256(all);
    return {digest.begin(), digest.end()};
  }
  // Calls `use` with the value, if there is one.
  template <class Use>
  void find(const std::string& key, mono_time now, Use&& use) {
    auto& in = shard_of(key);
    const std::lock_guard lock(in.mutex);
    drop_idle(in, now);
    const auto at = in.by_key.find(key);
    if (at == in.by_key.end()) return;
    touch(in, at->second, now);
    use(static_cast<const Value&>(at->second->value));
  }
  // Calls `change` with the value, which is a new one where there was none.
  template <class Change>
  void change(const std::string& key, mono_time now, Change&& change) {
    auto& in = shard_of(key);
    const std::lock_guard lock(in.mutex);
    drop_idle(in, now);
    auto at = in.by_key.find(key);
    if (at == in.by_key.end()) {
      in.by_use.push_front({key, {}, now});
      in.bytes += in.by_use.front().bytes();
      at = in.by_key.emplace(in.by_use.front().key, in.by_use.begin()).first;
    }
    touch(in, at->second, now);
    in.bytes -= at->second->bytes();
    change(at->second->value);
    in.bytes += at->second->bytes();
    while (in.bytes > shard_bytes_max_ && in.by_use.size() > 1) drop_last(in);
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t out = 0;
    for (const auto& each : shards_) {
      const std::lock_guard lock(each.mutex);
      out += each.by_use.size();
    }
    return out;
  }

 private:
  struct entry {
    std::string key;
    Value value;
    mono_time last;
    [[nodiscard]] std::size_t bytes() const {
      constexpr std::size_t nodes = 192;  // of the list and the table
      return nodes + key.size() + value.bytes();
    }
  };
  using entries = std::list<entry>;
  struct shard {
    mutable std::mutex mutex;
    entries by_use;  // the latest first
    std::unordered_map<std::string_view, typename entries::iterator> by_key;
    std::size_t bytes = 0;
  };
  static constexpr std::size_t shard_count = 16;

  [[nodiscard]] shard& shard_of(const std::string& key) { return shards_[static_cast<unsigned char>(key.front()) % shard_count]; }
  static void touch(shard& in, typename entries::iterator at, mono_time now) {
    at->last = now;
    in.by_use.splice(in.by_use.begin(), in.by_use, at);
  }
  static void drop_last(shard& from) {
    from.bytes -= from.by_use.back().bytes();
    from.by_key.erase(from.by_use.back().key);
    from.by_use.pop_back();
  }
  void drop_idle(shard& from, mono_time now) const {
    while (!from.by_use.empty() && now - from.by_use.back().last > idle_max_) drop_last(from);
  }

  std::size_t shard_bytes_max_;
  std::chrono::hours idle_max_;
  std::array<shard, shard_count> shards_;
};

}  // namespace sluice::app
