// Parts that nobody can scan, in numbers: each is told, none costs more than its bytes, and what is kept of them is bounded.
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "../time_by_number.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

// A request whose list of turns is so many times the same.
struct shape {
  const dialect& speaks;
  const char* path;
  std::string before, element;
};
std::vector<shape> shapes() {
  return {{anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[)", "{}"},
          {openai(), "/v1/chat/completions", R"({"model":"m","messages":[)", "\"x\""},
          {openai(), "/v1/responses", R"({"model":"m","input":[)", "\"x\""},
          {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[)", "\"x\""},
          {ollama(), "/api/chat", R"({"model":"m","messages":[)", R"({"role":"x"})"}};
}
std::string body_of(const shape& s, std::size_t n) {
  auto out = s.before;
  for (std::size_t i = 0; i < n; ++i) out += (i == 0 ? "" : ",") + s.element;
  return out + "]}";
}

TEST(unread_parts, cost_what_they_are_long_wherever_they_stand) {
  for (const auto& s : shapes()) {
    SCOPED_TRACE(s.path);
    testing::expect_time_by_number([&](std::size_t n) {
      const auto body = body_of(s, n);
      const auto begin = std::chrono::steady_clock::now();
      const auto r = s.speaks.read_request(s.speaks.classify("POST", s.path), body, 64);
      EXPECT_TRUE(r && !(*r)->unread_parts().empty());
      return std::chrono::steady_clock::now() - begin;
    }, 3000);
  }
}

// Each asks what the object around it says about its type.
TEST(unread_parts, of_one_object_cost_what_they_are_long) {
  testing::expect_time_by_number([&](std::size_t n) {
    std::string body = R"({"messages":[{"role":"user","content":"x"}],"metadata":{)";
    for (; n > 0; --n) body += "\"k" + std::to_string(n) + "\":\"data:,x\",";
    body += R"("k":"x"}})";
    const auto begin = std::chrono::steady_clock::now();
    const auto r = openai().read_request(openai().classify("POST", "/v1/chat/completions"), body, 64);
    EXPECT_TRUE(r && (*r)->parts().size() > 1);
    return std::chrono::steady_clock::now() - begin;
  }, 4000);
}

TEST(unread_parts, of_an_answer_cost_what_they_are_long) {
  testing::expect_time_by_number([&](std::size_t n) {
    std::string body = R"({"candidates":[{"content":{"parts":[)";
    for (; n > 0; --n) body += R"({"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}},)";
    body += R"({"text":"x"}]}}]})";
    const auto begin = std::chrono::steady_clock::now();
    const auto r = gemini().read_response(gemini().classify("POST", "/v1beta/models/m:generateContent"), body, 64);
    EXPECT_TRUE(r && !(*r)->unread_parts().empty());
    return std::chrono::steady_clock::now() - begin;
  }, 2000);
}

// Of what a few bytes each take two hundred: in the body, in JSON in its strings, and in many such strings together.
TEST(values, of_a_request_have_a_bound) {
  const auto ones = [](std::size_t n) {
    std::string list = "[1";
    for (std::size_t i = 1; i < n; ++i) list += ",1";
    return list + "]";
  };
  const auto calls = [&](std::size_t times, const std::string& arguments) {
    std::string out = R"({"messages":[{"role":"assistant","tool_calls":[)";
    for (std::size_t i = 0; i < times; ++i) out += (i == 0 ? "" : ",") + (R"({"id":"a","type":"function","function":{"name":"f","arguments":")" + arguments + R"("}})");
    return out + "]}]}";
  };
  const auto read = [](const std::string& body) { return openai().read_request(openai().classify("POST", "/v1/chat/completions"), body, 64); };
  const auto too_many = ones(limits::request_values);
  for (const auto& body : {R"({"messages":[{"role":"user","content":"x"}],"metadata":)" + too_many + "}", calls(1, too_many), calls(8, ones(limits::request_values / 8))}) {
    const auto r = read(body);
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find(std::to_string(limits::request_values)), std::string::npos) << r.error().message;
  }
  EXPECT_TRUE(read(calls(8, ones(limits::request_values / 9))));
}

TEST(unread_parts, are_named_up_to_a_bound_and_counted_beyond_it) {
  const std::size_t more = limits::unread_parts + 1000;
  for (const auto& s : shapes()) {
    SCOPED_TRACE(s.path);
    const auto sum = [&](std::size_t n, std::size_t& count, std::string& last) {
      const auto body = body_of(s, n);
      const auto r = s.speaks.read_request(s.speaks.classify("POST", s.path), body, 64);
      if (!r) return std::uint64_t{0};
      const auto all = (*r)->unread_parts();
      count = all.size();
      last = all.back().path;
      return std::accumulate(all.begin(), all.end(), std::uint64_t{0}, [](std::uint64_t a, const unread& u) { return a + u.bytes; });
    };
    std::size_t one = 0, all = 0;
    std::string first, last;
    const auto bytes = sum(1, one, first);
    ASSERT_GE(one, 1u);
    EXPECT_NE(first.find("[0]"), std::string::npos) << first;
    EXPECT_EQ(sum(more, all, last), more * bytes);
    EXPECT_LT(all, limits::unread_parts + 32);
    EXPECT_TRUE(last.contains("[" + std::to_string(limits::unread_parts / one) + "]")) << last;  // the first of those beyond
  }
}

// One that is only counted is one that nobody saw.
TEST(unread_parts, that_name_server_state_have_no_name_beyond_the_bound) {
  std::string body = R"({"model":"m","input":[)";
  for (int i = 0; i < 5000; ++i) body += R"({"type":"item_reference","id":"i)" + std::to_string(i) + "\"},";
  body += R"({"role":"user","content":"q"}],"conversation":"conv_1"})";
  const auto r = openai().read_request(openai().classify("POST", "/v1/responses"), body, 64);
  ASSERT_TRUE(r.has_value());
  std::size_t named = 0, unnamed = 0;
  for (const auto& u : (*r)->unread_parts()) ++(u.handle.empty() ? unnamed : named);
  EXPECT_EQ(named, limits::unread_parts);
  EXPECT_EQ(unnamed, 1u);
  EXPECT_EQ((*r)->unread_parts()[7].handle, "i7");
  EXPECT_EQ((*r)->unread_parts()[7].path, "input[7].id");
}

}  // namespace
}  // namespace sluice::wire
