// What conversations of this node were tagged with, for as long as they go on. Shared by all workers; only exchanges whose policy asks for
// tags make a call.
//
// Kept in memory only, and a node knows nothing of another's: what a request repeats is tagged again from its text wherever it arrives, so
// this is for what a request does not repeat.
#pragma once

#include <vector>

#include "keyed_memory.hpp"

namespace sluice::app {

class conversation_tags {
 public:
  static constexpr std::chrono::hours idle_max{24};     // since a conversation's last exchange
  static constexpr std::size_t bytes_max = 32u << 20;   // of all; past it the conversation that was quiet longest is forgotten
  static constexpr std::size_t tags_max = 64;           // of one; the first stay

  explicit conversation_tags(std::size_t bytes = bytes_max) : known_(bytes, idle_max) {}

  // Appends what is known and not in `tags` yet.
  void recall(std::string_view tenant, std::string_view conversation, mono_time now, std::vector<std::string>& tags);
  void keep(std::string_view tenant, std::string_view conversation, mono_time now, const std::vector<std::string>& tags);
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct tag_list {
    std::vector<std::string> tags;
    [[nodiscard]] std::size_t bytes() const;
  };
  keyed_memory<tag_list> known_;
};

}  // namespace sluice::app
