// Checkpoints that were kept elsewhere, in files or by a ring in Redis: each has to be in the log of its node, or was retired since. Told
// first what the logs hold, then asked what is missing. One verify's own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sluice/audit/query.hpp"

namespace sluice::audit {

// A list that a report gives to people does not grow without bound.
void tell(std::vector<std::string>& list, std::string what);

class anchors {
 public:
  anchors(const verify_options& options, verify_report& out);

  // A checkpoint of a log: what was kept is that one, byte by byte, when it has its hash.
  void meet(const std::string& line);
  // A log that was read: its first record, and up to which one its signed records say that older ones were retired.
  void read_log(const std::string& node, std::uint64_t first, std::uint64_t retired_through);
  // The newest of the node's that the ring has, among those that were met; 0: none.
  [[nodiscard]] std::uint64_t ring_sequence(const std::string& node) const;
  // What was not met and should have been.
  void finish();

 private:
  using ring_entry = verify_options::ring_entry;
  // The ring's of one node.
  struct ring_node {
    std::map<std::string, const ring_entry*> missing;  // by hash: those that were not met yet
    std::uint64_t newest = 0;                          // of those that were
  };
  void take(const ring_entry& entry);
  void refuse(const ring_entry& entry, const std::string& why);
  [[nodiscard]] bool genuine(const ring_entry& entry);
  void order_boots();
  [[nodiscard]] bool retired(const std::string& line) const;
  void finish_files();
  void finish_ring();

  const verify_options& options_;
  verify_report& out_;
  std::map<std::string, std::string> kept_;               // of files, by hash: those that were not met yet
  std::map<std::string, ring_node> ring_;                 // by node
  std::map<std::string, std::uint64_t> retired_through_;  // by node with a log: what may be missing
  // By node and boot: the lowest record that is missing of it or of a later boot.
  std::map<std::string, std::map<std::string, std::uint64_t>> from_boot_on_;
};

}  // namespace sluice::audit
