// The inside of an exchange, shared by its sources: exchange.cpp (order of calls, record), request.cpp (until the upstream
// is asked), response.cpp (its answer), streamed_answer.cpp (a stream), own.cpp (answers of the gateway's own), codings.cpp (compressed bodies of both), server_state.cpp (what the
// upstream holds), unreadable.cpp (what nobody can scan), judged_text.cpp (the texts for who judges them again).
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "answer.hpp"
#include "sluice/http/content_coding.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/policy/tokens.hpp"
#include "sluice/proxy/exchange.hpp"
#include "stream_sink.hpp"

namespace sluice::proxy {

[[nodiscard]] inline bool succeeded(int status) { return status >= 200 && status < 300; }

// Why an answer cannot be read, for the client: what else the reader says is advice for who wrote it.
[[nodiscard]] inline std::string told_of_answer(std::string_view why) {
  return std::string(why.substr(0, why.find("; "))) + ". The upstream sent it so; ask your operator.";
}

struct exchange::impl {
  impl(const settings& c, services& w) : config(c), worker(w) {}

  enum class state : std::uint8_t {
    idle,       // no head yet
    body,       // reading the request
    looking_up, // the ledger was asked what the request refers to
    recalling,  // the vault was asked, the upstream will be
    marking,    // the ledger is told what is about to grow, the upstream will be asked
    waiting,    // the upstream was asked
    plain,      // gathering an answer that is judged in whole
    stream,     // an event stream, judged as it comes
    own,        // what is for the gateway itself
    relay,      // an answer without text of the conversation, passed as it comes
    keeping,    // the ledger is told of the answer; its last bytes leave when that is done
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
  std::size_t before_api = 0;  // bytes of the path that chose the upstream and are none of its API's
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
  std::string upstream_head, body, boundary;  // boundary: of a form
  // Where several upstreams share the path: each with its head, until the body has named the model.
  std::vector<std::pair<std::size_t, std::string>> candidates;
  std::unique_ptr<wire::request_body> request;
  const policy::ruleset* rules = nullptr;
  std::unique_ptr<policy::token_map> tokens;  // where some rule tokenizes
  policy::outcome request_outcome, response_outcome;
  bool request_judged = false, response_judged = false;
  bool request_refused = false, answer_withheld = false;  // by the gateway itself, without a rule
  bool request_spared = false, answer_spared = false;     // would have been, if it were not for mode: shadow
  bool request_flagged = false, answer_flagged = false;   // by an attachment
  std::vector<seen_attachment> attachments, unread_parts;
  std::vector<std::pair<std::string, std::uint64_t>> unscanned;
  bool vault_away = false;  // and a rule refuses to go without it
  std::string upstream_request;  // written, while the vault is waited for
  std::string body_coding;  // Content-Encoding of a request that shadow passes as it is
  // Bodies that come compressed; none once nothing more can be made of one. In shadow, what came is kept beside what it becomes.
  std::optional<http::body_decoder> request_coding, answer_coding;
  std::string coded_request, coded_answer, decoded_piece;
  std::uint64_t body_bytes = 0;  // of the body at hand, as it came

  // Of the ledger: what the request builds upon, its tags, and what grows by this exchange.
  std::vector<recalled_handle> recalled;
  std::unordered_map<std::string, std::shared_ptr<const ledger_entry>> known_handles;
  std::vector<std::string> handle_tags;
  struct grown_handle {
    std::string id;
    std::shared_ptr<const ledger_entry> before;
    std::shared_ptr<const ledger_entry> mark = nullptr;  // that this exchange put in its place; null: none
  };
  std::vector<grown_handle> grown;
  bool unreached = false;  // the upstream was never told what was asked
  bool grown_marked = false, ledger_told = false, ledger_away = false;
  std::string last_bytes;  // while the ledger is told of the answer

  // Answer.
  kept_head answer;
  std::string answer_body;
  std::string lenient_reading;  // of an answer that is no JSON: where a lenient reader of its escapes has another text
  std::unique_ptr<wire::response_body> content;  // views into answer_body
  std::unique_ptr<policy::stream_evaluator> evaluator;
  std::optional<stream_sink> sink;
  std::unique_ptr<wire::response_stream> stream;
  std::string piece;
  bool holds_answer = false;          // a rule wants it whole: `piece` gathers what may leave when the answer is judged to its end
  bool chunked = false, head_sent = false, stream_over = false, stream_left = false, opened = false;
  bool answer_judged = false;         // all that came of it; of one that broke off, too
  bool superseded = false;            // the pinned snapshot has to be let go
  int sent_status = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_when_quiet = 0;  // at the last call of quiet()
  std::uint64_t stream_bytes = 0;     // of a stream that shadow watches: what came and was not read yet
  std::string_view unread_path;       // why nothing of the exchange is read, which passes all the same; "" while it is, or has no text
  std::string_view unread_answer;     // why the rest of the answer passes unscanned; "" while it is read
  std::uint32_t request_edits = 0, edits = 0;
  std::string reason;
  std::string unread;  // why a part could not be read, when that is why the request is refused
  std::string answer_unread;  // the setting by which a part of the answer is not passed on: "unreadable.unknown_part is deny"

  [[nodiscard]] policy::evaluate_options options(policy::direction d) const { return {d, config.global_shadow, nullptr, &caller.who, config.hash_key, caller.caller, tokens.get()}; }
  // Whether shadow passes what would be refused; then that is on record.
  [[nodiscard]] bool spares(bool& which, std::string_view why) {
    if (!shadow()) return false;
    which = true;
    if (reason.empty()) reason = why;
    return true;
  }
  [[nodiscard]] bool over() const { return now == state::finished || now == state::keeping; }  // nothing more is judged
  [[nodiscard]] bool uses_ledger() const { return config.server_state == unreadable_policy::ledger; }
  [[nodiscard]] bool has_body() const { return !body.empty() || method == "POST" || method == "PUT" || method == "PATCH"; }
  [[nodiscard]] bool shadow() const { return config.global_shadow; }
  // Whether some rule may change or stop what the model says.
  [[nodiscard]] bool judges_answer() const {
    constexpr std::array kinds = {policy::part_kind::text, policy::part_kind::reasoning, policy::part_kind::refusal, policy::part_kind::tool_call};
    return std::ranges::any_of(kinds, [this](policy::part_kind each) { return policy::may_change(*rules, options(policy::direction::response), policy::role::assistant, each); });
  }
  // What was judged is needed once more: for a log that keeps it, or for a version in shadow.
  [[nodiscard]] bool keeps_text() const { return worker.keeps_text() || (active && active->shadow != nullptr); }
  // The answer's side of the record. A stream that could not be read on was left by its evaluator with what is in response_outcome.
  [[nodiscard]] const policy::outcome& judged_response() const { return evaluator && !stream_left ? evaluator->result() : response_outcome; }
  [[nodiscard]] policy::verdict strongest() const {
    if (request_refused || answer_withheld) return policy::verdict::block;
    return std::max({request_outcome.verdict, response_outcome.verdict, request_flagged || answer_flagged ? policy::verdict::flag : policy::verdict::allow});
  }

  // exchange.cpp
  void open(const http::request_head& head);
  void send(effects& out, std::string_view bytes);
  [[nodiscard]] gateway_fields fields(policy::verdict v, bool own, bool pending = false) const;
  void answer_error(wire::gateway_error what, std::string_view message, std::string_view param, effects& out);
  void withhold_answer(std::string_view message, std::string_view param, effects& out);
  void answer_block(const policy::outcome& of, std::string_view param, effects& out);
  [[nodiscard]] bool stays_here(const http::response_head& head, effects& out);
  [[nodiscard]] std::string blocked_message(const policy::outcome& of) const;
  void note_unscanned(std::string_view why, std::uint64_t bytes);
  void note_undecoded();
  void finish(effects& out);
  void end(effects& out);
  void record(report_kind kind);
  void keep_places(unsigned still);
  void keep_tags();
  void count_outcome(const exchange_report& r);

  // codings.cpp
  [[nodiscard]] bool accepts_coding(const http::request_head& head, effects& out);
  void take_coded_request(std::string_view bytes, effects& out);
  [[nodiscard]] bool ends_coded_request(effects& out);
  void spoil_coded_request(const error& why, effects& out);
  [[nodiscard]] bool opens_coded_answer(const http::response_head& head, effects& out);
  void refuse_coded_answer(std::string_view why, effects& out);
  void take_coded_answer(std::string_view bytes, effects& out);
  [[nodiscard]] bool ends_coded_answer(effects& out);
  void feed_coded_stream(std::string_view bytes, effects& out);
  [[nodiscard]] bool reads_charset(const http::response_head& head, effects& out);
  [[nodiscard]] bool fits_charset(effects& out);
  void stop_coded_stream(std::string_view why, std::size_t left, effects& out);

  // server_state.cpp
  void look_up(effects& out);
  void looked_up(const ledger_answer& what, std::span<const std::string> handles, effects& out);
  [[nodiscard]] std::vector<std::string> named_handles() const;
  [[nodiscard]] std::shared_ptr<const ledger_entry> recall(const std::string& handle, std::string_view at);
  [[nodiscard]] bool recall_path(effects& out);
  [[nodiscard]] bool recall_field(const wire::unread& field, effects& out);
  [[nodiscard]] bool refuse_state(std::string_view why, std::string_view param, effects& out);
  [[nodiscard]] bool marks_grown(effects& out);
  [[nodiscard]] bool marked(const ledger_answer& what, effects& out);
  void refuse_without_ledger(effects& out);
  [[nodiscard]] std::shared_ptr<const ledger_entry> entry_of(policy::verdict v, bool whole) const;
  [[nodiscard]] std::shared_ptr<const ledger_entry> left_unread(policy::verdict v) const;
  [[nodiscard]] bool reads_rest() const;
  [[nodiscard]] std::vector<wire::handle> handles_of_answer() const;
  void add_handles(std::span<const wire::handle> handles, ledger_question& to, policy::verdict v) const;
  [[nodiscard]] std::uint64_t tell_ledger();

  // judged_text.cpp
  [[nodiscard]] judged_text text_of_both() const;

  // unreadable.cpp
  [[nodiscard]] refusal refusal_of(wire::gateway_error what) const;
  [[nodiscard]] unreadable_policy rule_for(const wire::unread& part) const;
  [[nodiscard]] bool admits(const wire::unread& part, policy::direction of);
  [[nodiscard]] bool admits_request(std::span<const wire::unread> parts, effects& out);
  [[nodiscard]] bool admits_body(effects& out);
  [[nodiscard]] bool admits_answer(std::span<const wire::unread> parts, effects& out);
  void answer_unchecked(effects& out);

  // request.cpp
  [[nodiscard]] bool admit(const http::request_head& head, const peer_info& peer, effects& out);
  [[nodiscard]] bool takes_places();
  [[nodiscard]] bool adopt(const policy::ruleset& chosen, effects& out);
  void find_upstream(std::string_view asked_by, std::string_view of);
  [[nodiscard]] std::string other_api() const;
  [[nodiscard]] static bool is_urlencoded(const http::media_type& type);
  [[nodiscard]] bool route(const http::request_head& head, effects& out);
  [[nodiscard]] bool spelled_otherwise() const;
  void write_upstream_head(const http::request_head& head, const upstream_route& to, std::string& out) const;
  // The place among `candidates` of the first that names the model, or of the one that names none.
  [[nodiscard]] std::optional<std::size_t> serving(std::string_view model) const;
  [[nodiscard]] bool choose_upstream(std::string_view model, effects& out);
  [[nodiscard]] bool admits_models(effects& out);
  [[nodiscard]] bool accepts_form(const http::request_head& head, effects& out);
  [[nodiscard]] bool accepts_body(const http::request_head& head, effects& out);
  void read_request(effects& out);
  void judge_request(effects& out);
  void pass_unread(effects& out);
  void recall_tags();
  void pass_request(std::string_view why, std::string_view detail, effects& out);
  void ask_upstream(std::string_view asked_for, bool with_body, effects& out);
  void ask_vault(effects& out);
  [[nodiscard]] bool goes_without_vault(effects& out);
  void start_upstream(effects& out);

  // own.cpp
  void begin_own(const http::request_head& head, const peer_info& peer, effects& out);
  void take_own(std::string_view bytes, effects& out);
  void end_own(effects& out);
  void break_own(int status, std::string_view why, effects& out);
  void answer_own(const services::own_answer& what, effects& out);

  // response.cpp
  void take_head(const http::response_head& head, effects& out);
  [[nodiscard]] bool is_stream(const http::response_head& head) const;
  void begin_stream(effects& out);
  void judge_events(effects& out);
  void judge_plain(effects& out);
  [[nodiscard]] std::vector<std::uint8_t> structured_choices() const;
  [[nodiscard]] std::vector<policy::text_part> opaque_parts() const;
  [[nodiscard]] std::vector<wire::replacement> changes_of(std::span<const policy::text_part> parts);
  void judge_opaque(effects& out);
  // hidden_words.cpp: takes out of an answer what the policy added to its request.
  void hide_words(std::span<const policy::text_part> parts, std::vector<wire::replacement>& changes) const;
  void send_plain(std::string_view bytes, effects& out);
  void start_relay(effects& out);
  void relay(std::string_view bytes, effects& out);
  void pass_answer(std::string_view why, std::string_view detail, policy::outcome judged);
  void close_body(effects& out);

  // streamed_answer.cpp
  void feed_stream(std::string_view bytes, effects& out);
  void watch_stream(std::string_view bytes);
  void leave_stream();
  [[nodiscard]] std::string why_unread() const;
  void write_stream(effects& out);
  void write_piece(std::string_view bytes, effects& out);
  [[nodiscard]] bool may_leave();
  [[nodiscard]] bool judge_rest();
  void drop_held();
  [[nodiscard]] bool nothing_left();
  void write_stream_head(effects& out);
  void end_stream(effects& out);
  void break_off(effects& out);
  void stop_stream(wire::response_stream::status why, effects& out);
  void cut_stream(const policy::outcome& of, effects& out);
  void end_superseded(effects& out);
  void keep_alive(effects& out);
  void fail_stream(wire::gateway_error what, std::string_view message, effects& out);
};

}  // namespace sluice::proxy
