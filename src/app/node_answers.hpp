// What nodes answered to an activation, counted, and in words: whether what stands in the log is live anywhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/store/publisher.hpp"

namespace sluice::app {

struct answer_count {
  std::size_t taken = 0, refused = 0;
  std::size_t open = 0;                // nodes that have not answered, as far as it is known that they should
  std::vector<std::string> phases = {};  // in which it was refused, each once
  std::size_t gone = 0;                // nodes that were there and are not any more: what they did, nobody can tell
  std::size_t gone_taken = 0;          // of these, who left behind that it had taken it
  // Nobody runs it: what ran before goes on. One that is gone may have run it.
  [[nodiscard]] bool refused_by_all() const { return refused > 0 && taken == 0 && open == 0; }
};
// A node that could not store it may run it all the same, until its next start, and says so.
[[nodiscard]] answer_count counted(const std::vector<store::acknowledgement>& answers);
// The same of what is live, with those living nodes that have not answered at all.
[[nodiscard]] answer_count counted(const std::vector<store::acknowledgement>& answers, const store::head_record& head, const std::vector<store::node_status>& nodes);
// "2 took it, REFUSED by 1 (COMPILE), 1 gone since"; "-" when nobody answered, or the answers are gone.
[[nodiscard]] std::string told(const answer_count& of);

// For whom the head is live, by what its nodes answered, as the end of a sentence.
struct standing {
  std::string words;
  bool refused = false;  // by some node
};
[[nodiscard]] standing standing_of(store::publisher& ring, const store::head_record& head);

// The version that every living node runs, where all of them refused the head; nothing: there is none, or nobody can tell.
[[nodiscard]] std::optional<std::string> run_instead_of(store::publisher& ring, const store::head_record& head);

}  // namespace sluice::app
