// What nobody can scan: text of a kind that no table knows, attachments, and what the upstream holds. The configuration says whether it
// passes; then it is counted, and attachments are named. And under what the gateway's own refusals are counted.
#include <algorithm>

#include "exchange_impl.hpp"

namespace sluice::proxy {
namespace {

// What it is: "unknown part", "attachment: an image", "server state: an MCP server, …".
std::string description(const wire::unread& part) {
  if (!part.stands_for.empty()) return part.reason + ": " + std::string(part.stands_for);
  if (!part.attachment) return part.reason;
  static constexpr std::array<std::string_view, wire::attachment_names.size()> types = {"a file of another type", "an image", "audio", "a video", "a PDF", "an address, which the upstream fetches"};
  return part.reason + ": " + std::string(types[static_cast<std::size_t>(*part.attachment)]);
}

// The key of the configuration that decides about it.
std::string setting_of(const wire::unread& part) {
  if (part.attachment) return "unreadable.attachments." + std::string(wire::attachment_names[static_cast<std::size_t>(*part.attachment)]);
  if (part.reason == "upstream fetch") return "unreadable.upstream_fetch";
  return part.reason == "server state" ? "unreadable.server_state" : "unreadable.unknown_part";
}

}  // namespace

std::string_view to_string(unreadable_policy p) {
  static constexpr std::array<std::string_view, 4> names = {"deny", "pass", "ledger", "flag"};
  return names[static_cast<std::size_t>(p)];
}

unreadable_policy exchange::impl::rule_for(const wire::unread& part) const {
  if (part.attachment) return config.attachments[static_cast<std::size_t>(*part.attachment)];
  if (part.reason == "upstream fetch") return config.upstream_fetch;
  return part.reason == "server state" ? config.server_state : config.unknown_part;
}

bool exchange::impl::admits(const wire::unread& part, policy::direction of) {
  const auto how = rule_for(part);
  const bool in_request = of == policy::direction::request;
  constexpr std::size_t named_max = 64;
  if (part.attachment && attachments.size() < named_max) {
    attachments.push_back({wire::named_path(part.path), wire::attachment_names[static_cast<std::size_t>(*part.attachment)], how, part.bytes});
  }
  const auto why = std::ranges::find(unscanned_reasons, part.reason);  // which outlives the part
  if (!part.attachment && unread_parts.size() < named_max && why != unscanned_reasons.end()) unread_parts.push_back({wire::named_path(part.path), *why, how, part.bytes});
  const bool passes = how == unreadable_policy::pass || how == unreadable_policy::flag;
  if (!passes && !spares(in_request ? request_spared : answer_spared, "unreadable: " + part.reason)) {
    if (!in_request) answer_unread = setting_of(part) + " is " + std::string(to_string(how));
    return false;
  }
  if (how == unreadable_policy::flag) (in_request ? request_flagged : answer_flagged) = true;
  note_unscanned(part.reason, part.bytes);
  return true;
}

// What no table knows is somebody's new field, which a refusal makes known. This is text of a known field, and most of it is honest: a log of calls in a
// log of calls. So it is counted and named, and no `unreadable` refuses it.
void exchange::impl::note_undecoded() {
  const auto bytes = request_outcome.undecoded + judged_response().undecoded;
  if (bytes > 0) note_unscanned("JSON nested in strings", bytes);
}

// The request's. False: the answer was written.
bool exchange::impl::admits_request(std::span<const wire::unread> parts, effects& out) {
  for (const auto& u : parts) {
    if (u.reason == "server state" && uses_ledger()) {
      if (!recall_field(u, out)) return false;
      continue;
    }
    if (admits(u, policy::direction::request)) continue;
    unread = u.reason;
    reason = "unreadable: " + u.reason;
    answer_error(wire::gateway_error::bad_request,
                 "The gateway cannot read " + (u.path.empty() ? std::string("this body") : wire::named_path(u.path)) + " (" + description(u) + ") and does not pass it on unread; " +
                     (u.instead.empty() ? std::string("remove it") : std::string(u.instead)) + " or ask your operator (" + setting_of(u) + " is " + std::string(to_string(rule_for(u))) + ").",
                 wire::named_path(u.path), out);
    return false;
  }
  return true;
}

// The body of a request that is not read. Where the path is none of the conversation, nothing that could be part of one is expected, and what
// comes all the same is as unknown as a part that no table knows. False: the answer was written.
bool exchange::impl::admits_body(effects& out) {
  if (!unread_path.empty()) {
    note_unscanned(unread_path, coded_request.empty() ? body.size() : coded_request.size());
    return true;
  }
  const auto first = body.find_first_not_of(" \t\r\n");
  const bool nothing = first == std::string::npos || std::string_view(body).substr(first, body.find_last_not_of(" \t\r\n") + 1 - first) == "{}";
  if (nothing || wire::only_takes(endpoint, body)) return true;
  wire::unread all{.reason = "unknown part", .path = "", .bytes = body.size()};
  all.instead = endpoint.takes.empty() ? "send no body here" : "send the model's name alone";
  return admits_request({&all, 1}, out);
}

// The plain answer's. False: the answer was written.
bool exchange::impl::admits_answer(std::span<const wire::unread> parts, effects& out) {
  for (const auto& u : parts) {
    if (admits(u, policy::direction::response)) continue;
    reason = "unreadable: " + u.reason;
    // Its keys are the upstream's words, and no rule has seen them.
    withhold_answer("The upstream's answer has a part that the gateway cannot read (" + description(u) + ") and does not pass on unread; ask your operator (" + answer_unread + ").", wire::shown_path(u.path), out);
    return false;
  }
  return true;
}

// Under which of the counted refusals an answer of the gateway itself goes.
refusal exchange::impl::refusal_of(wire::gateway_error what) const {
  using enum wire::gateway_error;
  switch (what) {
    case unauthorized: return refusal::unknown_caller;
    case forbidden: return refusal::denied_path;
    case not_found: return refusal::unknown_path;
    case method: return refusal::method;
    case too_large: case target_too_long: case head_too_large: return refusal::too_large;
    case media_type: return refusal::media_type;
    case busy: return vault_away ? refusal::vault_unavailable : ledger_away ? refusal::server_state : refusal::no_room;
    case policy_missing: return refusal::no_policy;
    default: return unread == "server state" ? refusal::server_state : unread.empty() ? refusal::unreadable_request : refusal::unknown_part;
  }
}

// A matcher gave up, which length brings about: nobody knows what the text says, so no rule's words are true of it.
void exchange::impl::answer_unchecked(effects& out) {
  if (response_judged || sink) {
    return answer_error(wire::gateway_error::blocked, "The answer is too long to be checked: the policy's rules gave up on its text. Ask for a shorter one.", "", out);
  }
  std::size_t bytes = 0;
  const wire::part* longest = nullptr;
  for (const auto& p : request->parts()) {
    bytes += p.text.size();
    if (longest == nullptr || p.text.size() > longest->text.size()) longest = &p;
  }
  const auto message = "The request is too long to be checked: the policy's rules gave up on its " + std::to_string(bytes) + " bytes of text. Send less, or send it in several requests.";
  answer_error(wire::gateway_error::blocked, message, longest == nullptr ? std::string() : wire::shown_path(request->path(*longest)), out);
}

}  // namespace sluice::proxy
