// A streamed Gemini answer as an array of JSON: what the gateway says itself stands in that array, wherever it comes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

const std::string path = "/v1beta/models/m:streamGenerateContent", request = R"({"contents":[]})";

json said(const json& part, const char* finish = nullptr) {
  json c = {{"content", {{"parts", json::array({part})}, {"role", "model"}}}, {"index", 0}};
  if (finish != nullptr) c["finishReason"] = finish;
  return {{"candidates", json::array({c})}};
}

// Words of the gateway's own stand before the event that ends what they belong to, also where that is the first.
TEST(gemini_array, stays_one_with_words_before_its_first_element) {
  const json thought = {{"text", "I think"}, {"thought", true}};
  for (const std::string& bytes : {"[" + said(thought, "MAX_TOKENS").dump() + "]", " \r\n[\n " + said(thought, "MAX_TOKENS").dump() + "\n]\n",
                                   "[" + said(thought).dump() + "\n,\r\n" + said(thought, "STOP").dump() + "]"}) {
    std::size_t elements = 0;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      testing::adding_sink sink(" No advice.");
      const auto t = testing::run(gemini(), path, request, bytes, {cut}, sink);
      EXPECT_EQ(t.last, status::done);
      const auto all = json::parse(t.out, nullptr, false);
      ASSERT_TRUE(all.is_array()) << t.out;
      if (cut == 0) elements = all.size();
      EXPECT_EQ(all.size(), elements);
      EXPECT_EQ(all[elements - 2]["candidates"][0]["content"]["parts"][0]["text"], " No advice.") << t.out;
    }
  }
}

TEST(gemini_array, stays_one_when_a_rule_stops_it_behind_such_words) {
  for (const std::string& before : {std::string(), said({{"text", "a"}}).dump() + ",\n"}) {
    json two = said({{"text", "sec"}}, "STOP");
    two["candidates"].push_back({{"index", 1}, {"content", {{"parts", json::array({{{"text", "a bomb"}}})}}}});
    testing::block_sink sink("bomb");
    const auto t = testing::run(gemini(), path, request, "[" + before + two.dump() + "]", {}, sink);
    EXPECT_EQ(t.last, status::blocked);
    const auto all = json::parse(t.out, nullptr, false);
    ASSERT_TRUE(all.is_array()) << t.out;
    EXPECT_EQ(all.back()["candidates"][0]["finishReason"], "SAFETY");
  }
}

// Until the upstream has shown how it frames its answer, that is how the request wants it.
TEST(gemini_array, is_what_ends_a_stream_that_never_began) {
  for (const bool events : {false, true}) {
    for (const std::string& blanks : {"", "\r\n", " \n\n"}) {
      for (const bool fails : {false, true}) {
        auto to = gemini().classify("POST", path);
        to.query = events ? "alt=sse" : "";
        const auto asked = gemini().read_request(to, request, 64);
        ASSERT_TRUE(asked.has_value());
        const auto stream = gemini().open_stream(to, **asked, 64);
        testing::pass_sink sink;
        std::string out;
        EXPECT_EQ(stream->feed(blanks, sink, out), status::ok);
        stream->keep_alive(out);
        if (!fails) stream->cut("no", out);
        if (fails) stream->fail(gateway_error::upstream, "it died", "d-1", out);
        const auto from = out.find_first_not_of(" \r\n");
        ASSERT_NE(from, std::string::npos);
        if (events) {
          EXPECT_TRUE(out.substr(from).starts_with("data: {")) << out;
          EXPECT_TRUE(out.ends_with("}\n\n")) << out;
        } else {
          const auto all = json::parse(out, nullptr, false);
          ASSERT_TRUE(all.is_array()) << out;
          EXPECT_EQ(all.size(), 1u);
        }
      }
    }
  }
}

}  // namespace
}  // namespace sluice::wire
