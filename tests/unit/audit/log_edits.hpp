// What somebody can do to logs who may write every file of them and has no key: a folder as bytes by name, its records line by line, lines
// that are linked anew, and random edits of every such kind.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace sluice::audit::testing {

using tree = std::map<std::string, std::string>;  // bytes by file name; packed ones as turned() leaves them
struct row {
  std::string file, line;
};
using rows = std::vector<row>;

// Stands for packing: every byte turned round, and back.
[[nodiscard]] std::string turned(std::string bytes);

// A node's records as a reader gets them; and the node's files from them.
[[nodiscard]] rows rows_of(const tree& of, const std::string& node);
void put_rows(tree& to, const std::string& node, const rows& of);

// A line with the number and the link of the one that follows `of`, and the hash that makes.
[[nodiscard]] std::string linked(std::string line, std::uint64_t sequence, const std::string& prev);
[[nodiscard]] std::string linked_behind(const std::string& line, const rows& of);
[[nodiscard]] std::string hash_of(const std::string& line);
// A record like another, of another event, with more members; its hash does not fit yet.
[[nodiscard]] std::string forged(const std::string& like, const std::string& event, const std::string& more = {});
[[nodiscard]] std::string forged_retired(const std::string& like, std::uint64_t through, const std::string& hash);

// Of nodes n1 and n2.
class attacker {
 public:
  // `checkpoints`: lines that the nodes have signed.
  attacker(const tree& honest, const std::vector<std::string>& checkpoints, unsigned seed) : honest_(honest), checkpoints_(checkpoints), random_(seed) {}

  // Up to three edits at once; `what`: which.
  [[nodiscard]] tree edit(std::string& what);

 private:
  [[nodiscard]] std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random_() % n); }
  [[nodiscard]] std::string any_node() { return below(3) == 0 ? "n2" : "n1"; }
  void records(tree& out, std::string& what);
  void cut(rows& of);
  void append(rows& of);
  void change(rows& of);
  void files(tree& out, std::string& what);
  void swap_nodes(tree& out);
  void one_for_another(tree& out);
  void empty(tree& out);
  [[nodiscard]] std::string another_name(std::string name);

  const tree& honest_;
  const std::vector<std::string>& checkpoints_;
  std::mt19937 random_;
};

}  // namespace sluice::audit::testing
