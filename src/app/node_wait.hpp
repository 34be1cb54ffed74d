// Waiting for the nodes of a ring to take an activation, and showing how far they are: as a table that changes in its place on a terminal,
// otherwise a line for each node as it answers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sluice/store/publisher.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

struct wait_options {
  std::string who;              // "all", a number, or "" for no waiting
  std::string timeout = "30s";
  std::string demoted = {};  // the rule that the activation demotes: a node that leaves it enforced has not done what it was told
};
void add_wait_options(CLI::App& command, wait_options& options);

struct wait_outcome {
  bool reached = true;  // everybody who was waited for acknowledged
  std::string ring;
  store::head_record head;  // what is live: the activation that was waited for, or the one that had to follow it
  std::vector<store::acknowledgement> answers;
  std::map<std::string, milliseconds> after;  // by node: how long after the activation its answer was seen; of one that this command made
};
// Waits until the nodes that are alive (or N of them) have answered, and shows it unless `quiet`. When nodes turn
// out to have seen more than this Redis had, which came back without it, the same version is activated above them. So that such nodes
// have come back, a ring that held nothing is watched for a moment also when nobody asked to wait. `found`: the activation was there before the
// command, so that when an answer is seen says nothing of the node.
[[nodiscard]] wait_outcome wait_for_nodes(store::publisher& ring, const std::string& name, const store::head_record& head, const wait_options& options, bool quiet, bool found = false);

// Before anything is held against what a ring has: one that holds nothing is new, or was lost, and then its nodes are back within store::return_max and say
// what they run. Until one does, or as many are there as are waited for and have seen nothing.
void wait_for_return(store::publisher& ring, const std::string& name, const wait_options& options, bool quiet);

// The end of a command that made `version` live as `head`: waits as asked, prints the outcome as JSON (with `warnings`, which people have read), and
// gives the exit code.
[[nodiscard]] int wait_and_tell(store::publisher& ring, const std::string& name, const std::string& version, const store::head_record& head,
                                const wait_options& options, bool json, const std::vector<std::string>& warnings = {});

// How far a node is: "received", "verified" (it builds), "active" or "refused in PHASE".
[[nodiscard]] std::string phase_of(const store::acknowledgement& answer);
// What the nodes answered, as a JSON array.
[[nodiscard]] std::string answers_json(const wait_outcome& of);

}  // namespace sluice::app
