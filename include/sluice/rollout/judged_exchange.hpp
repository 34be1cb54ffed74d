// One exchange as whoever counts blocked users sees it: who asked, which rules were in force for him, and which of them blocked.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::rollout {

// Users and tenants by a hash that is theirs alone.
struct judged_exchange {
  struct span {  // of a rule that blocked
    std::uint32_t rule;
    std::uint64_t what;  // the conversation, the rule and the text that it matched
    bool last_turn;      // of the request, or of the answer
  };
  std::uint64_t user = 0, tenant = 0;
  std::uint64_t context = 0;             // which set of rules applied
  std::vector<std::uint32_t> blocked_by; // rules, by number, each once; what blocked
  bool blocked = false;                  // by any rule, or by a threshold
  std::vector<span> spans = {};          // of those rules, for counted_spans; of what blocks without a match there is none
};

// `counted_as`: who counts where no user is known, as of proxy::exchange_report. `effective`: the digest of the rules that applied. Writes over
// `out`, whose memory is used again.
void describe(judged_exchange& out, const policy::context& who, std::string_view counted_as, std::string_view effective, const policy::outcome& request, const policy::outcome& response,
              const std::vector<policy::snapshot::rule_info>& infos);

}  // namespace sluice::rollout
