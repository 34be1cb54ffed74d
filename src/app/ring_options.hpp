// What commands that talk to a ring in Redis have in common: where it is, and waiting for its nodes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/store/publisher.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

struct ring_options {
  std::string url, ring = "default", password_file, ca_file;
};
void add_ring_options(CLI::App& command, ring_options& options);

struct wait_options {
  std::string who;              // "all", a number, or "" for no waiting
  std::string timeout = "30s";
};
void add_wait_options(CLI::App& command, wait_options& options);

// Connects; a failure is complained about and gives nothing.
[[nodiscard]] std::optional<store::publisher> connect_ring(const ring_options& options);
// Complains with what an error means for the person at the keyboard.
void complain_ring(const error& why);

struct wait_outcome {
  bool reached = true;  // everybody who was waited for acknowledged
  std::vector<store::acknowledgement> answers;
};
// Waits until the nodes that are alive (or N of them) have answered, printing each answer as it comes unless `quiet`.
[[nodiscard]] wait_outcome wait_for_nodes(store::publisher& ring, policy::activation of, const wait_options& options, bool quiet);

// Who is at the keyboard: user@host.
[[nodiscard]] std::string actor_name();

}  // namespace sluice::app
