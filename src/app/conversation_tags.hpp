// What conversations of this node were tagged with, for as long as they go on. Shared by all workers; each call takes one lock out of
// many for a look-up, and only exchanges whose policy asks for tags make one.
//
// Kept in memory only, and a node knows nothing of another's: what a request repeats is tagged again from its text wherever it arrives, so
// this is for what a request does not repeat.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/base/clock.hpp"

namespace sluice::app {

class conversation_tags {
 public:
  static constexpr std::chrono::hours idle_max{24};     // since a conversation's last exchange
  static constexpr std::size_t bytes_max = 32u << 20;   // of all; past it the conversation that was quiet longest is forgotten
  static constexpr std::size_t tags_max = 64;           // of one; the first stay

  explicit conversation_tags(std::size_t bytes = bytes_max) : shard_bytes_max_(bytes / shard_count) {}

  // Appends what is known and not in `tags` yet.
  void recall(std::string_view tenant, std::string_view conversation, mono_time now, std::vector<std::string>& tags);
  void keep(std::string_view tenant, std::string_view conversation, mono_time now, const std::vector<std::string>& tags);
  [[nodiscard]] std::size_t size() const;

 private:
  struct entry {
    std::string key;
    std::vector<std::string> tags;
    mono_time last;
    [[nodiscard]] std::size_t bytes() const;
  };
  struct shard {
    mutable std::mutex mutex;
    std::list<entry> by_use;  // the latest first
    std::unordered_map<std::string_view, std::list<entry>::iterator> by_key;
    std::size_t bytes = 0;
  };
  static constexpr std::size_t shard_count = 16;

  // A digest, so that what a client sends as a name costs no more than another.
  [[nodiscard]] static std::string key_of(std::string_view tenant, std::string_view conversation);
  [[nodiscard]] shard& shard_of(const std::string& key) { return shards_[static_cast<unsigned char>(key.front()) % shard_count]; }
  static void drop_last(shard& from);
  static void drop_idle(shard& from, mono_time now);

  std::size_t shard_bytes_max_;
  std::array<shard, shard_count> shards_;
};

}  // namespace sluice::app
