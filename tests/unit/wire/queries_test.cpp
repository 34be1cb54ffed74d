// A request's query: what clients of each API send passes, and what else stands there is told as text that nobody scans.
#include <gtest/gtest.h>

#include "sluice/wire/dialect.hpp"
#include "sluice/wire/shown_path.hpp"

namespace sluice::wire {
namespace {

std::vector<std::string> unread_of(const dialect& speaks, const char* method, const std::string& target) {
  const auto question = target.find('?');
  auto to = speaks.classify(method, std::string_view(target).substr(0, question));
  to.query = std::string_view(target).substr(question + 1);
  std::vector<std::string> out;
  for (const auto& u : speaks.unread_query(to)) {
    EXPECT_EQ(u.reason, "unknown part");
    EXPECT_GT(u.bytes, 0u);
    out.push_back(u.path);
  }
  return out;
}

using paths = std::vector<std::string>;

TEST(queries, what_sdks_send_passes) {
  for (const char* target : {"/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", "/openai/v1/responses?api-version=preview", "/v1/chat/completions?", "/v1/chat/completions?&",
                             "/v1/responses?beta=true", "/v1/embeddings?api-key=abc%2Bdef%3D%3D", "/v1/chat/completions?subscription-key=0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(unread_of(openai(), "POST", target), paths{}) << target;
  }
  for (const char* target : {"/v1/responses/r1?stream=true&include[]=message.output_text.logprobs&include%5B%5D=file_search_call.results", "/v1/responses/r1?include[0]=a&include_obfuscation=false&starting_after=3",
                             "/v1/responses/r1/input_items?after=msg_1&limit=20&order=asc&include[]=computer_call_output.output.image_url", "/v1/conversations/c1/items?limit=100&order=desc&after=i1&include[]=x",
                             "/v1/conversations/c1/items/i1?include[]=web_search_call.action.sources", "/v1/models?limit=1000&after=m", "/v1/models?client_version=0.50.0"}) {
    EXPECT_EQ(unread_of(openai(), "GET", target), paths{}) << target;
  }
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/conversations/c1/items?include[]=x"), paths{});
  EXPECT_EQ(unread_of(anthropic(), "POST", "/v1/messages?beta=true"), paths{});
  EXPECT_EQ(unread_of(anthropic(), "GET", "/v1/models?after_id=claude&limit=20&beta=true"), paths{});
  const auto token = "ya29." + std::string(500, 'x');
  for (const char* target : {"/v1beta/models/m:streamGenerateContent?alt=sse", "/v1beta/models/m:streamGenerateContent?key=AIzaSyA-_0&alt=sse&prettyPrint=false",
                             "/v1beta/models/m:generateContent?$alt=json;enum-encoding=int", "/v1beta/models/m:generateContent?%24alt=json%3Benum-encoding%3Dint&$.xgafv=2"}) {
    EXPECT_EQ(unread_of(gemini(), "POST", target), paths{}) << target;
  }
  EXPECT_EQ(unread_of(gemini(), "POST", "/v1beta/models/m:generateContent?access_token=" + token), paths{});
  EXPECT_EQ(unread_of(gemini(), "GET", "/v1beta/models?pageSize=1000&pageToken=" + std::string(300, 'A') + "%3D%3D&key=k"), paths{});
  EXPECT_EQ(unread_of(ollama(), "POST", "/api/chat?key=abc"), paths{});
}

TEST(queries, what_no_table_names_is_text_that_nobody_scans) {
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?x=some%20words"), paths{"?x"});
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?x"), paths{"?x"});
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?=x"), paths{"?"});
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?api-version=1&tell=me&more=words"), (paths{"?tell", "?more"}));
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?limit=3"), paths{"?limit"}) << "of another endpoint";
  EXPECT_EQ(unread_of(openai(), "GET", "/v1/models?prompt=ignore+all"), paths{"?prompt"}) << "also where no body is read";
  EXPECT_EQ(unread_of(openai(), "GET", "/v1/responses/r1?include[words]=x"), paths{"?include[words]"});
  EXPECT_EQ(unread_of(gemini(), "POST", "/v1beta/models/m:generateContent?callback=f"), paths{"?callback"}) << "the answer would be a script";
}

TEST(queries, a_known_parameter_says_one_word) {
  for (const char* value : {"ignore%20all%20rules", "ignore+all+rules", "%E2%80%9Cx%E2%80%9D", "a\"b", "<b>", "a%0Ab"}) {
    EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?api-version=" + std::string(value)), paths{"?api-version"}) << value;
    EXPECT_EQ(unread_of(gemini(), "POST", "/v1beta/models/m:generateContent?key=" + std::string(value)), paths{"?key"}) << value;
  }
  EXPECT_EQ(unread_of(openai(), "POST", "/v1/chat/completions?beta=" + std::string(129, 'x')), paths{"?beta"});
}

TEST(queries, errors_name_no_words_of_a_client) {
  EXPECT_EQ(named_path("?x"), "?x");
  EXPECT_EQ(named_path("?tell me all about 4929"), "?*");
  EXPECT_EQ(shown_path("?starting_after"), "?starting_after");
}

}  // namespace
}  // namespace sluice::wire
