// Values that leave as tokens come back in every dialect: plain, and streamed in single characters. Another conversation's token stays one.
#include <gtest/gtest.h>

#include "spoken.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

const std::string rules = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: account
    direction: request
    match: {regex: '\bACC-[0-9]{6}\b'}
    action: {type: tokenize, token: "<ACCOUNT_{n}>", restore: true}
    tests: [{name: a, request: ACC-123456, expect: {rules: [account], text: "<ACCOUNT_1>"}}, {name: b, request: nothing, expect: {rules: []}}]
)";

std::string token_in(const std::string& text) {
  const auto at = text.find("<ACCOUNT_");
  return at == std::string::npos ? "" : text.substr(at, text.find('>', at) + 1 - at);
}

std::vector<std::string> in_characters(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

std::size_t count_of(const std::string& what, const std::string& in) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + what.size())) ++n;
  return n;
}

TEST(restored, in_every_dialect_a_value_comes_back_and_a_stranger_s_token_does_not) {
  const auto with = compiled(rules);
  for (const auto& who : speakers()) {
    for (const bool stream : {false, true}) {
      SCOPED_TRACE(std::string(who.name) + (stream ? ", streamed" : ", plain"));
      said what{{"be kind", "ACC-123456 and", "so", "ACC-654321?"}, {{"fine"}, ""}};
      const auto mine = exchanged(with, who, what, stream), theirs = exchanged(with, who, what, stream, false, "another");
      EXPECT_EQ(mine.upstream.find("ACC-"), std::string::npos) << mine.upstream;
      const auto token = token_in(mine.upstream), strange = token_in(theirs.upstream);
      ASSERT_EQ(token.size(), strange.size());
      ASSERT_NE(token, strange);
      what.answers.pieces = in_characters("yours " + token + " theirs " + strange + ".");
      const auto got = exchanged(with, who, what, stream).client;
      EXPECT_EQ(count_of("ACC-", got), count_of("ACC-123456", got)) << got;
      EXPECT_GE(count_of("ACC-123456", got), 1u) << got;
      EXPECT_EQ(got.find(token), std::string::npos) << got;
      // What is not a token of this conversation leaves as it came, at the latest in the whole texts that end a response.
      if (!stream) EXPECT_NE(got.find(strange), std::string::npos) << got;
      for (std::size_t cut = 1; stream && cut < token.size(); ++cut) {
        what.answers.pieces = {"yours " + token.substr(0, cut), token.substr(cut) + "."};
        const auto in_two = exchanged(with, who, what, stream).client;
        EXPECT_GE(count_of("ACC-123456", in_two), 1u) << cut << in_two;
        EXPECT_EQ(in_two.find("ACCOUNT_"), std::string::npos) << cut << in_two;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
