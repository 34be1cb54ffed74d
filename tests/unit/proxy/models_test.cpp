// Rules and upstreams of a model: they see each that a request names, wherever it names it.
#include "sluice/wire/dialect.hpp"
#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

const std::string of_secure = "[{use: p, bind: {model: [secure-1]}}]";

// The status that a client gets, or "" where the upstream is asked.
std::string asked(trace& t, const std::string& target, const std::string& body) {
  exchange x(t.config, t.worker);
  t.out = {};
  t.request(x, body, target);
  const bool goes = !t.out.upstream_request.empty();
  EXPECT_NE(goes, t.out.done) << t.out.client;
  if (goes) x.client_gone(0, t.out);
  return goes ? "" : t.out.client.substr(9, 3);
}

void speak(trace& t, const wire::dialect& dialect, const std::string& path) { t.config.upstreams = {{"mock", &dialect, {path}, "mock.example", ""}}; }

TEST(models, of_geminis_bodies_are_seen_where_the_path_names_none) {
  trace t(policy_yaml, of_secure);
  speak(t, wire::gemini(), "/v1beta");
  const auto cache = [](const std::string& model) { return R"({"model":")" + model + R"(","contents":[{"role":"user","parts":[{"text":"a bomb"}]}]})"; };
  for (const char* name : {"models/secure-1", "secure-1", "projects/p/locations/l/publishers/google/models/secure-1"}) EXPECT_EQ(asked(t, "/v1beta/cachedContents", cache(name)), "400") << name;
  EXPECT_EQ(asked(t, "/v1beta/cachedContents", cache("models/other")), "");
  EXPECT_EQ(asked(t, "/v1beta/models/secure-1:generateContent", cache("models/other")), "400") << "what the path names decides";
}

TEST(models, beside_the_one_asked_for_are_refused_where_other_rules_are_theirs) {
  struct sample {
    const wire::dialect& dialect;
    const char *root, *target, *before, *behind;
    const char* param;
  };
  const sample samples[] = {
      {wire::openai(), "/v1", "/v1/chat/completions", R"({"model":"other","models":["other",")", R"("],"messages":[{"role":"user","content":"hi"}]})", "models"},
      {wire::anthropic(), "/v1", "/v1/messages", R"({"model":"other","max_tokens":1,"fallbacks":[{"model":")", R"("}],"messages":[{"role":"user","content":"hi"}]})", "fallbacks"},
      {wire::anthropic(), "/v1", "/v1/messages", R"({"model":"other","max_tokens":1,"tools":[{"type":"advisor","name":"advisor","model":")", R"("}],"messages":[{"role":"user","content":"hi"}]})", "tools"},
      {wire::gemini(), "/v1beta", "/v1beta/models/other:batchEmbedContents", R"({"requests":[{"model":"models/)", R"(","content":{"parts":[{"text":"hi"}]}}]})", "requests"},
      {wire::gemini(), "/v1beta", "/v1beta/models/other:countTokens", R"({"generateContentRequest":{"model":"models/)", R"(","contents":[{"parts":[{"text":"hi"}]}]}})", "generateContentRequest"},
      {wire::gemini(), "/v1beta", "/v1beta/models/other:generateContent", R"({"contents":[{"parts":[{"text":"hi"}]}],"generationConfig":{"routingConfig":{"manualMode":{"modelName":")", R"("}}}})", "generationConfig"},
  };
  for (const auto& s : samples) {
    trace t(policy_yaml, of_secure);
    speak(t, s.dialect, s.root);
    EXPECT_EQ(asked(t, s.target, s.before + std::string("another") + s.behind), "") << s.target << t.out.client;
    EXPECT_EQ(asked(t, s.target, s.before + std::string("secure-1") + s.behind), "400") << s.target;
    EXPECT_TRUE(t.out.client.contains("ask for that model alone")) << t.out.client;
    t.config.unknown_part = unreadable_policy::pass;
    EXPECT_EQ(asked(t, s.target, s.before + std::string("secure-1") + s.behind), "") << s.target << " passes where the operator says so";
    EXPECT_EQ(t.worker.records.back().unread.size(), 1u) << s.target;
  }
}

TEST(models, beside_the_one_asked_for_are_refused_where_another_upstream_serves_them) {
  trace t;
  t.config.upstreams.push_back({"gpt", &wire::openai(), {"/v1"}, "gpt.example", "", {"gpt-*"}});
  const auto body = [](const std::string& model, const std::string& other) {
    return R"({"model":")" + model + R"(","models":[")" + other + R"("],"messages":[{"role":"user","content":"hi"}]})";
  };
  EXPECT_EQ(asked(t, "/v1/chat/completions", body("gpt-4", "gpt-5")), "");
  EXPECT_EQ(asked(t, "/v1/chat/completions", body("one", "two")), "");
  EXPECT_EQ(asked(t, "/v1/chat/completions", body("gpt-4", "two")), "400");
  EXPECT_EQ(asked(t, "/v1/chat/completions", body("two", "gpt-4")), "400");
  t.config.global_shadow = true;
  EXPECT_EQ(asked(t, "/v1/chat/completions", body("two", "gpt-4")), "");
}

// Gemini's and Anthropic's SDKs ask below /v1 as OpenAI's do: the API that knows a path answers there.
TEST(upstreams, of_one_path_that_speak_several_apis_are_told_apart_by_what_each_knows) {
  const auto answered_by = [](const std::vector<std::string>& order, const std::string& method, const std::string& target) {
    trace t;
    t.config.upstreams.clear();
    for (const auto& name : order) {
      const auto plain = name.substr(0, name.find('-'));
      t.config.upstreams.push_back({name, wire::find_dialect(plain), {"/v1"}, name + ".example", "", name == plain ? std::vector<std::string>() : std::vector<std::string>{name + "*"}});
    }
    exchange x(t.config, t.worker);
    const auto* body = target.contains("models") ? R"({"contents":[]})" : target.contains("messages") ? R"({"model":"m","max_tokens":1,"messages":[]})" : R"({"model":"openai-2","messages":[]})";
    t.request(x, method == "GET" ? "" : body, target, method);
    if (t.out.done) return t.out.client;
    const auto host = t.out.upstream_request.find("ost: ") + 5;
    x.client_gone(0, t.out);
    return t.out.upstream_request.substr(host, t.out.upstream_request.find(".example") - host);
  };
  const std::vector<std::string> all = {"openai", "gemini", "anthropic"}, turned = {"anthropic", "gemini", "openai"}, two = {"gemini", "openai-2", "openai"};
  for (const auto& order : {all, turned}) {
    EXPECT_EQ(answered_by(order, "POST", "/v1/chat/completions"), "openai");
    EXPECT_EQ(answered_by(order, "POST", "/v1/messages"), "anthropic");
    for (const char* verb : {"generateContent", "countTokens", "embedContent"}) EXPECT_EQ(answered_by(order, "POST", "/v1/models/g:" + std::string(verb)), "gemini") << verb;
    EXPECT_EQ(answered_by(order, "GET", "/v1/models"), order.front()) << "which all know";
  }
  EXPECT_EQ(answered_by(two, "POST", "/v1/chat/completions"), "openai-2") << "of one API the model decides";
  EXPECT_EQ(answered_by(two, "POST", "/v1/models/g:generateContent"), "gemini");
  for (const char* target : {"/v1/chat/nothing", "/v1/strange"}) EXPECT_TRUE(answered_by(all, "POST", target).starts_with("HTTP/1.1 40")) << target;
}

TEST(upstreams, that_lack_the_api_of_a_path_are_told_how_to_have_it) {
  trace t;
  const auto says = [&t](const std::string& target) {
    exchange x(t.config, t.worker);
    t.out = {};
    t.request(x, R"({"contents":[]})", target);
    return t.out.client;
  };
  for (const auto& [target, status, hint] : {std::tuple("/v1/models/g:generateContent", "405", "dialect: gemini and paths: [\\\"/v1\\\"] beside this one"),
                                             {"/v1beta/models/g:generateContent", "404", "dialect: gemini and paths: [\\\"/v1beta\\\"]."},
                                             {"/v1/messages", "404", "dialect: anthropic and paths: [\\\"/v1\\\"] beside this one"},
                                             {"/api/chat", "404", "dialect: ollama and paths: [\\\"/api\\\"]."}}) {
    EXPECT_EQ(says(target).substr(9, 3), status) << target;
    EXPECT_TRUE(says(target).contains(hint)) << says(target);
  }
  EXPECT_FALSE(says("/v1/strange").contains("It is a path of"));
}

TEST(models, of_forms_are_those_of_azures_path) {
  trace t(policy_yaml, of_secure);
  speak(t, wire::openai(), "/openai");
  t.config.reads_forms = true;
  t.config.attachments.fill(unreadable_policy::pass);
  const auto form = [](const std::string& model) {
    const std::string field = "--B\r\nContent-Disposition: form-data; name=\"";
    return field + "model\"\r\n\r\n" + model + "\r\n" + field + "prompt\"\r\n\r\na bomb\r\n" + field + "file\"; filename=\"a.mp3\"\r\n\r\nID3\r\n--B--\r\n";
  };
  for (const auto& [target, model, status] : {std::tuple("secure-1", "secure-1", "400"), {"secure-1", "other", "400"}, {"other", "secure-1", ""}}) {
    exchange x(t.config, t.worker);
    t.out = {};
    const auto body = form(model);
    const auto head = "POST /openai/deployments/" + std::string(target) + "/audio/transcriptions?api-version=1 HTTP/1.1\r\nHost: g\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n";
    http::request_head parsed;
    std::size_t used = 0;
    http::refusal why;
    ASSERT_EQ(http::parse_request_head(head, {}, parsed, used, why), http::parse_status::complete) << why.reason;
    x.begin(parsed, {"127.0.0.1"}, t.out);
    x.request_body(body, t.out);
    x.request_end(t.out);
    EXPECT_EQ(t.out.client.empty() ? "" : t.out.client.substr(9, 3), status) << target << " " << model << t.out.client;
    if (!t.out.done) x.client_gone(0, t.out);
  }
}

}  // namespace
}  // namespace sluice::proxy
