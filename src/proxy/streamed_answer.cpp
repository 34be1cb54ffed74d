// The upstream's answer as a stream: judged as it comes, held, cut off, kept alive.
#include <algorithm>
#include <utility>

#include "exchange_impl.hpp"

namespace sluice::proxy {

namespace {
constexpr std::string_view half_answer = "upstream: its answer ended without the end that this API's answers have";
}

// In shadow the client has each byte as it came, and the evaluator only watches: what it cannot read stops nothing.
void exchange::impl::watch_stream(std::string_view bytes) {
  if (stream_over) return note_unscanned("behind the end", bytes.size());
  using status = wire::response_stream::status;
  stream_bytes += bytes.size();
  const auto what = stream->feed(bytes, *sink, piece);
  stream_bytes -= std::min<std::uint64_t>(stream_bytes, piece.size());
  piece.clear();
  stream_over = what == status::done;
  if (what == status::unreadable || !sink->failure().empty()) leave_stream();
}

std::string exchange::impl::why_unread() const { return "unreadable: " + (sink->failure().empty() ? stream->reason() : sink->failure()); }

// In shadow: the event at hand and what follows it pass unread.
void exchange::impl::leave_stream() {
  pass_answer("unreadable answer", why_unread(), evaluator->result());
  stream_left = true;
  note_unscanned(unread_answer, stream_bytes);
}

void exchange::impl::feed_stream(std::string_view bytes, effects& out) {
  if (shadow()) {
    write_stream_head(out);
    relay(bytes, out);
    return watch_stream(bytes);
  }
  if (stream_over) return;  // past the dialect's end: nothing after it is text that a client would read
  using status = wire::response_stream::status;
  const auto what = stream->feed(bytes, *sink, piece);
  if (what == status::broken_off) return break_off(out);
  if (what == status::blocked || what == status::unreadable) return stop_stream(what, out);
  stream_over = what == status::done;
  if (stream_over && holds_answer && !may_leave()) return cut_stream(evaluator->result(), out);
  if (holds_answer && !stream_over && piece.size() > config.response_body_max) {
    reason = "unreadable: more text is held for its rules than limits.response_body";
    return cut_stream({}, out);
  }
  write_stream(out);
}

// By a rule, or because nobody can read on.
void exchange::impl::stop_stream(wire::response_stream::status why, effects& out) {
  if (why == wire::response_stream::status::blocked && sink->failure().empty()) return cut_stream(evaluator->result(), out);
  reason = why_unread();
  cut_stream({}, out);
}

void exchange::impl::write_stream_head(effects& out) {
  if (head_sent) return;
  head_sent = true;
  chunked = client.minor_version == 1;
  if (!chunked) client.keep_alive = false;
  const auto f = fields(std::max(request_outcome.verdict, request_flagged ? policy::verdict::flag : policy::verdict::allow), false, true);
  const auto extra = f.list();
  std::string all;
  sent_status = answer.get().status;
  http::append_client_response(all, sent_status, &answer.get(), extra.span(), chunked ? http::client_framing::chunked : http::client_framing::close,
                               0, client.keep_alive, client.minor_version, upstream->response_headers);
  opened = true;
  record(report_kind::opened);
  send(out, all);
}

// Moves what the dialect wrote to the client; of an answer that is held, when its end was judged.
void exchange::impl::write_stream(effects& out) {
  if (piece.empty() || (holds_answer && !stream_over)) return;
  write_piece(piece, out);
  piece.clear();
}

void exchange::impl::write_piece(std::string_view bytes, effects& out) {
  write_stream_head(out);
  if (!chunked) return send(out, bytes);
  const auto before = out.client.size();
  http::append_chunk(out.client, bytes);
  sent_bytes += out.client.size() - before;
}

// Of an answer that is held nothing leaves any more, also behind a sign of life: what ends it is all that the client gets of it.
void exchange::impl::drop_held() {
  if (!std::exchange(holds_answer, false)) return;
  piece.clear();
  auto unsaid = dialect->open_stream(endpoint, *request, config.json_depth_max);
  unsaid->stand_in_for(*stream);
  stream = std::move(unsaid);
}

// At the end, also one that the dialect did not tell. False: of an answer that is held, texts that may leave each by itself may not together.
bool exchange::impl::may_leave() {
  const bool stops = !stream_left && sink->end_all() == wire::channel_sink::status::blocked;
  return !stops || !holds_answer;
}

// True: the client has nothing of the answer, and will have nothing. Otherwise what was judged so far goes before the end that follows.
bool exchange::impl::nothing_left() {
  drop_held();
  return !head_sent && piece.empty();
}

void exchange::impl::end_stream(effects& out) {
  using status = wire::response_stream::status;
  if (!stream_over && answer_coding && !answer_coding->whole()) {
    stop_coded_stream("its end is missing", 0, out);
    if (over()) return;
  } else if (!stream_over) {
    const auto what = stream->end(true, *sink, piece);
    const bool half = what == status::broken_off && !stream->reason().empty();
    if (shadow() && (what == status::unreadable || half || !sink->failure().empty())) {
      leave_stream();
    } else if (what == status::broken_off && shadow()) {
      reason = half_answer;
    } else if (what == status::broken_off) {
      return break_off(out);
    } else if (what == status::blocked || what == status::unreadable) {
      return stop_stream(what, out);
    }
  }
  if (!may_leave()) return cut_stream(evaluator->result(), out);
  answer_judged = !stream_left;
  holds_answer = false;
  if (shadow()) piece.clear();  // it has left as it came
  write_stream(out);
  write_stream_head(out);  // an empty stream still has a head
  close_body(out);
  finish(out);
}

// Ends a stream by the policy, or because it cannot be read. Held text is dropped.
void exchange::impl::cut_stream(const policy::outcome& of, effects& out) {
  out.abort_upstream = true;
  const bool by_rule = of.verdict == policy::verdict::block;
  if (nothing_left()) {
    if (by_rule) return answer_block(of, "", out);
    constexpr std::string_view because = "unreadable: ";
    if (!answer_unread.empty()) return withhold_answer("The upstream's stream has a part that the gateway cannot read and does not pass on unread; ask your operator (" + answer_unread + ").", "", out);
    if (!reason.starts_with(because)) return withhold_answer("The upstream's stream could not be read.", "", out);
    return withhold_answer("The upstream's stream could not be read: " + told_of_answer(std::string_view(reason).substr(because.size())), "", out);
  }
  if (by_rule && reason.empty()) reason = of.why();
  answer_withheld = answer_withheld || !by_rule;
  stream->cut(by_rule && of.block.message_in_stream ? of.block.message_for(accept_language) : std::string_view(), piece);
  write_stream(out);
  close_body(out);
  finish(out);
}

// The rules that judge this stream have to be let go: what is held is dropped. Also before its first byte, and in shadow, where nothing
// can be put behind raw bytes that may have ended within an event.
void exchange::impl::end_superseded(effects& out) {
  (void)judge_rest();  // nothing that a rule stops leaves now
  reason = "policy_superseded";
  out.abort_upstream = true;
  answer_withheld = true;
  if (nothing_left()) {
    return answer_error(wire::gateway_error::busy, "The policy has changed while this answer was awaited; ask again.", "", out);
  }
  if (shadow()) {
    out.close_client = true;
    return finish(out);
  }
  stream->cut({}, piece);
  write_stream(out);
  close_body(out);
  finish(out);
}

// A client that waits for held text, or a machine between, must not take the stream for dead. With the first of these bytes the answer has
// begun: what is blocked from then on is cut off.
void exchange::impl::keep_alive(effects& out) {
  if (now != state::stream || stream_over || shadow() || (!holds_answer && sink->held_bytes() == 0 && !stream->keeps_back())) return;
  if (std::exchange(sent_when_quiet, sent_bytes) != sent_bytes) return;
  std::string sign;
  stream->keep_alive(sign);
  write_piece(sign, out);
  sent_when_quiet = sent_bytes;
}

// What has left is judged to its end, whatever ends the answer; what is held goes. False: a rule stops that.
bool exchange::impl::judge_rest() {
  if (now != state::stream || stream_left) return true;
  std::string dropped;
  const auto what = stream->end(false, *sink, dropped);
  return what != wire::response_stream::status::blocked || !sink->failure().empty();
}

// The body ended as HTTP has it, but what it said is half an answer.
void exchange::impl::break_off(effects& out) {
  worker.counters().upstream_errors.add();
  reason = half_answer;
  answer_judged = true;
  fail_stream(wire::gateway_error::upstream, "The upstream broke off its answer.", out);
}

// The upstream died within a stream: what is held is dropped, and the dialect's error ends it, or the rule that stops what was held.
void exchange::impl::fail_stream(wire::gateway_error what, std::string_view message, effects& out) {
  if (!judge_rest()) {
    reason.clear();
    return cut_stream(evaluator->result(), out);
  }
  if (!head_sent) return answer_error(what, message, "", out);
  drop_held();
  out.close_client = true;
  // Raw bytes may have ended within an event, and what is put behind them would be read as part of it.
  if (shadow()) return finish(out);
  stream->fail(what, message, decision, piece);
  write_stream(out);
  close_body(out);
  finish(out);
}

}  // namespace sluice::proxy
