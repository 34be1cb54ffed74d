// Who may say how much in a minute: one who says too much takes nothing from others.
#include "feedback_intake.hpp"

#include "decision_id.hpp"
#include "identity.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "../temporary_folder.hpp"

namespace sluice::app {
namespace {

class taking_feedback : public ::testing::Test {
 protected:
  // The status of an answer to feedback of a decision that is nobody's.
  int say(const std::string& caller, const std::string& user = {}) { return say_of("06h0mqn3047np0000cshjbwck3954r58", one(caller, user, {})); }
  int say_of(const std::string& decision, const proxy::identity& who) {
    return intake_.from_client({.method = "POST", .path = "/sluice/v1/feedback", .body = R"({"decision_id":")" + decision + R"(","verdict":"false_positive"})", .who = who}).status;
  }
  static proxy::identity one(const std::string& caller, const std::string& user, const std::string& tenant) {
    proxy::identity who;
    who.caller = caller;
    who.who.user = user;
    who.who.tenant = tenant;
    return who;
  }
  sluice::testing::temporary_folder in_;
  feedback_spool spool_{in_.path(), std::nullopt, "r"};
  feedback_intake intake_{{.master_secret = std::string(32, 's'), .node = "n1", .notes = kept_notes::masked, .per_minute = 20}, spool_};
};

TEST_F(taking_feedback, one_caller_who_says_too_much_takes_nothing_from_the_others) {
  for (int i = 0; i < 20; ++i) ASSERT_EQ(say("key:loud"), 404) << i;
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(say("key:loud"), 429) << i;
  EXPECT_EQ(say("key:other"), 404);
}

TEST_F(taking_feedback, many_callers_together_are_bounded_too) {
  int refused = 0;
  for (int i = 0; i < 4000; ++i) refused += say("key:" + std::to_string(i)) == 429 ? 1 : 0;
  EXPECT_EQ(refused, 1000);
}

TEST_F(taking_feedback, each_user_that_a_proxy_names_is_one_for_himself) {
  for (int i = 0; i < 30; ++i) (void)say("peer:10.0.0.1", "ann");
  EXPECT_EQ(say("peer:10.0.0.1", "ann"), 429);
  EXPECT_EQ(say("peer:10.0.0.1", "bob"), 404);
}

TEST_F(taking_feedback, is_of_the_credential_the_user_and_the_tenant_that_the_decision_was_made_for) {
  const auto key = crypto::derive_key(std::string(32, 's'), "decision-id");
  decision_ids ids(std::string(key.begin(), key.end()), 1);
  const auto ann = one("peer:10.0.0.1", "ann", "retail");
  const auto decision = ids.next(now().wall, owner_of(ann));
  EXPECT_EQ(say_of(decision, ann), 202);
  for (const auto& other : {one("peer:10.0.0.1", "bob", "retail"), one("peer:10.0.0.1", "ann", "acme"), one("peer:10.0.0.1", "", ""), one("peer:10.0.0.1", "", "retail"), one("peer:10.0.0.2", "ann", "retail")}) {
    EXPECT_EQ(say_of(decision, other), 404) << other.caller << other.who.user << other.who.tenant;
  }
}

TEST_F(taking_feedback, who_says_the_same_again_adds_nothing_and_who_says_otherwise_does) {
  const auto key = crypto::derive_key(std::string(32, 's'), "decision-id");
  decision_ids ids(std::string(key.begin(), key.end()), 1);
  const auto ann = one("key:a", "ann", "");
  const auto decision = ids.next(now().wall, owner_of(ann));
  const auto label = [&](const std::string& by, const std::string& verdict) {
    net::control_request asked;
    asked.method = "POST";
    asked.body = R"({"decision_id":")" + decision + R"(","verdict":")" + verdict + R"(","by":")" + by + R"("})";
    return intake_.from_operator(asked).status;
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(say_of(decision, ann), 202);
  EXPECT_EQ(spool_.stats().received, 1u);
  for (const char* verdict : {"correct", "correct", "false_positive", "correct"}) EXPECT_EQ(label("Ada", verdict), 202);
  EXPECT_EQ(spool_.stats().received, 4u) << "her last word is another than the one before";
  EXPECT_EQ(label("Grace", "correct"), 202);
  EXPECT_EQ(spool_.stats().received, 5u);
}

}  // namespace
}  // namespace sluice::app
