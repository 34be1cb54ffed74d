// The inside of an exchange, shared by its three sources: exchange.cpp (order of calls, record), request.cpp (until the upstream
// is asked), response.cpp (its answer).
#pragma once

#include <optional>

#include "answer.hpp"
#include "sluice/policy/tokens.hpp"
#include "sluice/proxy/exchange.hpp"
#include "stream_sink.hpp"

namespace sluice::proxy {

struct exchange::impl {
  impl(const settings& c, services& w) : config(c), worker(w) {}

  enum class state : std::uint8_t {
    idle,       // no head yet
    body,       // reading the request
    waiting,    // the upstream was asked
    plain,      // gathering an answer that is judged in whole
    stream,     // an event stream, judged as it comes
    own,        // what is for the gateway itself
    relay,      // an answer without text of the conversation, passed as it comes
    finished,
  };

  const settings& config;
  services& worker;
  state now = state::idle;

  // Who and what.
  std::shared_ptr<const policy::active_policy> active;
  identity caller;
  const wire::dialect* dialect = nullptr;
  const upstream_route* upstream = nullptr;
  std::size_t upstream_index = 0;
  wire::endpoint endpoint;
  std::string decision, method, path, query;
  std::string accept_language;  // of the client, for a block's message
  client_side client;
  bool scanned = false;
  instant started;
  mono_time asked;          // when the upstream got its request
  mono_time last_upstream;  // when it last sent something
  std::uint64_t added_us = 0;
  bool counted = false;
  unsigned places = 0;      // in the audit log, for records that are still to come

  // Request.
  std::string upstream_head, body;
  // Where several upstreams share the path: each with its head, until the body has named the model.
  std::vector<std::pair<std::size_t, std::string>> candidates;
  std::unique_ptr<wire::request_body> request;
  const policy::ruleset* rules = nullptr;
  std::unique_ptr<policy::token_map> tokens;  // where some rule tokenizes
  policy::outcome request_outcome, response_outcome;
  bool request_judged = false, response_judged = false;
  bool request_refused = false, answer_withheld = false;  // by the gateway itself, without a rule
  bool request_spared = false, answer_spared = false;     // would have been, if it were not for mode: shadow
  std::vector<std::pair<std::string, std::uint64_t>> unscanned;
  std::string body_coding;  // Content-Encoding of a request that shadow passes as it is

  // Answer.
  kept_head answer;
  std::string answer_body;
  std::unique_ptr<wire::response_body> content;  // views into answer_body
  std::unique_ptr<policy::stream_evaluator> evaluator;
  std::optional<stream_sink> sink;
  std::unique_ptr<wire::response_stream> stream;
  std::string piece;
  bool chunked = false, head_sent = false, stream_over = false, stream_left = false, opened = false;
  bool superseded = false;            // the pinned snapshot has to be let go
  int sent_status = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t stream_bytes = 0;     // of a stream that shadow watches: what came and was not read yet
  std::string_view unread_answer;     // why the rest of the answer passes unscanned; "" while it is read
  std::uint32_t request_edits = 0, edits = 0;
  std::string reason;
  std::string unread;  // why a part could not be read, when that is why the request is refused

  [[nodiscard]] policy::evaluate_options options(policy::direction d) const { return {d, config.global_shadow, nullptr, &caller.who, config.hash_key, caller.caller, tokens.get()}; }
  // Whether shadow passes what would be refused; then that is on record.
  [[nodiscard]] bool spares(bool& which, std::string_view why) {
    if (!shadow()) return false;
    which = true;
    if (reason.empty()) reason = why;
    return true;
  }
  [[nodiscard]] bool has_body() const { return !body.empty() || method == "POST" || method == "PUT" || method == "PATCH"; }
  [[nodiscard]] bool shadow() const { return config.global_shadow; }
  // The answer's side of the record. A stream that could not be read on was left by its evaluator with what is in response_outcome.
  [[nodiscard]] const policy::outcome& judged_response() const { return evaluator && !stream_left ? evaluator->result() : response_outcome; }
  [[nodiscard]] policy::verdict strongest() const {
    return request_refused || answer_withheld ? policy::verdict::block : std::max(request_outcome.verdict, response_outcome.verdict);
  }

  // exchange.cpp
  void open(const http::request_head& head, const peer_info& peer);
  void send(effects& out, std::string_view bytes);
  [[nodiscard]] gateway_fields fields(policy::verdict v, bool own, bool pending = false) const;
  [[nodiscard]] refusal refusal_of(wire::gateway_error what) const;
  void answer_error(wire::gateway_error what, std::string_view message, std::string_view param, effects& out);
  void withhold_answer(std::string_view message, std::string_view param, effects& out);
  void answer_block(const policy::outcome& of, std::string_view param, effects& out);
  void note_unscanned(std::string_view why, std::uint64_t bytes);
  void finish(effects& out);
  void record(report_kind kind);
  [[nodiscard]] judged_text text_of_both() const;
  void keep_places(unsigned still);
  void keep_tags();
  void count_outcome(const exchange_report& r);

  // request.cpp
  [[nodiscard]] bool admit(const http::request_head& head, const peer_info& peer, effects& out);
  void find_upstream(std::string_view of);
  [[nodiscard]] bool route(const http::request_head& head, effects& out);
  void write_upstream_head(const http::request_head& head, const upstream_route& to, std::string& out) const;
  [[nodiscard]] bool choose_upstream(std::string_view model, effects& out);
  [[nodiscard]] bool accepts_body(const http::request_head& head, effects& out);
  [[nodiscard]] bool note_unread(std::span<const wire::unread> parts, effects& out);
  void judge_request(effects& out);
  void recall_tags();
  void pass_request(std::string_view why, std::string_view detail, effects& out);
  void ask_upstream(std::string_view body_bytes, bool with_body, effects& out);

  // own.cpp
  void begin_own(const http::request_head& head, const peer_info& peer, effects& out);
  void take_own(std::string_view bytes, effects& out);
  void end_own(effects& out);
  void break_own(int status, std::string_view why, effects& out);
  void answer_own(const services::own_answer& what, effects& out);

  // response.cpp
  void take_head(const http::response_head& head, effects& out);
  [[nodiscard]] bool is_stream(const http::response_head& head) const;
  void judge_plain(effects& out);
  [[nodiscard]] std::vector<wire::replacement> changes_of(std::span<const policy::text_part> parts);
  void judge_opaque(effects& out);
  void send_plain(std::string_view bytes, effects& out);
  void start_relay(effects& out);
  void relay(std::string_view bytes, effects& out);
  void pass_answer(std::string_view why, std::string_view detail, policy::outcome judged);
  void feed_stream(std::string_view bytes, effects& out);
  void watch_stream(std::string_view bytes, effects& out);
  void leave_stream();
  void write_stream(effects& out);
  void write_stream_head(effects& out);
  void end_stream(effects& out, bool clean);
  void stop_stream(wire::response_stream::status why, effects& out);
  void cut_stream(const policy::outcome& of, effects& out);
  void end_superseded(effects& out);
  void fail_stream(wire::gateway_error what, std::string_view message, effects& out);
  void close_body(effects& out);
};

}  // namespace sluice::proxy
