// What a version's manifest says of it holds for what it was held against: nodes that ask for a second key, and manifests that are staged again.
#include <gtest/gtest.h>

#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;

class demanding : public trusting {
 protected:
  void SetUp() override {
    trusting::SetUp();
    c_ = strict();
    c_.trust.keys.push_back(trusted("lead", lead_, static_cast<unsigned>(key_role::approve)));
    c_.trust.approval = true;
  }
  publisher speaking() {
    auto to = signing(build_, activate_);
    to.trust_only(c_.trust.keys);
    return to;
  }
  // Held in ring "test" against `over`.
  std::string staged(publisher& to, const std::string& text, const std::string& over, bool weaker = false) {
    return to.stage(bundle_of(text), {.gate_report = std::string(64, 'a'), .gate_verdict = "PASS", .weaker = weaker, .ring = "test", .against = over}).value();
  }
  // What the node answers.
  std::string taken(publisher& to, const std::string& version, const std::string& kind = "activate") {
    return answer(to.activate({.version = version, .kind = kind, .actor = "me", .note = ""}).value().activation).state;
  }
  const signing_key lead_ = signing_key::generate(), copy_key_ = signing_key::generate();
  agent_config c_;
};

TEST_F(demanding, what_a_manifest_says_holds_for_what_its_version_was_held_against) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK") << "the first one has nothing to be weaker than";
  const auto late = staged(to, "late", one), strict = staged(to, "strict", one);
  ASSERT_EQ(taken(to, strict), "ACK");
  EXPECT_EQ(taken(to, late), "NACK") << "it was held against what is live no more";
  EXPECT_TRUE(node.until_event("refused", "and follows version " + strict.substr(0, 12)));
  // What goes on with it makes nothing good.
  EXPECT_EQ(taken(to, late, "demote"), "NACK");
  EXPECT_EQ(taken(to, late), "NACK") << "nor does once more";
  EXPECT_EQ(node->status().version, strict);
  // Back to what was live is back, and a second key says more than any comparison.
  EXPECT_EQ(taken(to, one, "rollback"), "ACK");
  ASSERT_TRUE(to.approve(late, lead_));
  EXPECT_EQ(taken(to, late), "ACK");
}

TEST_F(demanding, a_manifest_of_another_ring_says_nothing_here) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto weak = staged(to, "weak", one, true);
  EXPECT_EQ(taken(to, weak), "NACK");
  ASSERT_EQ(taken(to, one, "rollback"), "ACK");
  // The same key built it for an empty ring: nothing in it was weaker there.
  const auto elsewhere = sign_text(build_purpose, manifest_json(bundle_of("weak"), "2026-01-01T00:00:00Z", {.gate_report = std::string(64, 'a'), .gate_verdict = "PASS", .ring = "staging", .against = ""}), build_);
  redis_->run({"HSET", ring_keys("test").manifest(weak), "manifest", elsewhere});
  EXPECT_EQ(taken(to, weak), "NACK");
  EXPECT_TRUE(node.until_event("refused", "was held against what was live in ring 'staging'"));
  EXPECT_EQ(node->status().version, one);
}

TEST_F(demanding, a_ring_that_was_emptied_proves_nothing_to_who_was_there_before) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  ASSERT_EQ(taken(to, staged(to, "one", "")), "ACK");
  redis_->run({"DEL", ring_keys("test").head(), ring_keys("test").log()});
  until_a_node_reports();
  const auto thin = staged(to, "thin", "");
  EXPECT_EQ(taken(to, thin), "NACK");
  EXPECT_TRUE(node.until_event("refused", "nothing, where something was live before"));
  watched_agent young([&] { auto c = strict("n2"); c.trust = c_.trust; return c; }());
  young->start();
  EXPECT_TRUE(young.until_version(thin)) << "who was not there cannot tell";
}

TEST_F(demanding, a_manifest_that_says_more_stays_and_the_history_keeps_what_was_said) {
  watched_agent node(c_);
  node->start();
  auto to = speaking();
  const auto one = staged(to, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  const auto two = to.stage(bundle_of("two"), {.gate_report = std::string(64, 'b'), .gate_verdict = "PASS", .emergency = true, .weaker = true, .ring = "test", .against = one}).value();
  ASSERT_TRUE(to.approve(two, lead_));
  ASSERT_EQ(taken(to, two), "ACK");
  // An old job pushes the first one once more: it may be weaker now.
  EXPECT_EQ(staged(to, "one", two, true), one);
  EXPECT_FALSE(to.origin(one)->weaker);
  EXPECT_EQ(taken(to, one, "rollback"), "ACK");
  // A push of the second one that passes its gate is more than the emergency was, and takes nothing from the history.
  ASSERT_EQ(staged(to, "two", one), two);
  EXPECT_FALSE(to.origin(two)->emergency);
  const auto entries = to.history(0).value();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_TRUE(entries[1].how.emergency && entries[1].how.weaker);
  EXPECT_EQ(entries[1].how.gate_report, std::string(64, 'b'));
  EXPECT_FALSE(entries[0].how.emergency || entries[0].how.weaker);
  // Nobody keeps one there by writing it.
  auto forged = std::string(R"({"payload":"{}","signatures":[]})");
  redis_->run({"HSET", ring_keys("test").manifest(one), "manifest", forged, "signed", "signed"});
  EXPECT_EQ(staged(to, "one", two), one);
  EXPECT_EQ(to.origin(one)->against, two);
}

TEST_F(demanding, back_is_possible_when_the_key_that_built_it_has_ended) {
  c_.trust.keys.push_back(trusted("old", copy_key_, build_role, now().wall + seconds(2)));
  watched_agent node(c_);
  node->start();
  auto old = signing(copy_key_, activate_), to = speaking();
  const auto one = staged(old, "one", "");
  ASSERT_EQ(taken(to, one), "ACK");
  ASSERT_EQ(taken(to, staged(to, "two", one)), "ACK");
  auto whom = c_.trust;
  whom.keys.back().not_after = now().wall - seconds(1);
  node->set_trust(whom);
  EXPECT_EQ(taken(to, one, "rollback"), "ACK") << "it was checked when it came";
}

}  // namespace
}  // namespace sluice::store
