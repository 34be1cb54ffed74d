// The order of calls, the gateway's own answers, and the record. See exchange.hpp.
#include "sluice/proxy/exchange.hpp"

#include "exchange_impl.hpp"

namespace sluice::proxy {
namespace {

std::uint64_t us_between(mono_time from, mono_time to) {
  return to <= from ? 0 : static_cast<std::uint64_t>(std::chrono::duration_cast<microseconds>(to - from).count());
}

// Names by position in a body that was read in whole. An upstream's error in an unknown shape has no parts: it is the body itself.
template <class Path>
class listed_names final : public text_names {
 public:
  listed_names(std::span<const wire::part> parts, Path path) : parts_(parts), path_(std::move(path)) {}
  [[nodiscard]] std::string of(std::uint32_t part) const override { return part < parts_.size() ? path_(parts_[part]) : "body"; }

 private:
  std::span<const wire::part> parts_;
  Path path_;
};

// The guard's statuses in the dialects' words.
wire::gateway_error error_of(int status) {
  using enum wire::gateway_error;
  switch (status) {
    case 408: return request_timeout;
    case 414: return target_too_long;
    case 417: return expectation;
    case 431: return head_too_large;
    case 501: return not_implemented;
    case 503: return busy;
    case 505: return http_version;
    default: return bad_request;
  }
}

}  // namespace

void exchange::impl::open(const http::request_head& head) {
  started = worker.now();
  active = worker.pin();
  method = head.method;
  path = head.path;
  accept_language = head.get("accept-language");
  client = {head.keep_alive, head.minor_version, head.method == "HEAD"};
  dialect = config.upstreams.empty() ? &wire::openai() : config.upstreams.front().dialect;
  worker.counters().exchanges.add();
  worker.counters().in_flight.add(1);
  counted = true;
}

void exchange::impl::send(effects& out, std::string_view bytes) {
  out.client += bytes;
  sent_bytes += bytes.size();
}

gateway_fields exchange::impl::fields(policy::verdict v, bool own, bool pending) const {
  gateway_fields f{.decision = decision, .policy = policy_field(*active), .verdict = std::string(policy::to_string(v)), .own_answer = own};
  if (pending) f.verdict += ", pending";
  return f;
}

void exchange::impl::answer_error(wire::gateway_error what, std::string_view message, std::string_view param, effects& out) {
  if (asked == mono_time{} && !request_refused) {
    request_refused = true;
    if (what != wire::gateway_error::blocked) worker.counters().refused[static_cast<std::size_t>(refusal_of(what))].add();
  }
  const auto text = dialect->error_body({what, message, param, decision});
  std::string bytes;
  sent_status = wire::http_status(what);
  client.keep_alive = client.keep_alive && !out.close_client;  // a client that is not told would send its next request into the end
  auto own = fields(what == wire::gateway_error::blocked ? policy::verdict::block : strongest(), true);
  if (what == wire::gateway_error::method) own.allow = endpoint.allowed_method == "GET" ? "GET, HEAD" : endpoint.allowed_method;
  if (what == wire::gateway_error::media_type) own.codings = http::content_codings;
  append_own_answer(bytes, sent_status, own, text, client);
  send(out, bytes);
  if (reason.empty() && what != wire::gateway_error::blocked) reason = message;
  out.close_client = out.close_client || !client.keep_alive;
  finish(out);
}

// The upstream has answered, and the gateway cannot vouch for what it said.
void exchange::impl::withhold_answer(std::string_view message, std::string_view param, effects& out) {
  answer_withheld = true;
  answer_error(wire::gateway_error::upstream, message, param, out);
}

void exchange::impl::answer_block(const policy::outcome& of, std::string_view param, effects& out) {
  if (of.block.rule != 0xffffffff && of.block.http_status == 200 && request && dialect->has_refusal(endpoint)) {
    const auto text = dialect->refusal_body(*request, of.block.message_for(accept_language), decision);
    auto f = fields(policy::verdict::block, true);
    if (request->stream()) f.content_type = dialect->stream_type(*request);
    std::string bytes;
    sent_status = 200;
    append_own_answer(bytes, sent_status, f, text, client);
    send(out, bytes);
    finish(out);
    return;
  }
  reason = of.why();
  if (of.block.rule == 0xffffffff && of.gave_up != 0xffffffff) return answer_unchecked(out);
  const auto message = of.block.message_for(accept_language);
  answer_error(wire::gateway_error::blocked, message.empty() ? blocked_message(of) : std::string(message), param, out);
}

void exchange::impl::note_unscanned(std::string_view why, std::uint64_t bytes) {
  for (auto& [known, sum] : unscanned) {
    if (known != why) continue;
    sum += bytes;
    return;
  }
  unscanned.emplace_back(why, bytes);
}

// Nothing more is judged. The last bytes wait for the ledger where it has to be told and is somewhere else.
void exchange::impl::finish(effects& out) {
  keep_tags();
  const auto ticket = tell_ledger();
  if (ticket == 0) return end(out);
  last_bytes = std::exchange(out.client, {});
  out.awaits = ticket;
  now = state::keeping;
}

void exchange::impl::end(effects& out) {
  out.client += std::exchange(last_bytes, {});
  out.done = true;
  out.close_client = out.close_client || !client.keep_alive;
  now = state::finished;
  note_undecoded();
  record(opened ? report_kind::closed : report_kind::whole);
  keep_places(1);  // the client may still go before it has read
  if (counted) worker.counters().in_flight.add(-1);
  counted = false;
}

void exchange::impl::keep_places(unsigned still) {
  if (places <= still) return;
  worker.release_records(places - still);
  places = still;
}

// Before the last byte leaves: the client may go on at once.
void exchange::impl::keep_tags() {
  if (caller.who.conversation.empty()) return;
  for (const policy::outcome* judged : std::initializer_list<const policy::outcome*>{&request_outcome, &judged_response()}) {
    if (!judged->tags.empty()) worker.keep_tags(caller.who, judged->tags);
  }
}

void exchange::impl::record(report_kind kind) {
  judged_text text;
  const bool with_text = (kind == report_kind::whole || kind == report_kind::closed) && keeps_text();
  if (with_text) text = text_of_both();
  const auto t = worker.mono();
  const auto latency = us_between(started.mono, t);
  const auto& judged = judged_response();
  const listed_names request_names(request ? request->parts() : std::span<const wire::part>(),
                                   [this](const wire::part& p) { return wire::shown_path(request->path(p)); });
  const listed_names response_names(content ? content->parts() : std::span<const wire::part>(),
                                    [this](const wire::part& p) { return wire::shown_path(content->path(p)); });
  const exchange_report r{
      .kind = kind,
      .decision_id = decision,
      .time = kind == report_kind::closed || kind == report_kind::aborted ? started.wall + microseconds(latency) : started.wall,
      .policy = *active,
      .who = caller.who,
      .effective = rules != nullptr ? std::string_view(policy::effective_hash(*rules)) : std::string_view(),
      .rules = rules,
      .dialect = dialect->name(),
      .endpoint = endpoint.name,
      .method = method,
      .path = path,
      .streamed = stream != nullptr,
      .request = request_outcome,
      .response = judged,
      .request_names = request_names,
      .response_names = sink ? static_cast<const text_names&>(*sink) : response_names,
      .request_judged = request_judged,
      .response_judged = response_judged,
      .request_refused = request_refused,
      .answer_withheld = answer_withheld,
      .request_spared = request_spared,
      .answer_spared = answer_spared,
      .unscanned = unscanned,
      .recalled = recalled,
      .attachments = attachments,
      .unread = unread_parts,
      .request_flagged = request_flagged,
      .answer_flagged = answer_flagged,
      .status = sent_status,
      .upstream_status = answer.get().status,
      .bytes = sent_bytes,
      .request_edits = request_edits,
      .edits = edits + (evaluator ? static_cast<std::uint32_t>(evaluator->edits()) : 0) + (sink ? sink->restored() : 0),
      .latency_us = latency,
      .added_us = asked == mono_time{} ? latency : added_us + us_between(last_upstream, t),
      .text = with_text ? &text : nullptr,
      .caller = caller.caller,
      .counted_as = caller.counted_as.empty() ? caller.caller : caller.counted_as,
      .reserved = places != 0,
      .reason = !reason.empty() ? std::string_view(reason) : !request_outcome.why().empty() ? request_outcome.why() : judged.why(),
  };
  // `aborted` corrects what `whole` or `closed` has counted already.
  if (kind == report_kind::whole || kind == report_kind::closed) count_outcome(r);
  worker.record(r);
  if (r.reserved) --places;
}

void exchange::impl::count_outcome(const exchange_report& r) {
  auto& c = worker.counters();
  auto v = request_refused || answer_withheld ? policy::verdict::block : std::max(r.request.verdict, r.response.verdict);
  if (r.request_flagged || r.answer_flagged) v = std::max(v, policy::verdict::flag);
  if (v == policy::verdict::block) c.blocked.add();
  if (v == policy::verdict::edit) c.edited.add();
  if (v == policy::verdict::flag) c.flagged.add();
  const bool spared = r.request_spared || r.answer_spared;
  if (const auto would = spared ? policy::verdict::block : std::max(r.request.shadow_verdict, r.response.shadow_verdict); would > v) {
    if (would == policy::verdict::block) c.shadow_blocked.add();
    if (would == policy::verdict::edit) c.shadow_edited.add();
    if (would == policy::verdict::flag) c.shadow_flagged.add();
  }
  if (answer_withheld) c.refused[static_cast<std::size_t>(superseded ? refusal::policy_superseded : refusal::unreadable_answer)].add();
  for (const auto& [why, bytes] : unscanned) c.unscanned_bytes.add(bytes);
  c.added_latency.observe(r.added_us);
}

exchange::exchange(const settings& config, services& worker) : impl_(std::make_unique<impl>(config, worker)) {}
exchange::~exchange() {
  impl_->keep_places(0);
  if (impl_->counted) impl_->worker.counters().in_flight.add(-1);
}

void exchange::begin(const http::request_head& head, const peer_info& peer, effects& out) {
  auto& x = *impl_;
  if (head.path.starts_with("/sluice/")) return x.begin_own(head, peer, out);
  x.open(head);
  x.find_upstream(head.method, head.path);
  // A body that is still on its way would be read as the next request: who is refused before it is told that the connection ends.
  out.close_client = head.framing != http::framing::none;
  if (!x.admit(head, peer, out) || !x.route(head, out) || !x.accepts_body(head, out)) return;
  out.close_client = false;
  x.now = impl::state::body;
  out.send_continue = head.expect_continue;
}

void exchange::refuse_head(const http::refusal& why, const peer_info& peer, effects& out) {
  auto& x = *impl_;
  http::request_head none;
  none.keep_alive = false;
  x.open(none);
  x.caller.caller = peer.address;
  x.decision = x.worker.decision_id(x.caller, x.started.wall);
  x.worker.counters().bad_requests.add(why.status == 503 ? 0 : 1);
  x.answer_error(error_of(why.status), why.reason, "", out);
}

void exchange::request_body(std::string_view bytes, effects& out) {
  auto& x = *impl_;
  if (x.now == impl::state::own) return x.take_own(bytes, out);
  if (x.now != impl::state::body) return;
  x.body_bytes += bytes.size();
  if (x.body_bytes > x.config.request_body_max) {
    out.close_client = true;
    x.answer_error(wire::gateway_error::too_large,
                   "The request body is larger than " + std::to_string(x.config.request_body_max) + " bytes; send less text.", "", out);
    return;
  }
  if (x.request_coding) return x.take_coded_request(bytes, out);
  x.body += bytes;
}

void exchange::request_end(effects& out) {
  auto& x = *impl_;
  if (x.now == impl::state::own) return x.end_own(out);
  if (x.now == impl::state::body && x.ends_coded_request(out)) x.read_request(out);
}

void exchange::request_broken(std::string_view why, effects& out) {
  auto& x = *impl_;
  if (x.now == impl::state::own) return x.break_own(400, "the body's framing is broken", out);
  if (x.now != impl::state::body) return;
  out.close_client = true;
  x.worker.counters().bad_requests.add();
  x.answer_error(wire::gateway_error::bad_request, why, "", out);
}

void exchange::upstream_head(const http::response_head& head, effects& out) {
  auto& x = *impl_;
  if (x.now != impl::state::waiting) return;
  x.last_upstream = x.worker.mono();
  x.take_head(head, out);
}

void exchange::upstream_body(std::string_view bytes, effects& out) {
  auto& x = *impl_;
  switch (x.now) {
    case impl::state::plain:
      x.body_bytes += bytes.size();
      if (x.body_bytes > x.config.response_body_max) {
        out.abort_upstream = true;
        x.withhold_answer("The upstream's answer is larger than this gateway may hold.", "", out);
        return;
      }
      if (x.answer_coding) return x.take_coded_answer(bytes, out);
      x.answer_body += bytes;
      return;
    case impl::state::stream: return x.answer_coding ? x.feed_coded_stream(bytes, out) : x.feed_stream(bytes, out);
    case impl::state::relay: return x.relay(bytes, out);
    default: return;
  }
}

void exchange::upstream_end(effects& out) {
  auto& x = *impl_;
  if (x.now == impl::state::plain || x.now == impl::state::stream || x.now == impl::state::relay) x.last_upstream = x.worker.mono();
  switch (x.now) {
    case impl::state::plain: return x.judge_plain(out);
    case impl::state::stream: return x.end_stream(out);
    case impl::state::relay:
      x.close_body(out);
      x.finish(out);
      return;
    default: return;
  }
}

void exchange::upstream_failed(upstream_failure what, std::string_view detail, effects& out) {
  auto& x = *impl_;
  if (x.over() || x.now == impl::state::idle) return;
  x.worker.counters().upstream_errors.add();
  const bool timeout = what == upstream_failure::connect_timeout || what == upstream_failure::first_byte_timeout || what == upstream_failure::idle_timeout;
  x.unreached = what == upstream_failure::connect || what == upstream_failure::tls || what == upstream_failure::connect_timeout;
  const auto error = timeout ? wire::gateway_error::upstream_timeout : wire::gateway_error::upstream;
  x.reason = "upstream: " + std::string(detail);
  const auto message = timeout ? "The upstream did not answer in time." : "The upstream could not be reached or broke off its answer.";
  if (x.now == impl::state::stream) return x.fail_stream(error, message, out);
  if (x.now == impl::state::relay && x.head_sent) {
    out.close_client = true;  // the client sees a body that is not whole
    return x.finish(out);
  }
  x.answer_error(error, message, "", out);
}

void exchange::client_gone(std::uint64_t written, effects& out) {
  auto& x = *impl_;
  out.close_client = true;
  if (x.now == impl::state::idle || x.now == impl::state::own) return;
  if (x.now == impl::state::finished) {
    if (written < x.sent_bytes) {
      x.sent_bytes = written;
      x.reason = "client closed before it read the answer";
      x.record(report_kind::aborted);
    }
    out.done = true;
    return;
  }
  out.abort_upstream = true;
  x.worker.counters().client_aborts.add();
  x.reason = "client closed";
  x.sent_bytes = written;
  (void)x.judge_rest();
  if (x.now != impl::state::keeping) x.keep_tags();
  (void)x.tell_ledger();  // nobody waits for its answer
  x.end(out);
}

bool exchange::streaming() const { return impl_->now == impl::state::stream; }
void exchange::quiet(effects& out) { impl_->keep_alive(out); }

void exchange::supersede(const policy::snapshot* gone, effects& out) {
  auto& x = *impl_;
  if (x.over() || x.now == impl::state::idle || x.now == impl::state::own || x.active->snapshot.get() != gone) return;
  x.superseded = true;
  if (x.now == impl::state::stream && !x.stream_over) x.end_superseded(out);
}

void exchange::expired(effects& out) {
  auto& x = *impl_;
  if (x.now == impl::state::own) return x.break_own(408, "the body came too slowly", out);
  if (x.now == impl::state::finished || x.now == impl::state::idle) {
    out.close_client = true;
    return;
  }
  if (x.now == impl::state::keeping) return x.end(out);
  out.abort_upstream = x.now != impl::state::body;
  x.reason = "deadline passed";
  if (x.now == impl::state::stream) return x.fail_stream(wire::gateway_error::upstream_timeout, "The answer took too long.", out);
  out.close_client = true;
  if (x.head_sent) return x.finish(out);
  const bool reading = x.now == impl::state::body;
  x.answer_error(reading ? wire::gateway_error::request_timeout : wire::gateway_error::upstream_timeout,
                 reading ? "The request body came too slowly." : "The answer took too long.", "", out);
}

}  // namespace sluice::proxy
