// The exchange as a trace: a real policy, compiled in this process, and a worker without clock or log.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/proxy/exchange.hpp"

namespace sluice::proxy::testing {

inline const std::string policy_yaml = R"(apiVersion: sluice/v1
kind: Policy
metadata: {name: p, owner: o}
rules:
  - id: word
    direction: both
    match: {keywords: [rival bank]}
    action: {type: redact, mask: "[R]"}
    tests: [{name: a, request: the rival bank, expect: {rules: [word]}}, {name: b, request: nothing, expect: {rules: []}}]
  - id: stop
    direction: both
    match: {keywords: [bomb]}
    action: {type: block, message: "Not here.", i18n: {de: "Hier nicht."}, message_in_stream: true}
    tests: [{name: a, request: a bomb, expect: {rules: [stop]}}, {name: b, request: nothing, expect: {rules: []}}]
  - id: polite
    direction: request
    match: {keywords: [gossip]}
    action: {type: block, message: "Let us not.", http_status: 200, i18n: {fr: "Laissons cela."}}
    tests: [{name: a, request: some gossip, expect: {rules: [polite]}}, {name: b, request: nothing, expect: {rules: []}}]
  - id: trial
    direction: both
    match: {keywords: [halfway]}
    action: {type: redact, mask: "[T]"}
    rollout: {percentage: 50}
    tests: [{name: a, request: the halfway house, expect: {rules: [trial]}}, {name: b, request: nothing, expect: {rules: []}}]
)";

inline const std::string everywhere = "[{use: p, bind: {scope: global}}]";

inline std::shared_ptr<const policy::snapshot> compiled(const std::string& yaml, const std::string& modules = everywhere) {
  static std::map<std::string, std::shared_ptr<const policy::snapshot>> known;
  auto& snapshot = known[modules + yaml];
  if (snapshot == nullptr) {
    policy::bundle_source source;
    source.files.push_back(policy::make_source_file(
        "bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: " + modules + "\n"));
    source.files.push_back(policy::make_source_file("p.yaml", yaml));
    auto backend = match::in_process_backend();
    policy::shard_cache cache{""};
    auto report = policy::build(source, parse_time("2026-11-23").value(), *backend, cache);
    EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
    snapshot = report.snapshot;
  }
  return snapshot;
}

// What outlives the call of a report that is only lent.
struct kept_report {
  explicit kept_report(const exchange_report& r)
      : kind(r.kind), request(r.request), response(r.response), status(r.status), bytes(r.bytes), request_edits(r.request_edits), edits(r.edits), request_refused(r.request_refused), route(r.who.route), reason(r.reason), unscanned(r.unscanned.begin(), r.unscanned.end()) {
    for (const auto& f : request.findings) channels.push_back(r.request_names.of(f.part));
    for (const auto& f : response.findings) channels.push_back(r.response_names.of(f.part));
    for (const auto& each : r.unread) unread.push_back(each.path + " " + std::string(each.type));
  }
  report_kind kind;
  policy::outcome request, response;
  int status;
  std::uint64_t bytes;
  std::uint32_t request_edits, edits;
  bool request_refused;
  std::string route, reason;
  std::vector<std::pair<std::string, std::uint64_t>> unscanned;
  std::vector<std::string> channels, unread;
};

class fake_services : public services {
 public:
  explicit fake_services(const std::string& yaml = policy_yaml, const std::string& modules = everywhere) {
    active_->snapshot = compiled(yaml, modules);
    active_->activation = {1, 7};
    active_->freshness = policy::freshness::fresh;
  }
  mono_time mono() override { return now().mono; }
  instant now() override { return {mono_time(microseconds(++time_)), wall_time(microseconds(time_))}; }
  std::shared_ptr<const policy::active_policy> pin() override { return active_; }
  policy::scratch& scratch() override { return scratch_; }
  result<identity> identify(const http::request_head&, const peer_info&) override {
    if (unknown) return fail(errc::refused, "Unknown API key.");
    identity who{{}, "caller"};
    who.who.conversation = conversation;
    return who;
  }
  std::string decision_id(const identity&, wall_time) override { return "d" + std::to_string(++ids_); }
  ~fake_services() override { EXPECT_EQ(places, 0) << "what an exchange reserves it uses or gives back"; }
  bool needs_records() override { return needs; }
  bool reserve_records() override {
    if (!full) places += static_cast<int>(records_max);
    return !full;
  }
  void release_records(unsigned unused) override { places -= static_cast<int>(unused); }
  void record(const exchange_report& r) override {
    records.emplace_back(r);
    without_place += r.reserved ? 0 : 1;
    places -= r.reserved ? 1 : 0;
    EXPECT_GE(places, 0);
  }
  void recall_tags(policy::context& who) override { who.tags = kept_tags; }
  void keep_tags(const policy::context&, const std::vector<std::string>& tags) override { kept_tags.insert(kept_tags.end(), tags.begin(), tags.end()); }
  std::vector<std::string> kept_tags;
  std::uint64_t ask_vault(policy::vault_question question) override {
    if (!has_vault) return 0;
    questions.push_back(std::move(question));
    return questions.size();
  }
  std::vector<policy::vault_question> questions;
  bool has_vault = false;
  worker_counters& counters() override { return counters_; }

  bool unknown = false, full = false, needs = true;
  int places = 0, without_place = 0;
  std::string conversation;
  std::vector<kept_report> records;
  std::shared_ptr<policy::active_policy> active_ = std::make_shared<policy::active_policy>();

 private:
  std::int64_t time_ = 0;
  int ids_ = 0;
  policy::scratch scratch_;
  worker_counters counters_;
};

inline settings make_settings() {
  settings s;
  s.upstreams.push_back({"mock", &wire::openai(), {"/v1"}, "mock.example", ""});
  return s;
}

struct trace {
  explicit trace(const std::string& yaml = policy_yaml, const std::string& modules = everywhere) : worker(yaml, modules) {}

  settings config = make_settings();
  fake_services worker;
  effects out;

  void request(exchange& x, const std::string& body, const std::string& target = "/v1/chat/completions", const std::string& method = "POST") {
    head_ = method + " " + target + " HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nAuthorization: Bearer k\r\nX-Evil: 1\r\n" + fields + "Content-Length: " +
            std::to_string(body.size()) + "\r\n\r\n";
    http::request_head head;
    std::size_t used = 0;
    http::refusal why;
    ASSERT_EQ(http::parse_request_head(head_, {}, head, used, why), http::parse_status::complete) << why.reason;
    x.begin(head, {"127.0.0.1"}, out);
    if (out.done) return;
    x.request_body(body, out);
    x.request_end(out);
  }
  void answer(exchange& x, const std::string& head_text, const std::string& body) {
    response_ = head_text;
    http::response_head head;
    std::size_t used = 0;
    http::refusal why;
    ASSERT_EQ(http::parse_response_head(response_, {}, false, head, used, why), http::parse_status::complete) << why.reason;
    x.upstream_head(head, out);
    if (!body.empty()) x.upstream_body(body, out);
  }
  std::string fields;  // of the request's head, each with its end of line
  std::string head_, response_;
};

// The body of a message, without the framing of its transfer.
inline std::string body_of(const std::string& message) {
  const auto end = message.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  const auto body = message.substr(end + 4);
  if (message.substr(0, end).find("chunked") == std::string::npos) return body;
  std::string out;
  for (std::size_t at = 0; at < body.size();) {
    const auto line = body.find("\r\n", at);
    const auto size = std::stoul(body.substr(at, line - at), nullptr, 16);
    out.append(body, line + 2, size);
    at = line + 2 + size + 2;
  }
  return out;
}

inline std::string ask(const std::string& text, bool stream = false) {
  return R"({"model":"m",)" + std::string(stream ? R"("stream":true,)" : "") + R"("messages":[{"role":"user","content":")" + text + R"("}]})";
}
inline const std::string json_head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
inline const std::string sse_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
inline std::string event(const std::string& text) {
  return R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":")" + text +
         R"("},"finish_reason":null}]})" + "\n\n";
}

}  // namespace sluice::proxy::testing
