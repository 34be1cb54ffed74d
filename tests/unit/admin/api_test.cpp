// The admin API as a function: request in, answer out; no sockets.
#include "sluice/admin/api.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace sluice::admin {
namespace {

using nlohmann::json;

sources healthy() {
  sources from;
  from.node = "n1";
  from.build = "0.0";
  from.mode = "enforce";
  from.policy = [] {
    store::agent_status s;
    s.state = "FRESH";
    s.version = std::string(64, 'a');
    s.activation = {1, 17};
    s.last_refusal = {.time = {}, .activation = "1-18", .version = "b", .phase = "parse", .message = "pii.yaml:3:1: no"};
    return s;
  };
  from.metrics = [] { return telemetry::metrics_input{}; };
  from.loaded = [] { return std::shared_ptr<const loaded_bundle>(); };
  return from;
}

net::control_response ask(const sources& from, std::string method, std::string path, std::string authorization = {},
                          std::string body = {}) {
  return api(from).handle({.method = std::move(method), .path = std::move(path), .query = {}, .body = std::move(body),
                           .authorization = std::move(authorization), .from_page = false});
}

TEST(admin_api, is_ready_only_with_a_policy_that_is_in_force) {
  auto from = healthy();
  EXPECT_EQ(ask(from, "GET", "/readyz").status, 200);
  for (const char* state : {"NONE", "EXPIRED"}) {
    from.policy = [state] {
      store::agent_status s;
      s.state = state;
      return s;
    };
    EXPECT_EQ(ask(from, "GET", "/readyz").status, 503) << state;
    EXPECT_EQ(ask(from, "GET", "/livez").status, 200) << state;
  }
  from = healthy();
  from.not_ready = [] { return std::string("stopping"); };
  EXPECT_EQ(json::parse(ask(from, "GET", "/readyz").body)["reason"], "stopping");
}

TEST(admin_api, shows_the_last_refusal_with_its_line) {
  const auto body = json::parse(ask(healthy(), "GET", "/v1/status").body);
  EXPECT_EQ(body["policy"]["activation"], "1-17");
  EXPECT_EQ(body["policy"]["last_refusal"]["message"], "pii.yaml:3:1: no");
  EXPECT_EQ(body["policy"]["age_seconds"], nullptr);
}

TEST(admin_api, wants_its_token_everywhere_but_for_probes) {
  auto from = healthy();
  from.token = "s3cret";
  for (const char* path : {"/v1/status", "/metrics", "/v1/coverage", "/nowhere"}) {
    EXPECT_EQ(ask(from, "GET", path).status, 401) << path;
    EXPECT_EQ(ask(from, "GET", path, "Bearer s3cre").status, 401) << path;
    EXPECT_EQ(ask(from, "GET", path, "s3cret").status, 401) << path;
    EXPECT_NE(ask(from, "GET", path, "Bearer s3cret").status, 401) << path;
  }
  EXPECT_EQ(ask(from, "GET", "/livez").status, 200);
  EXPECT_EQ(ask(from, "GET", "/readyz").status, 200);
}

TEST(admin_api, gives_the_decision_log_in_pieces_and_no_other_file) {
  auto from = healthy();
  const auto folder = std::filesystem::temp_directory_path() / ("sluice-admin-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  from.audit_directory = folder.string();
  const std::string name = "n1-20261201T000000000000Zdeadbeef-000001.jsonl";
  std::ofstream(folder / name) << "0123456789";
  std::ofstream(folder / "secret") << "no";
  const auto file = [&](const std::string& query) { return api(from).handle({.method = "GET", .path = "/v1/audit/file", .query = query, .body = {}, .authorization = {}}); };
  const auto files = json::parse(ask(from, "GET", "/v1/audit/files").body)["files"];
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0]["name"], name);
  EXPECT_EQ(files[0]["bytes"], 10);
  EXPECT_EQ(file("name=" + name).body, "0123456789");
  EXPECT_EQ(file("name=" + name + "&offset=7").body, "789");
  EXPECT_EQ(file("name=" + name + "&offset=10").body, "");
  for (const char* other : {"name=secret", "name=../secret", "name=./../etc/passwd"}) EXPECT_EQ(file(other).status, 404) << other;
  for (const char* none : {"", "offset=1", "name=", "name=x&offset=-1"}) EXPECT_EQ(file(none).status, 400) << none;
  std::filesystem::remove_all(folder);
}

TEST(admin_api, explains_only_what_it_can_read) {
  EXPECT_EQ(ask(healthy(), "POST", "/v1/explain", {}, "{}").status, 503);
  auto from = healthy();
  auto loaded = std::make_shared<loaded_bundle>();
  loaded->bundle = std::make_shared<policy::bundle_ast>();
  loaded->snapshot = policy::snapshot::deny_all();
  from.loaded = [loaded] { return loaded; };
  for (const char* body : {"", "[]", "{}", R"({"text":1})", R"({"text":"a","direction":"up"})", R"({"text":"a","context":{"tenent":"x"}})"}) {
    EXPECT_EQ(ask(from, "POST", "/v1/explain", {}, body).status, 400) << body;
  }
}

TEST(admin_api, a_question_that_is_mistyped_is_told_which_word) {
  auto from = healthy();
  auto loaded = std::make_shared<loaded_bundle>();
  loaded->bundle = std::make_shared<policy::bundle_ast>();
  loaded->snapshot = policy::snapshot::deny_all();
  from.loaded = [loaded] { return loaded; };
  const auto told = [&](const char* body) {
    const auto answer = ask(from, "POST", "/v1/explain", {}, body);
    EXPECT_EQ(answer.status, 400) << body;
    const auto error = json::parse(answer.body)["error"];
    return error["message"].get<std::string>() + "; " + error["advice"].get<std::string>();
  };
  EXPECT_EQ(told(R"({"text":"x","context":{"tennant":"a"}})"), "unknown key 'tennant' in 'context'; did you mean 'tenant'?");
  EXPECT_EQ(told(R"({"text":"x","txet":1})"), "unknown key 'txet'; did you mean 'text'?");
  EXPECT_EQ(told(R"({"text":"x","bogus":1})"), "unknown key 'bogus'; known here: text, direction, role, part, context");
  EXPECT_EQ(told(R"({"text":"x","direction":"respnse"})"), "'direction' has a value that is not known; did you mean 'response'?");
  EXPECT_EQ(told(R"({"text":"x","context":{"tier":1}})"), "'context.tier' is not a text; write it in quotes");
}

TEST(admin_api, a_node_in_shadow_explains_that_it_changes_nothing) {
  auto from = healthy();
  auto loaded = std::make_shared<loaded_bundle>();
  loaded->bundle = std::make_shared<policy::bundle_ast>();
  loaded->snapshot = policy::snapshot::deny_all();
  from.loaded = [loaded] { return loaded; };
  EXPECT_EQ(json::parse(ask(from, "POST", "/v1/explain", {}, R"({"text":"x"})").body)["verdict"], "block");
  from.mode = "shadow";
  const auto told = json::parse(ask(from, "POST", "/v1/explain", {}, R"({"text":"x"})").body);
  EXPECT_EQ(told["mode"], "shadow");
  EXPECT_EQ(told["verdict"], "allow");
  EXPECT_EQ(told["text"], "x");
}

TEST(admin_api, a_web_page_is_told_nothing_and_arms_nothing) {
  const api to(healthy());
  EXPECT_EQ(to.handle({.method = "POST", .path = "/v1/rearm", .query = {}, .body = "{}", .authorization = {}, .from_page = true}).status, 403);
  EXPECT_EQ(to.handle({.method = "GET", .path = "/v1/status", .query = {}, .body = {}, .authorization = {}, .from_page = true}).status, 403);
  EXPECT_EQ(to.handle({.method = "GET", .path = "/livez", .query = {}, .body = {}, .authorization = {}, .from_page = true}).status, 200);
  EXPECT_EQ(to.handle({.method = "GET", .path = "/v1/status", .query = {}, .body = {}, .authorization = {}, .by_name = true}).status, 403);
  auto guarded = healthy();
  guarded.token = "secret";
  EXPECT_EQ(api(guarded).handle({.method = "GET", .path = "/v1/status", .query = {}, .body = {}, .authorization = "Bearer secret", .by_name = true}).status, 200) << "no page knows the token";
}

TEST(admin_api, a_body_of_endless_depth_is_none) {
  auto from = healthy();
  from.rearm = [](const std::string&) { FAIL(); };
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const auto& body : {deep, R"({"rule":)" + deep + "}", R"({"other":)" + deep + "}"}) {
    EXPECT_EQ(ask(from, "POST", "/v1/rearm", {}, body).status, 400);
    EXPECT_NE(ask(from, "POST", "/v1/explain", {}, body).status, 200);
  }
  EXPECT_EQ(ask(from, "POST", "/v1/rearm", {}, R"({"rule":7})").status, 400);
}

TEST(admin_api, arms_all_rules_only_where_nobody_meant_one) {
  auto from = healthy();
  std::vector<std::string> armed;
  from.policy = [] {
    store::agent_status s;
    for (const char* rule : {"a", "b"}) s.demotions.push_back({.what = {.version = "v", .rule = rule, .why = "w"}, .at = {1, 1}, .time = {}, .here = true});
    return s;
  };
  from.rearm = [&](const std::string& rule) { armed.push_back(rule); };
  for (const char* body : {R"({"rules":["a"]})", R"({"rule_id":"a"})", R"({"rule":""})", R"({"rule":null})", R"({"rule":"a","all":true})", "[]", "7", "a"}) {
    EXPECT_EQ(ask(from, "POST", "/v1/rearm", {}, body).status, 400) << body;
  }
  EXPECT_TRUE(armed.empty());
  for (const char* body : {"", "{}", R"({"rule":"a"})"}) EXPECT_EQ(ask(from, "POST", "/v1/rearm", {}, body).status, 202) << body;
  EXPECT_EQ(armed, (std::vector<std::string>{"", "", "a"}));
}

TEST(admin_api, names_the_right_method_and_the_paths_there_are) {
  EXPECT_EQ(ask(healthy(), "GET", "/v1/explain").status, 405);
  EXPECT_EQ(ask(healthy(), "DELETE", "/v1/status").status, 405);
  EXPECT_EQ(ask(healthy(), "POST", "/livez").status, 405);
  EXPECT_EQ(ask(healthy(), "GET", "/v1/explain").allow, "POST");
  EXPECT_EQ(ask(healthy(), "DELETE", "/v1/status").allow, "GET, HEAD");
  EXPECT_EQ(json::parse(ask(healthy(), "GET", "/v1/explain").body)["error"]["advice"], "send POST /v1/explain");
  EXPECT_EQ(ask(healthy(), "GET", "/").status, 404);
  EXPECT_EQ(ask(healthy(), "GET", "/metrics").content_type.substr(0, 10), "text/plain");
  EXPECT_TRUE(json::parse(ask(healthy(), "GET", "/v1/coverage").body)["coverage"].is_array());
}

TEST(admin_api, coverage_of_one_dialect) {
  const auto asked = [](const std::string& query) { return api(healthy()).handle({.method = "GET", .path = "/v1/coverage", .query = query, .body = {}, .authorization = {}, .from_page = false}); };
  const auto dialects_in = [](const net::control_response& answer) {
    std::set<std::string> out;
    const auto said = json::parse(answer.body);
    for (const auto& row : said["coverage"]) out.insert(row["dialect"].get<std::string>());
    return out;
  };
  EXPECT_EQ(dialects_in(asked("")), (std::set<std::string>{"anthropic", "gemini", "ollama", "openai"}));
  EXPECT_EQ(dialects_in(asked("dialect=gemini")), (std::set<std::string>{"gemini"}));
  for (const char* query : {"dialect=geminy", "dialect=", "of=gemini"}) {
    EXPECT_EQ(asked(query).status, 400) << query;
    EXPECT_TRUE(asked(query).body.contains("openai, anthropic, gemini, ollama")) << asked(query).body;
  }
}

}  // namespace
}  // namespace sluice::admin
