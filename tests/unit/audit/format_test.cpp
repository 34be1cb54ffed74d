// One record as one JSON line: what it holds, and what it must never hold.
#include "format.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "written_log.hpp"

namespace sluice::audit {
namespace {

using namespace testing;

nlohmann::json line_of(const record& r, const log_config& config) {
  std::string line;
  append_record(line, r, {config, same_in_all(config, "b1"), 7});
  return nlohmann::json::parse(line + "}");
}

class format : public ::testing::Test {
 protected:
  log_folder folder_;
  log_config config_ = config_for(folder_);
  record with_finding(const std::string& value) {
    auto r = decision("d1", policy::verdict::edit, "acme");
    r.request.findings.push_back({.rule = "card", .policy = "pii", .action = policy::action::redact, .enforcement = policy::enforcement::enforce,
                                  .channel = "messages[0].content", .begin = 3, .end = 19, .value = value});
    return r;
  }
};

TEST_F(format, says_what_was_decided_by_what_and_what_was_sent) {
  auto r = with_finding("4111111111111111");
  r.response.judged = true;
  r.response.verdict = policy::verdict::block;
  r.request.suppressed.push_back({"mail", "exception-1"});
  r.unscanned.push_back({"image", 12});
  r.status = 400;
  r.upstream_edits = 2;
  r.edits = 1;
  const auto j = line_of(r, config_);
  EXPECT_EQ(j["v"], 1);
  EXPECT_EQ(j["seq"], 7);
  EXPECT_EQ(j["event"], "decision");
  EXPECT_EQ(j["id"], "d1");
  EXPECT_EQ(j["time"].get<std::string>().substr(0, 19), "2026-12-01T12:00:00");
  EXPECT_EQ(j["context"]["tenant"], "acme");
  EXPECT_EQ(j["verdict"], "block") << "the stronger of both sides";
  EXPECT_EQ(j["request"]["verdict"], "edit");
  EXPECT_EQ(j["request"]["findings"][0]["span"], nlohmann::json({3, 19}));
  EXPECT_EQ(j["request"]["suppressed"][0]["by"], "exception-1");
  EXPECT_EQ(j["unscanned"]["image"], 12);
  EXPECT_EQ(j["sent"]["status"], 400);
  EXPECT_EQ(j["sent"]["edits"], 1);
  EXPECT_EQ(j["upstream_edits"], 2);
}

TEST_F(format, says_what_scores_came_to_what_was_tagged_split_and_excused) {
  auto r = with_finding("4111 1111 1111 1111");
  r.who.tags = {"investing"};
  r.request.tags = {"investing"};
  r.request.findings[0].score = 3;
  r.request.findings[0].more = {{.channel = "messages[2].content", .begin = 0, .end = 9}};
  r.request.scores.push_back({.policy = "pii", .score = 3, .shadow_score = 5, .threshold = 5, .action = policy::action::block, .crossed = false});
  r.request.suppressed.push_back({.rule = "mail", .exception = "x", .policy = "pii", .owner = "payments", .ticket = "PAY-1", .channel = "messages[0].content", .begin = 1, .end = 8, .count = 2, .value = "a@b.example"});
  const auto line = line_of(r, config_);
  EXPECT_EQ(line["tags"], nlohmann::json({"investing"}));
  const auto& section = line["request"];
  EXPECT_EQ(section["tags"], nlohmann::json({"investing"}));
  EXPECT_EQ(section["findings"][0]["score"], 3);
  EXPECT_EQ(section["findings"][0]["more"], nlohmann::json::parse(R"([{"channel": "messages[2].content", "span": [0, 9]}])"));
  EXPECT_EQ(section["score"], nlohmann::json::parse(R"([{"policy": "pii", "score": 3, "shadow_score": 5, "threshold": 5, "action": "block", "crossed": false}])"));
  auto suppressed = section["suppressed"][0];
  EXPECT_EQ(suppressed["hmac"].get<std::string>().size(), 24u);
  suppressed.erase("hmac");
  EXPECT_EQ(suppressed, nlohmann::json::parse(R"({"rule": "mail", "policy": "pii", "by": "x", "owner": "payments", "ticket": "PAY-1", "channel": "messages[0].content", "span": [1, 8], "count": 2})"));
  EXPECT_FALSE(line.dump().contains("a@b"));
  // What there is none of takes no room, but for the conversation's tags.
  const auto plain = line_of(with_finding("x"), config_);
  EXPECT_EQ(plain["tags"], nlohmann::json::array());
  for (const char* key : {"tags", "score"}) EXPECT_FALSE(plain["request"].contains(key));
  for (const char* key : {"score", "more"}) EXPECT_FALSE(plain["request"]["findings"][0].contains(key));
}

TEST_F(format, says_of_a_finding_that_it_was_sent_before) {
  auto r = with_finding("4111111111111111");
  EXPECT_FALSE(line_of(r, config_)["request"]["findings"][0].contains("last_turn"));
  r.request.findings[0].last_turn = false;
  EXPECT_EQ(line_of(r, config_)["request"]["findings"][0]["last_turn"], false);
}

TEST_F(format, a_side_that_was_not_judged_is_null) {
  EXPECT_TRUE(line_of(decision("d1"), config_)["response"].is_null());
}

TEST_F(format, a_matched_value_a_user_and_a_conversation_never_stand_in_the_clear) {
  auto r = with_finding("4111111111111111");
  r.who.user = "ann@example.com";
  r.who.conversation = "about-a-merger";
  const auto text = line_of(r, config_).dump();
  for (const char* secret : {"4111", "11111111", "ann@", "merger"}) EXPECT_FALSE(text.contains(secret)) << secret;
}

TEST_F(format, the_same_value_has_the_same_keyed_digest_and_another_key_gives_another) {
  const auto digest = [&] { return line_of(with_finding("4111111111111111"), config_)["request"]["findings"][0]["hmac"].get<std::string>(); };
  const auto first = digest();
  EXPECT_EQ(first, digest());
  EXPECT_EQ(first.size(), 24u);
  config_.value_key = "another";
  EXPECT_NE(first, digest());
}

TEST_F(format, masked_values_can_be_left_out) {
  EXPECT_TRUE(line_of(with_finding("secret value"), config_)["request"]["findings"][0].contains("masked"));
  config_.store_masked = false;
  EXPECT_FALSE(line_of(with_finding("secret value"), config_)["request"]["findings"][0].contains("masked"));
}

TEST_F(format, hostile_text_stays_inside_its_string_and_on_its_line) {
  auto r = decision("d\"1\n\\");
  r.path = std::string("/v1\"},\"hash\":\"x\r\n\0", 18);
  r.who.tenant = "ünï";
  std::string line;
  append_record(line, r, {config_, same_in_all(config_, "b1"), 7});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto j = nlohmann::json::parse(line + "}");
  EXPECT_EQ(j["id"], r.id);
  EXPECT_EQ(j["path"], r.path);
  EXPECT_EQ(j["context"]["tenant"], "ünï");
}

TEST(mask, keeps_the_shape_and_at_most_two_characters) {
  EXPECT_EQ(mask_value("4111 1111 1111 1111"), "**** **** **** **11");
  EXPECT_EQ(mask_value("short12"), "*******") << "of a short value nothing is shown";
  EXPECT_EQ(mask_value("äöüäöüäö"), "********") << "one star a code point";
  EXPECT_EQ(mask_value(""), "");
  EXPECT_LE(mask_value(std::string(10'000, 'x')).size(), 64u);
}

}  // namespace
}  // namespace sluice::audit
