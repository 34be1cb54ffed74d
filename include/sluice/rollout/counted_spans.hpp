// What of a conversation was counted already. A chat client sends its history again with each request, so that what a rule blocked once it blocks in every
// later turn; the same span counts once. Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "sluice/rollout/judged_exchange.hpp"

namespace sluice::rollout {

class counted_spans {
 public:
  static constexpr std::size_t kept_min = 32'768;  // the newest; what is forgotten counts once more

  // Leaves the rules that block something new: in the last turn, in the answer, or in a history that was not counted with it yet. (The first request
  // that is seen of a conversation may have a long one.) Blocks without a match are all new. Where no conversation is known, a user's are one.
  void keep_new(judged_exchange& one);
  void forget() { newest_.clear(), before_.clear(); }

 private:
  [[nodiscard]] bool is_new(const judged_exchange::span& span);
  // By span: whether a history was counted with it, and not yet the turn itself. Two turns of a conversation may be seen in any order.
  std::unordered_map<std::uint64_t, bool> newest_, before_;
};

}  // namespace sluice::rollout
