// Which users are followed where there are more than can be: those whose hashes are at most a bound, whoever they are and whatever they sent,
// so that what is seen of them tells of all. The hashes must be evenly spread (judged_exchange.hpp). Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace sluice::rollout {

class user_sample {
 public:
  static constexpr std::size_t users_max = 4096;  // in one table

  [[nodiscard]] bool follows(std::uint64_t user) const { return user <= limit_; }
  // Half of the users go. What is known of them is for the caller to erase.
  void halve() { limit_ /= 2; }
  // Twice as many, where so few were seen that there is room again.
  void widen_after(std::size_t seen) {
    if (seen < users_max / 4) limit_ = limit_ > all / 2 ? all : 2 * limit_ + 1;
  }
  void follow_all() { limit_ = all; }

 private:
  static constexpr std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t limit_ = all;
};

// What is kept of each user in each context, by both. An entry has the members `user` and `context`.
template <class Entry>
class user_table {
 public:
  Entry& at(std::uint64_t user, std::uint64_t context) {
    auto& entry = entries_[user ^ (context * 0x9e3779b97f4a7c15ULL)];
    entry.user = user;
    entry.context = context;
    return entry;
  }
  [[nodiscard]] bool full() const { return entries_.size() > user_sample::users_max; }
  void keep(const user_sample& followed) {
    std::erase_if(entries_, [&](const auto& each) { return !followed.follows(each.second.user); });
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }

 private:
  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace sluice::rollout
