// A whole exchange in any dialect, and what the upstream and the client saw of it.
#pragma once

#include <set>

#include "speakers.hpp"
#include "traces.hpp"

namespace sluice::proxy::testing {

struct said {
  conversation_text asks;
  answer_text answers;
};

struct seen {
  std::string upstream, client;
  std::vector<std::size_t> after;    // bytes that the client has once each piece arrived
  std::vector<std::string> tags;     // kept for the conversation
  policy::verdict verdict = policy::verdict::allow;
  std::set<policy::action> tried;    // of rules in shadow that matched
};

// `stream`: the answer comes as events, each in two packets.
inline seen exchanged(const std::shared_ptr<const policy::snapshot>& with, const speaker& who, const said& what, bool stream, bool global_shadow = false,
                      const std::string& conversation = "c") {
  settings config = make_settings();
  config.upstreams = {{"up", &who.dialect, {who.prefix}, "up.example", ""}};
  config.hash_key = config.token_key = "a key";
  config.global_shadow = global_shadow;
  fake_services worker;
  worker.conversation = conversation;
  worker.active_->snapshot = with;
  seen out;
  effects done;
  exchange x(config, worker);
  json asked = who.request(what.asks);
  if (*who.stream_member != 0) asked[who.stream_member] = stream;
  const std::string body = asked.dump(), head_text = "POST " + who.target(stream) + " HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nAuthorization: Bearer k\r\nContent-Length: " +
                                                     std::to_string(body.size()) + "\r\n\r\n";
  http::request_head head;
  std::size_t used = 0;
  http::refusal why;
  EXPECT_EQ(http::parse_request_head(head_text, {}, head, used, why), http::parse_status::complete) << why.reason;
  x.begin(head, {"127.0.0.1"}, done);
  if (!done.done) x.request_body(body, done);
  if (!done.done) x.request_end(done);
  out.upstream = done.upstream_request;
  const auto events = stream ? who.events(what.answers) : std::vector<std::string>{who.plain(what.answers).dump()};
  std::size_t bytes = 0;
  for (const auto& each : events) bytes += each.size();
  const std::string answer = std::string("HTTP/1.1 200 OK\r\nContent-Type: ") + (stream ? who.stream_type : "application/json") +
                             (stream ? "\r\nTransfer-Encoding: chunked\r\n\r\n" : "\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n");
  http::response_head response;
  if (!done.done) {
    EXPECT_EQ(http::parse_response_head(answer, {}, false, response, used, why), http::parse_status::complete) << why.reason;
    x.upstream_head(response, done);
  }
  for (std::size_t i = 0; i < events.size() && !done.done; ++i) {
    const auto half = events[i].size() / 2;  // an event in two packets is one event
    for (const auto piece : {std::string_view(events[i]).substr(0, half), std::string_view(events[i]).substr(half)}) {
      if (!done.done) x.upstream_body(piece, done);
      out.after.push_back(done.client.size());
    }
  }
  if (!done.done) x.upstream_end(done);
  EXPECT_TRUE(done.done);
  out.client = done.client;
  // The label of the version is that of another bundle: as long, and nothing else.
  if (const auto at = out.client.find("x-sluice-policy: "); at != std::string::npos) out.client.replace(out.client.find(':', at + 17), 13, "");
  out.tags = worker.kept_tags;
  for (const auto& each : worker.records) {
    for (const auto* side : {&each.request, &each.response}) {
      out.verdict = std::max(out.verdict, side->verdict);
      for (const auto& f : side->findings) {
        if (!f.enforced) out.tried.insert(with->rules()[f.rule].action);
      }
    }
  }
  return out;
}

}  // namespace sluice::proxy::testing
