// From a request's head to the upstream: admission, judging, and the request written anew. Which upstream it is: routing.cpp.
#include <algorithm>

#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/http/multipart.hpp"

namespace sluice::proxy {

bool exchange::impl::is_urlencoded(const http::media_type& type) { return iequals(type.type, "application/x-www-form-urlencoded"); }

bool exchange::impl::admit(const http::request_head& head, const peer_info& peer, effects& out) {
  caller.caller = peer.address;
  auto who = worker.identify(head, peer);
  if (who) caller = std::move(*who);
  decision = worker.decision_id(caller, started.wall);
  if (!who) {
    answer_error(wire::gateway_error::unauthorized, who.error().message, "", out);
    return false;
  }
  if (worker.needs_records() && !takes_places()) {
    answer_error(wire::gateway_error::busy, "The gateway cannot record decisions at the moment and takes no new requests; try again later.", "", out);
    return false;
  }
  if (const auto& canary = active->canary; canary && policy::conversation_bucket(canary->salt, caller.who, caller.caller) < canary->basis_points) {
    active = std::shared_ptr<const policy::active_policy>(canary->policy);  // a copy: what it stands in goes with what was pinned
  }
  if (active->refuse_all && !spares(request_spared, "the policy is too old to be trusted")) {
    answer_error(wire::gateway_error::policy_missing, "The gateway's policy is too old to be trusted and it is set to refuse; tell your operator.", "", out);
    return false;
  }
  if (active->snapshot->denies_all() && !spares(request_spared, "there is no policy")) {
    answer_error(wire::gateway_error::policy_missing, "The gateway has no policy yet and denies every request; tell your operator.", "", out);
    return false;
  }
  return true;
}

// In the audit log, for all that this exchange may have to record.
bool exchange::impl::takes_places() {
  if (places != 0) return true;
  if (!worker.reserve_records()) {
    worker.counters().refused_busy.add();
    return false;
  }
  places = records_max;
  return true;
}

// The rules in force from here on. Which policies are among them is known only now, so where the configuration lets exchanges go on
// unrecorded and one of them does not, places are taken here: nobody was asked yet. False: the answer was written.
bool exchange::impl::adopt(const policy::ruleset& chosen, effects& out) {
  rules = &chosen;
  if (!policy::needs_record(chosen)) return true;
  if (shadow() || takes_places()) return true;
  answer_error(wire::gateway_error::busy, "The gateway cannot record decisions at the moment, and a policy wants this one on record; try again later.", "", out);
  return false;
}

// The rules of one model judge a request, and one upstream gets it: another model that it names, which may answer or reads what is said, must be
// one for which both would be the same. False: the answer was written.
bool exchange::impl::admits_models(effects& out) {
  const auto& asked_for = caller.who.model;
  std::vector<wire::unread> others;
  for (auto& other : request->other_models()) {
    if (serving(other.name) == serving(asked_for) && !active->snapshot->tells_models_apart(asked_for, other.name)) continue;
    others.push_back({.reason = "unknown part", .path = std::move(other.path), .bytes = other.name.size()});
    others.back().instead = "other rules or another upstream are for the model it names; ask for that model alone,";
  }
  return admits_request(others, out);
}

bool exchange::impl::accepts_form(const http::request_head& head, effects& out) {
  const auto named = http::form_boundary(head.get("content-type"));
  if (named && head.count("content-type") == 1) {
    boundary = *named;
    endpoint.boundary = boundary;
    return true;
  }
  if (!scanned || shadow()) return true;
  answer_error(wire::gateway_error::media_type, "This path takes a form (Content-Type: multipart/form-data; boundary=…, once).", "", out);
  return false;
}

bool exchange::impl::accepts_body(const http::request_head& head, effects& out) {
  if (head.content_length > config.request_body_max) {
    answer_error(wire::gateway_error::too_large, "The request body is larger than " + std::to_string(config.request_body_max) + " bytes; send less text.", "", out);
    return false;
  }
  if (!accepts_coding(head, out)) return false;
  // Whatever else a body calls itself, it is read as JSON here, and so must be by the upstream.
  const auto type = http::parse_media_type(head.get("content-type"));
  if (endpoint.form) return accepts_form(head, out);
  const bool form = istarts_with(type.type, "multipart/") || (is_urlencoded(type) && !dialect->takes_any_type());
  if (!scanned || shadow() || (!form && http::is_utf8(type) && head.count("content-type") < 2)) return true;
  answer_error(wire::gateway_error::media_type, form ? "This path takes a JSON body (Content-Type: application/json)." : "This path takes JSON in UTF-8 (Content-Type: application/json, once).", "", out);
  return false;
}

void exchange::impl::read_request(effects& out) {
  caller.who.minute = minute_of(started.wall);
  if (unread_path.empty() && !admits_request(dialect->unread_query(endpoint), out)) return;
  if (!scanned) {
    if (!admits_body(out)) return;
    caller.who.model = endpoint.model;
    return look_up(out);
  }
  if (!body_coding.empty() && coded_request.empty()) return pass_request("compressed request", "a body with a Content-Encoding", out);
  auto parsed = dialect->read_request(endpoint, body, config.json_depth_max);
  if (!parsed) {
    if (shadow()) return pass_request("unreadable request", parsed.error().message, out);
    worker.counters().bad_requests.add();
    return answer_error(wire::gateway_error::bad_request, parsed.error().message, "", out);
  }
  request = std::move(*parsed);
  caller.who.model = request->model();
  look_up(out);
}

void exchange::impl::judge_request(effects& out) {
  if (!recall_path(out)) return;
  if (!scanned) return pass_unread(out);
  if (!choose_upstream(caller.who.model, out)) return;
  recall_tags();
  if (!admits_request(request->unread_parts(), out) || !admits_models(out)) return;
  for (const auto& tag : handle_tags) {
    if (std::ranges::find(caller.who.tags, tag) == caller.who.tags.end()) caller.who.tags.push_back(tag);
  }
  if (!adopt(active->snapshot->rules_for(caller.who), out)) return;
  // Tags may bring rules into force that tokenize.
  if (policy::tokenizes(*rules) || policy::tags_requests(*rules)) tokens = std::make_unique<policy::token_map>(config.token_key, caller.who, caller.caller);
  std::vector<policy::text_part> parts;
  parts.reserve(request->parts().size());
  for (const auto& p : request->parts()) parts.push_back({to_policy(p.role), to_policy(p.kind), p.last_turn, p.editable, p.text, p.choice});
  auto asked_of_rules = options(policy::direction::request);
  asked_of_rules.takes_system_words = request->takes_system_words();
  auto judged = policy::evaluate_request(*active->snapshot, *rules, caller.who, parts, asked_of_rules, worker.scratch());
  request_outcome = std::move(judged.what);
  request_judged = true;
  if (!adopt(*judged.rules, out)) return;
  if (request_outcome.verdict == policy::verdict::block) {
    std::string param;
    for (const auto& f : request_outcome.findings) {
      if (f.rule == request_outcome.block.rule) {
        param = wire::shown_path(request->path(request->parts()[f.part]));
        break;
      }
    }
    return answer_block(request_outcome, param, out);
  }
  const auto& system = request_outcome.system;
  endpoint.words_added = system.rules > 0;
  if (request_outcome.edits.empty() && system.rules == 0) return ask_upstream(body, true, out);
  std::vector<wire::replacement> changes;
  for (const auto& e : request_outcome.edits) changes.push_back({e.part, e.begin, e.end, e.replacement});
  request_edits = static_cast<std::uint32_t>(changes.size()) + system.rules;
  ask_upstream(request->edited(changes, {system.before, system.behind}), true, out);
}

// What is no text of a conversation.
void exchange::impl::pass_unread(effects& out) {
  if (!endpoint.model.empty() && !choose_upstream(endpoint.model, out)) return;
  recall_tags();
  if (adopt(active->snapshot->rules_for(caller.who), out)) ask_upstream(body, has_body(), out);
}

// What earlier exchanges tagged the conversation with.
void exchange::impl::recall_tags() {
  if (caller.who.conversation.empty() || !active->snapshot->asks_for_tags()) return;
  worker.recall_tags(caller.who);
}

// In shadow: what would have been refused goes as it came, and so does its answer, because nobody knows what was asked.
void exchange::impl::pass_request(std::string_view why, std::string_view detail, effects& out) {
  note_unscanned(why, body.size());
  reason = "unreadable: " + std::string(detail);
  request_outcome.shadow_verdict = policy::verdict::block;
  unread_answer = why;
  recall_tags();
  rules = &active->snapshot->rules_for(caller.who);
  ask_upstream(body, has_body(), out);
}

void exchange::impl::ask_upstream(std::string_view asked_for, bool with_body, effects& out) {
  if (!coded_request.empty()) asked_for = coded_request;  // in shadow, where nothing is changed
  upstream_head.resize(upstream_head.size() - 2);  // the blank line
  if (with_body) upstream_head += "Content-Length: " + std::to_string(asked_for.size()) + "\r\n";
  if (!body_coding.empty()) upstream_head += "Content-Encoding: " + body_coding + "\r\n";
  upstream_head += "\r\n";
  out.upstream_request.reserve(upstream_head.size() + asked_for.size());
  out.upstream_request += upstream_head;
  out.upstream_request += asked_for;
  if (tokens && !shadow() && policy::recalls_values(*rules) && !caller.who.conversation.empty()) return ask_vault(out);
  start_upstream(out);
}

// Values that later requests may not repeat are kept, and those of earlier requests recalled, before the upstream is asked: what a rule
// will not go without is refused while nobody has paid for an answer.
void exchange::impl::ask_vault(effects& out) {
  const auto ticket = worker.ask_vault({.tenant = caller.who.tenant, .conversation = caller.who.conversation, .keep = tokens->for_vault()});
  if (ticket == 0) {
    if (goes_without_vault(out)) start_upstream(out);
    return;
  }
  upstream_request = std::exchange(out.upstream_request, {});
  out.awaits = ticket;
  now = state::recalling;
}

// False: the answer was written.
bool exchange::impl::goes_without_vault(effects& out) {
  reason = "vault unavailable";
  if (!policy::needs_vault(*rules)) return true;
  vault_away = true;
  out.upstream_request.clear();
  answer_error(wire::gateway_error::busy, "The gateway cannot reach what it keeps of this conversation; try again later.", "", out);
  return false;
}

void exchange::impl::start_upstream(effects& out) {
  if (!marks_grown(out)) return;
  out.connect = upstream_index;
  now = state::waiting;
  body_bytes = 0;
  asked = worker.mono();
  last_upstream = asked;
  added_us = static_cast<std::uint64_t>(std::chrono::duration_cast<microseconds>(asked - started.mono).count());
}

void exchange::vault_answered(const policy::vault_answer& what, effects& out) {
  auto& x = *impl_;
  if (x.now != impl::state::recalling) return;
  for (const auto& each : what.values) x.tokens->recall(each.token, each.value);
  if (!what.available && !x.goes_without_vault(out)) return;
  out.upstream_request = std::move(x.upstream_request);
  x.start_upstream(out);
}

}  // namespace sluice::proxy
