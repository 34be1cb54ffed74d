// Which rules blocked an exchange, whatever their action is called, and that those which can are watched.
#include "sluice/rollout/judged_exchange.hpp"

#include <gtest/gtest.h>

#include "../policy/built.hpp"
#include "sluice/rollout/block_band.hpp"

namespace sluice::rollout {
namespace {

using policy::direction;
using policy::testing::rule_found_in;
using policy::testing::snapshot_of;

struct judging {
  std::shared_ptr<const policy::snapshot> with;
  policy::evaluate_options options;
  policy::text_part text;

  // The ids of the rules that blocked.
  [[nodiscard]] std::vector<std::string> blocked_by() const {
    policy::context who;
    policy::scratch working;
    const auto judged = policy::evaluate_either(*with, who, {&text, 1}, options, working);
    const bool asked = options.direction == direction::request;
    judged_exchange out;
    describe(out, who, "", "", asked ? judged.what : policy::outcome{}, asked ? policy::outcome{} : judged.what, with->rules());
    std::vector<std::string> ids;
    for (const auto rule : out.blocked_by) ids.push_back(with->rules()[rule].id);
    EXPECT_EQ(out.blocked, !ids.empty());
    return ids;
  }
  [[nodiscard]] std::vector<std::string> watched() const {
    std::vector<std::string> ids;
    for (const auto& [id, band] : bands_of(*with, {}).rules) ids.push_back(id);
    return ids;
  }
};
using names = std::vector<std::string>;

TEST(judged_exchange, names_each_redaction_that_had_to_block) {
  const auto both = snapshot_of(rule_found_in("1234", "digits", "response", "{regex: '\\d{4}'}", "    max_block_rate: 0.05\n    action: {type: redact}\n") +
                                rule_found_in("77", "sevens", "response", "{regex: '7{2}'}", "    action: {type: rewrite, replacement: x}\n"));
  judging answer{.with = both, .options = {.direction = direction::response}, .text = {.role = policy::role::assistant, .text = R"({"n": 1234, "m": 77})"}};
  EXPECT_EQ(answer.watched(), (names{"digits", "sevens"}));
  EXPECT_EQ(answer.blocked_by(), (names{"digits", "sevens"}));
  answer.text.text = R"({"n": "1234", "m": 77})";
  EXPECT_EQ(answer.blocked_by(), names{"sevens"}) << "what could be edited blocked nothing";
  answer.text.text = "1234 and 77";
  EXPECT_EQ(answer.blocked_by(), names{});
}

TEST(judged_exchange, names_an_addition_that_blocks_where_it_has_no_place) {
  for (const bool blocks : {true, false}) {
    judging request{.with = snapshot_of(rule_found_in("omega", "steer", "request", "{keywords: [omega]}", std::string("    action: {type: inject_system, text: Be kind.") + (blocks ? "}\n" : ", on_structured: skip}\n"))),
                    .options = {.takes_system_words = false}, .text = {.text = "omega"}};
    EXPECT_EQ(request.watched(), blocks ? names{"steer"} : names{});
    EXPECT_EQ(request.blocked_by(), blocks ? names{"steer"} : names{});
    request.options.takes_system_words = true;
    EXPECT_EQ(request.blocked_by(), names{});
  }
}

TEST(judged_exchange, names_a_disclaimer_that_is_missing) {
  const auto with = [](const std::string& on_missing) {
    return snapshot_of(rule_found_in("bond", "risk", "response", "{keywords: [bond]}", "    stream: {hold: full}\n    action: {type: require_disclaimer, disclaimer: risk, on_missing: " + on_missing + "}\n"),
                       "disclaimers: {risk: {text: You may lose money., present_if: {keywords: [you may lose money]}}}\n");
  };
  judging answer{.with = with("block, message: No."), .options = {.direction = direction::response}, .text = {.role = policy::role::assistant, .text = "a bond"}};
  EXPECT_EQ(answer.watched(), names{"risk"});
  EXPECT_EQ(answer.blocked_by(), names{"risk"});
  answer.text.text = "a bond: you may lose money";
  EXPECT_EQ(answer.blocked_by(), names{});
  answer.with = with("append");
  EXPECT_EQ(answer.watched(), names{});
}

}  // namespace
}  // namespace sluice::rollout
