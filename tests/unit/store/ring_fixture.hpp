// A real Redis, nodes that follow a ring in it, and a publisher.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "redis_server.hpp"
#include "ring_layout.hpp"
#include "sluice/store/publisher.hpp"
#include "watched_agent.hpp"

namespace sluice::store::testing {

class ring_agent : public ::testing::Test {
 protected:
  void SetUp() override {
    SLUICE_NEEDS_REDIS();
    redis_.emplace();
  }

  agent_config config(const std::string& node = "n1") {
    agent_config c;
    c.redis = redis_->endpoint();
    c.ring = "test";
    c.poll = milliseconds(100);
    c.state_directory = state_.path(node);
    c.node_id = node;
    c.build = "b";
    return c;
  }
  publisher connect() { return publisher::connect(redis_->endpoint(), "test", seconds(5)).value(); }
  head_record push(const std::string& text, const std::string& kind = "activate") {
    auto to = connect();
    const auto version = to.stage(bundle_of(text));
    EXPECT_TRUE(version) << (version ? "" : version.error().message);
    auto head = to.activate({.version = *version, .kind = kind, .actor = "me", .note = "why"});
    EXPECT_TRUE(head) << (head ? "" : head.error().message);
    return head.value_or(head_record{});
  }
  // Starts the node and makes a version live on it.
  head_record live_on(watched_agent& node, const std::string& text) {
    node->start();
    auto head = push(text);
    EXPECT_TRUE(node.until_version(head.version));
    return head;
  }
  // The node's last word on an activation, as soon as it is final.
  acknowledgement answer(policy::activation to, const std::string& node = "n1") {
    auto from = connect();
    const auto end = mono_now() + seconds(10);
    while (mono_now() < end) {
      const auto all = from.acknowledgements(to);
      for (const auto& a : all.value()) {
        if (a.node == node && a.state != "PENDING") return a;
      }
    }
    ADD_FAILURE() << "no answer of " << node;
    return {};
  }

  // A Redis that came back empty learns from heartbeats what was lost; a push before the first would count from one.
  void until_a_node_reports(const std::string& activation = "") {
    auto from = connect();
    const auto end = mono_now() + seconds(10);
    while (mono_now() < end) {
      for (const auto& n : from.nodes().value()) {
        if (activation.empty() || n.activation == activation) return;
      }
    }
    ADD_FAILURE() << "no node reported " << activation;
  }

  std::optional<redis_server> redis_;
  temporary_folder state_;
};

inline std::string version_of_text(const std::string& text) { return policy::version_of(bundle_of(text)); }

}  // namespace sluice::store::testing
