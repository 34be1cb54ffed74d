// See node_answers.hpp.
#include "node_answers.hpp"

#include <algorithm>
#include <set>

namespace sluice::app {
namespace {

std::string nodes(std::size_t n) { return std::to_string(n) + (n == 1 ? " node" : " nodes"); }

std::string phases_of(const answer_count& of) {
  std::string out;
  for (const auto& each : of.phases) out += (out.empty() ? " (" : ", ") + each;
  return out.empty() ? out : out + ")";
}

}  // namespace

answer_count counted(const std::vector<store::acknowledgement>& answers) {
  answer_count out;
  std::set<std::string> phases;
  for (const auto& a : answers) {
    const bool refused = a.state == "NACK" && !a.in_force();
    if (refused && !a.phase.empty()) phases.insert(a.phase);
    ++(refused ? out.refused : a.in_force() ? out.taken : a.phase == "GONE" ? out.gone : out.open);
    if (a.phase == "GONE" && a.last == "ACK") ++out.gone_taken;
  }
  out.phases.assign(phases.begin(), phases.end());
  return out;
}

answer_count counted(const std::vector<store::acknowledgement>& answers, const store::head_record& head, const std::vector<store::node_status>& nodes) {
  auto out = counted(answers);
  for (const auto& n : nodes) {
    if (!n.alive || std::ranges::find(answers, n.id, &store::acknowledgement::node) != answers.end()) continue;
    // Answers are kept for 30 days; what a node runs it says in each heartbeat.
    ++(n.activation == policy::to_string(head.activation) && n.version == head.version ? out.taken : out.open);
  }
  return out;
}

std::string told(const answer_count& of) {
  std::string out;
  const auto add = [&](const std::string& more) { out += (out.empty() ? "" : ", ") + more; };
  if (of.taken > 0) add(std::to_string(of.taken) + " took it");
  if (of.refused > 0) add("REFUSED by " + std::to_string(of.refused) + phases_of(of));
  if (of.open > 0) add(std::to_string(of.open) + " without an answer");
  if (of.gone > 0) add(std::to_string(of.gone) + " gone since");
  return out.empty() ? "-" : out;
}

std::optional<std::string> run_instead_of(store::publisher& ring, const store::head_record& head) {
  const auto nodes = ring.nodes();
  const auto answers = ring.acknowledgements(head.activation, head.version);
  if (!nodes || !answers || !counted(*answers, head, *nodes).refused_by_all()) return std::nullopt;
  std::set<std::string> run;
  for (const auto& n : *nodes) {
    if (n.alive) run.insert(n.version);
  }
  run.erase("");
  return run.size() == 1 && *run.begin() != head.version ? std::optional(*run.begin()) : std::nullopt;
}

standing standing_of(store::publisher& ring, const store::head_record& head) {
  const auto answers = ring.acknowledgements(head.activation, head.version);
  const auto there = ring.nodes();
  if (!answers || !there) return {.words = "is the head; which nodes took it, nobody can tell: " + (answers ? there.error() : answers.error()).message};
  const auto n = counted(*answers, head, *there);
  if (n.refused_by_all()) return {.words = "is live nowhere: " + nodes(n.refused) + " refused it" + phases_of(n) + " and went on with what was live before", .refused = true};
  if (n.refused > 0 && n.taken == 0) return {.words = "is the head: " + nodes(n.refused) + " refused it" + phases_of(n) + ", and of " + nodes(n.open) + " there is no answer yet", .refused = true};
  if (n.refused > 0) return {.words = "is live, but not on " + nodes(n.refused) + ", which refused it" + phases_of(n), .refused = true};
  if (n.taken == 0) return {.words = n.open > 0 ? "is the head, and no node has taken it yet" : "is the head, and no node is there that could run it"};
  if (n.open > 0) return {.words = "is live, but of " + nodes(n.open) + " there is no answer yet"};
  return {.words = "is live for everybody"};
}

}  // namespace sluice::app
