// Whether an activation is live anywhere, by what nodes said of it.
#include "node_answers.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

store::acknowledgement said(const std::string& node, const std::string& state, const std::string& phase = "", const std::string& message = "") {
  store::acknowledgement out;
  out.node = node;
  out.state = state;
  out.phase = phase;
  out.message = message;
  return out;
}

store::node_status alive(const std::string& id, const std::string& activation) {
  store::node_status out;
  out.id = id;
  out.activation = activation;
  out.alive = true;
  return out;
}

TEST(node_answers, are_counted_by_what_nodes_run) {
  const auto n = counted({said("a", "ACK"), said("b", "NACK", "COMPILE"), said("c", "NACK", "STORE", "in force, but not on disk: full"), said("d", "PENDING", "UNCONFIRMED"), said("e", "NACK", "COMPILE"),
                          said("f", "NACK", "STORE", "not in force: full")});
  EXPECT_EQ(told(n), "2 took it, REFUSED by 3 (COMPILE, STORE), 1 without an answer") << "who cannot store it may run it, and says so";
  EXPECT_FALSE(n.refused_by_all());
  EXPECT_TRUE(counted({said("a", "NACK", "VERIFY")}).refused_by_all());
  EXPECT_FALSE(counted({said("a", "NACK", "VERIFY"), said("b", "PENDING", "VERIFIED")}).refused_by_all()) << "it may run there";
  EXPECT_EQ(told(counted({})), "-");
  const auto later = counted({said("a", "ACK"), said("b", "PENDING", "GONE"), said("c", "PENDING", "GONE")});
  EXPECT_EQ(told(later), "1 took it, 2 gone since") << "who is not there any more owes no answer";
  EXPECT_TRUE(later.open == 0 && counted({said("a", "NACK", "VERIFY"), said("b", "PENDING", "GONE")}).refused_by_all()) << "it runs nothing now";
}

TEST(node_answers, of_the_head_are_missed_where_a_node_lives_and_has_not_answered) {
  store::head_record head;
  head.activation = {1, 7};
  auto gone = alive("d", "1-6");
  gone.alive = false;
  const auto n = counted({said("a", "ACK")}, head, {alive("a", "1-7"), alive("b", "1-6"), alive("c", "1-7"), gone});
  EXPECT_EQ(told(n), "2 took it, 1 without an answer") << "answers are kept for a while; what a node runs it says in its heartbeat";
}

}  // namespace
}  // namespace sluice::app
