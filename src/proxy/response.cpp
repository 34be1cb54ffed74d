// The upstream's answer: judged in whole, relayed when it holds no text of the conversation, or read as a stream, which is in streamed_answer.cpp.
#include <algorithm>
#include <span>
#include <utility>

#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/policy/restore.hpp"
#include "sluice/text/json.hpp"
#include "sluice/text/view.hpp"

namespace sluice::proxy {
namespace {

bool begins_json(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}
// How an answer calls itself, for an error.
std::string called(const http::response_head& head) {
  constexpr std::size_t shown_max = 80;
  const auto field = head.get("content-type");
  if (field.empty()) return "without a Content-Type";
  const auto type = http::parse_media_type(field).type;
  const bool plain = type.size() <= shown_max && type.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.+-") == std::string_view::npos;
  return plain && !type.empty() ? "with Content-Type: " + std::string(type) : "with a Content-Type that is no media type";
}
// Of a body with a line that is an event's data, for whoever reads it as events (WHATWG HTML 9.2.6). No JSON has one.
bool holds_events(std::string_view body) {
  constexpr std::string_view data = "data:";
  for (auto at = body.find(data); at != std::string_view::npos; at = body.find(data, at + 1)) {
    const auto before = body.substr(0, at);
    if (before.empty() || before == "\xef\xbb\xbf" || before.ends_with('\n') || before.ends_with('\r')) return true;
  }
  return false;
}
// Of a body whose first line is an object of JSON and is not all of it.
bool begins_with_line(std::string_view body, std::uint32_t depth_max) {
  const auto end = body.find('\n');
  text::json::document line;
  return end != std::string_view::npos && line.parse(body.substr(0, end), depth_max) && line[0].kind == text::json::kind::object;
}
bool may_have_body(int status, bool head_request) { return !head_request && status != 204 && status != 304 && status >= 200; }

}  // namespace

// A client that follows where an answer points asks somebody whom no rule watches. False: the answer was written.
bool exchange::impl::stays_here(const http::response_head& head, effects& out) {
  constexpr int not_modified = 304;
  if (head.status < 300 || head.status >= 400 || head.status == not_modified || spares(answer_spared, "unreadable: a redirect")) return true;
  out.abort_upstream = true;
  reason = "unreadable: a redirect";
  withhold_answer("The upstream answered with a redirect (" + std::to_string(head.status) + "), which the gateway neither follows nor passes on: its target is past the gateway. "
                  "Ask your operator whether the upstream's address (upstreams[].base_url) is that of the API.", "", out);
  return false;
}

void exchange::impl::take_head(const http::response_head& head, effects& out) {
  answer.keep(head);
  if (!stays_here(head, out)) return;
  if (!unread_answer.empty()) {
    now = state::relay;
    return start_relay(out);
  }
  const bool read = scanned && may_have_body(head.status, client.head_request);
  if (read && !reads_charset(head, out)) return;
  if (read && !opens_coded_answer(head, out)) return;
  if (read && is_stream(head)) return begin_stream(out);
  now = read ? state::plain : state::relay;
  if (!read) start_relay(out);
}

void exchange::impl::begin_stream(effects& out) {
  if (superseded) return end_superseded(out);
  now = state::stream;
  worker.counters().streams.add();
  evaluator = std::make_unique<policy::stream_evaluator>(active->snapshot, *rules, options(policy::direction::response), worker.scratch());
  sink.emplace(*evaluator, *rules, options(policy::direction::response), worker.counters(), tokens.get(), request->json_answer(),
               [this](const wire::unread& part) { return admits(part, policy::direction::response); }, keeps_text(), config.response_body_max);
  stream = dialect->open_stream(endpoint, *request, config.json_depth_max);
  holds_answer = policy::holds_answers(*rules, options(policy::direction::response));
  response_judged = true;
}

// An error that came as events, all of them.
void exchange::impl::judge_events(effects& out) {
  begin_stream(out);
  if (over()) return;
  const auto events = std::exchange(answer_body, {});
  feed_stream(events, out);
  if (now == state::stream) end_stream(out);
}

// An error may call itself a stream and be one object, or a line of text: its body tells.
bool exchange::impl::is_stream(const http::response_head& head) const {
  return succeeded(head.status) && dialect->streams(endpoint, *request, head.get("content-type"));
}

void exchange::impl::judge_plain(effects& out) {
  if (answer_coding && !ends_coded_answer(out)) return;
  if (!fits_charset(out)) return;
  const bool success = succeeded(answer.get().status);
  const bool events = !success && coded_answer.empty() && dialect->streams(endpoint, *request, answer.get().get("content-type"));
  if (events && holds_events(answer_body)) return judge_events(out);
  // Clients read these paths' answers as JSON, whatever they call themselves.
  if (!icontains(answer.get().get("content-type"), "json") && !begins_json(answer_body)) {
    if (success && !answer_body.empty() && !spares(answer_spared, "unreadable: the answer is not JSON")) {
      reason = "unreadable: the answer is not JSON";
      return withhold_answer("The upstream's answer is not JSON, as the answers of this path are, so the gateway cannot read it; it came " + called(answer.get()) +
                                 ". Ask your operator whether the upstream's address (upstreams[].base_url) is that of the API.", "", out);
    }
    return judge_opaque(out);
  }
  auto parsed = dialect->read_response(endpoint, answer_body, config.json_depth_max, request.get());
  if (!parsed && events && begins_with_line(answer_body, config.json_depth_max)) return judge_events(out);
  if (!parsed && !success) return judge_opaque(out);
  if (!parsed) {
    reason = "unreadable: " + parsed.error().message;
    if (shadow()) {
      pass_answer("unreadable answer", reason, {});
      note_unscanned(unread_answer, answer_body.size());
      return send_plain(answer_body, out);
    }
    return withhold_answer("The upstream's answer, which came " + called(answer.get()) + ", could not be read: " + told_of_answer(parsed.error().message), "", out);
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
  response_judged = answer_judged = true;
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

}  // namespace sluice::proxy
