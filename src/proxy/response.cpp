// The upstream's answer: judged in whole, as a stream, or relayed when it holds no text of the conversation.
#include <algorithm>
#include <span>
#include <utility>

#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/policy/restore.hpp"
#include "sluice/text/json.hpp"
#include "sluice/text/view.hpp"

namespace sluice::proxy {
namespace {

bool begins_json(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}
bool succeeded(int status) { return status >= 200 && status < 300; }
bool may_have_body(int status, bool head_request) { return !head_request && status != 204 && status != 304 && status >= 200; }

}  // namespace

void exchange::impl::take_head(const http::response_head& head, effects& out) {
  answer.keep(head);
  if (!unread_answer.empty()) {
    now = state::relay;
    return start_relay(out);
  }
  const bool read = scanned && may_have_body(head.status, client.head_request);
  if (read && !reads_charset(head, out)) return;
  if (read && !opens_coded_answer(head, out)) return;
  if (read && is_stream(head)) {
    if (superseded) return end_superseded(out);
    now = state::stream;
    worker.counters().streams.add();
    evaluator = std::make_unique<policy::stream_evaluator>(active->snapshot, *rules, options(policy::direction::response), worker.scratch());
    sink.emplace(*evaluator, *rules, options(policy::direction::response), worker.counters(), tokens.get(), request->json_answer(),
                 [this](const wire::unread& part) { return admits(part, policy::direction::response); }, keeps_text(), config.response_body_max);
    stream = dialect->open_stream(endpoint, *request, config.json_depth_max);
    holds_answer = policy::holds_answers(*rules, options(policy::direction::response));
    response_judged = true;
    return;
  }
  now = read ? state::plain : state::relay;
  if (!read) start_relay(out);
}

bool exchange::impl::is_stream(const http::response_head& head) const {
  return dialect->streams(endpoint, *request, head.get("content-type"), !succeeded(head.status));
}

void exchange::impl::judge_plain(effects& out) {
  if (answer_coding && !ends_coded_answer(out)) return;
  if (!fits_charset(out)) return;
  const bool success = succeeded(answer.get().status);
  // Clients read an error as JSON whatever it calls itself.
  if (!icontains(answer.get().get("content-type"), "json") && (success || !begins_json(answer_body))) {
    if (success && !answer_body.empty() && !spares(answer_spared, "unreadable: the answer is not JSON")) {
      reason = "unreadable: the answer is not JSON";
      return withhold_answer("The upstream's answer is not JSON, so the gateway cannot read it.", "", out);
    }
    return judge_opaque(out);
  }
  auto parsed = dialect->read_response(endpoint, answer_body, config.json_depth_max, request.get());
  if (!parsed && !success) return judge_opaque(out);
  if (!parsed) {
    reason = "unreadable: " + parsed.error().message;
    if (shadow()) {
      pass_answer("unreadable answer", reason, {});
      note_unscanned(unread_answer, answer_body.size());
      return send_plain(answer_body, out);
    }
    return withhold_answer("The upstream's answer could not be read: " + parsed.error().message, "", out);
  }
  content = std::move(*parsed);
  if (!admits_answer(content->unread_parts(), out)) return;
  std::vector<policy::text_part> parts;
  parts.reserve(content->parts().size());
  for (const auto& p : content->parts()) parts.push_back({to_policy(p.role), to_policy(p.kind), true, p.editable, p.text, p.choice});
  const auto structured = structured_choices();
  auto asked_of_rules = options(policy::direction::response);
  asked_of_rules.structured = structured;
  response_outcome = policy::evaluate(*rules, parts, asked_of_rules, worker.scratch());
  response_judged = answer_read = true;
  if (response_outcome.verdict == policy::verdict::block) return answer_block(response_outcome, "", out);
  edits += static_cast<std::uint32_t>(response_outcome.edits.size() + response_outcome.additions.size());
  std::vector<wire::text_addition> additions;
  for (const auto& behind : response_outcome.additions) additions.push_back({behind.choice, behind.text});
  auto changes = changes_of(parts);
  hide_words(parts, changes);
  const bool as_it_came = changes.empty() && additions.empty() && !endpoint.words_added && !(content->withholds() && judges_answer());
  send_plain(as_it_came ? std::string_view(answer_body) : content->edited(changes, additions), out);
}

std::vector<std::uint8_t> exchange::impl::structured_choices() const {
  std::vector<std::uint8_t> out;
  for (const auto& choice : content->choices()) out.push_back(choice.structured || request->json_answer() ? 1 : 0);
  return out;
}

// What the rules changed, and the values that are put back behind them.
std::vector<wire::replacement> exchange::impl::changes_of(std::span<const policy::text_part> parts) {
  const auto& made = response_outcome.edits;
  std::vector<wire::replacement> changes;
  const auto add = [&changes](const policy::edit& e) { changes.push_back({e.part, e.begin, e.end, e.replacement}); };
  if (!tokens || !tokens->restores()) {
    std::ranges::for_each(made, add);
    return changes;
  }
  auto first = made.begin();
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    const auto last = std::find_if(first, made.end(), [i](const policy::edit& e) { return e.part != i; });
    if (policy::restorable(parts[i].kind, parts[i].editable)) {
      std::ranges::for_each(policy::with_originals(i, parts[i].text, {first, last}, *tokens, edits), add);
    } else {
      std::for_each(first, last, add);
    }
    first = last;
  }
  return changes;
}

// An error of the upstream, in whatever shape: one text.
void exchange::impl::judge_opaque(effects& out) {
  if (answer_body.empty()) return send_plain(answer_body, out);
  if (!text::is_valid_utf8(answer_body) || answer_body.contains('\0')) {  // UTF-16 of ASCII is valid UTF-8, with NULs
    note_unscanned("not UTF-8", answer_body.size());
    if (spares(answer_spared, "unreadable: not UTF-8")) return send_plain(answer_body, out);
    reason = "unreadable: not UTF-8";
    return withhold_answer("The upstream answered with an error that the gateway cannot read.", "", out);
  }
  // What a lenient reader would make of its escapes is text, too. An edit of the one would leave the other, so a redaction blocks.
  lenient_reading = text::json::loosely_unescaped(answer_body);
  if (lenient_reading == answer_body) lenient_reading.clear();
  const auto parts = opaque_parts();
  response_outcome = policy::evaluate(*rules, parts, options(policy::direction::response), worker.scratch());
  response_judged = true;
  if (response_outcome.verdict == policy::verdict::block) return answer_block(response_outcome, "", out);
  edits += static_cast<std::uint32_t>(response_outcome.edits.size());
  std::vector<wire::replacement> changes;
  for (const auto& e : response_outcome.edits) changes.push_back({0, e.begin, e.end, e.replacement});
  hide_words(std::span(parts).first(1), changes);
  if (changes.empty()) return send_plain(answer_body, out);
  std::vector<text::json::splice> splices;
  for (auto& c : changes) splices.push_back({c.begin, c.end, std::move(c.text)});
  send_plain(text::json::apply(answer_body, std::move(splices)), out);
}

std::vector<policy::text_part> exchange::impl::opaque_parts() const {
  const bool alike = lenient_reading.empty();
  std::vector<policy::text_part> out{{policy::role::assistant, policy::part_kind::error, true, alike, answer_body, -1}};
  if (!alike) out.push_back({policy::role::assistant, policy::part_kind::error, true, false, lenient_reading, -1});
  return out;
}

void exchange::impl::send_plain(std::string_view bytes, effects& out) {
  if (!coded_answer.empty()) bytes = coded_answer;  // in shadow, where nothing is changed
  const auto f = fields(strongest(), false);
  const auto extra = f.list();
  const auto before = out.client.size();
  sent_status = answer.get().status;
  http::append_client_response(out.client, sent_status, &answer.get(), extra.span(), http::client_framing::length, bytes.size(),
                               client.keep_alive, client.minor_version, upstream->response_headers);
  out.client += bytes;
  sent_bytes += out.client.size() - before;
  finish(out);
}

void exchange::impl::start_relay(effects& out) {
  const auto f = fields(strongest(), false);
  const auto extra = f.list();
  const auto& head = answer.get();
  std::string all;
  sent_status = head.status;
  auto how = http::client_framing::none;
  if (may_have_body(head.status, client.head_request)) {
    chunked = head.framing != http::framing::length && client.minor_version == 1;
    how = head.framing == http::framing::length ? http::client_framing::length
          : chunked                             ? http::client_framing::chunked
                                                : http::client_framing::close;
    if (how == http::client_framing::close) client.keep_alive = false;
  } else if (client.head_request && head.status != 204 && !head.get("content-length").empty()) {
    how = http::client_framing::length;
  }
  http::append_client_response(all, head.status, &head, extra.span(), how, head.content_length, client.keep_alive, client.minor_version, upstream->response_headers);
  head_sent = true;
  send(out, all);
  if (!may_have_body(head.status, client.head_request)) finish(out);
}

// In shadow: the rest of the answer goes as it came. `judged`: what was found until here.
void exchange::impl::pass_answer(std::string_view why, std::string_view detail, policy::outcome judged) {
  response_outcome = std::move(judged);
  response_outcome.shadow_verdict = policy::verdict::block;
  unread_answer = why;
  if (reason.empty()) reason = detail;
  now = state::relay;
}

void exchange::impl::relay(std::string_view bytes, effects& out) {
  if (!unread_answer.empty()) note_unscanned(unread_answer, bytes.size());
  if (!chunked) return send(out, bytes);
  std::string framed;
  http::append_chunk(framed, bytes);
  send(out, framed);
}

void exchange::impl::close_body(effects& out) {
  if (chunked) send(out, http::last_chunk);
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
  if (what == status::blocked || what == status::unreadable) return stop_stream(what, out);
  stream_over = what == status::done;
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

// True: the client has nothing of the answer, and will have nothing. Otherwise what was judged so far goes before the end that follows.
bool exchange::impl::nothing_left() {
  const bool out_of_answer = !head_sent && (holds_answer || piece.empty());
  if (out_of_answer) piece.clear();
  holds_answer = false;
  return out_of_answer;
}

void exchange::impl::end_stream(effects& out, bool clean) {
  using status = wire::response_stream::status;
  if (!stream_over && clean && answer_coding && !answer_coding->whole()) {
    stop_coded_stream("its end is missing", 0, out);
    if (over()) return;
  } else if (!stream_over) {
    const auto what = stream->end(clean, *sink, piece);
    if (shadow() && (what == status::unreadable || !sink->failure().empty())) {
      leave_stream();
    } else if (what == status::blocked || what == status::unreadable) {
      return stop_stream(what, out);
    }
  }
  answer_read = clean && !stream_left;
  holds_answer = false;
  if (sink && !stream_left) sink->end_all();  // for the record: a dialect that told no end has no place for text
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
    return withhold_answer("The upstream's stream could not be read" + (reason.starts_with(because) ? ": " + reason.substr(because.size()) : std::string()) + ".", "", out);
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

// The upstream died within a stream: what is held is dropped, and the dialect's error ends it.
void exchange::impl::fail_stream(wire::gateway_error what, std::string_view message, effects& out) {
  if (!head_sent) return answer_error(what, message, "", out);
  holds_answer = false;
  out.close_client = true;
  // Raw bytes may have ended within an event, and what is put behind them would be read as part of it.
  if (shadow()) return finish(out);
  (void)stream->end(false, *sink, piece);
  stream->fail(what, message, decision, piece);
  write_stream(out);
  close_body(out);
  finish(out);
}

}  // namespace sluice::proxy
