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
  std::vector<std::string> sentinels;
};
void add_ring_options(CLI::App& command, ring_options& options);

struct wait_options {
  std::string who;              // "all", a number, or "" for no waiting
  std::string timeout = "30s";
};
void add_wait_options(CLI::App& command, wait_options& options);

// Keys that sign what is written into the ring.
struct signing_options {
  std::string key_file, build_key_file;
};
// `builds`: the command also writes manifests.
void add_signing_options(CLI::App& command, signing_options& options, bool builds);
// A private key from a PEM file; otherwise complains.
[[nodiscard]] std::optional<crypto::signing_key> read_signing_key(const std::string& file);
struct signing_keys {
  std::optional<crypto::signing_key> build, activate;
};
// Those that were named; nothing when one cannot be read, which was complained about.
[[nodiscard]] std::optional<signing_keys> read_signing_keys(const signing_options& options);
// False: a key could not be read, which was complained about.
[[nodiscard]] bool sign_ring(store::publisher& ring, const signing_options& options);
// The one staged version that begins with `digits`; otherwise complains.
[[nodiscard]] std::optional<std::string> staged_version(store::publisher& ring, const std::string& digits);

// Where that is, with its password; a mistake is complained about and gives nothing.
[[nodiscard]] std::optional<store::redis_endpoint> redis_of(const ring_options& options);
// Connects; a failure is complained about and gives nothing.
[[nodiscard]] std::optional<store::publisher> connect_ring(const ring_options& options);
// Complains with what an error means for the person at the keyboard.
void complain_ring(const error& why);

struct wait_outcome {
  bool reached = true;  // everybody who was waited for acknowledged
  std::string ring;
  store::head_record head;  // what is live: the activation that was waited for, or the one that had to follow it
  std::vector<store::acknowledgement> answers;
};
// Waits until the nodes that are alive (or N of them) have answered, printing each answer as it comes unless `quiet`. When nodes turn
// out to have seen more than this Redis had, which came back without it, the same version is activated above them. So that such nodes
// have come back, a ring that held nothing is watched for a moment also when nobody asked to wait.
[[nodiscard]] wait_outcome wait_for_nodes(store::publisher& ring, const std::string& name, const store::head_record& head, const wait_options& options, bool quiet);

// An activation that no replica has is lost by a failover: said on stderr.
void warn_of_replicas(const store::head_record& head);
// The end of a command that made `version` live as `head`: waits as asked, prints the outcome as JSON, and gives the exit code.
[[nodiscard]] int wait_and_tell(store::publisher& ring, const std::string& name, const std::string& version, const store::head_record& head,
                                const wait_options& options, bool json);

// Who is at the keyboard: user@host, unless a command line names somebody.
[[nodiscard]] std::string actor_name(const std::string& given = {});

}  // namespace sluice::app
