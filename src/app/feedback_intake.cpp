// See feedback_intake.hpp.
#include "feedback_intake.hpp"

#include <nlohmann/json.hpp>

#include "decision_id.hpp"
#include "gateway_audit.hpp"
#include "identity.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/sealed.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr std::uint32_t per_minute_in_all = 3000;
constexpr std::string_view place = "/sluice/v1/feedback";

std::string said(const std::string& message) { return json{{"error", {{"message", message}}}}.dump(-1, ' ', false, json::error_handler_t::replace); }

crypto::digest note_key(const std::string& master) { return crypto::derive_key(master, "feedback-notes"); }

}  // namespace

feedback_intake::feedback_intake(feedback_settings how, feedback_spool& to)
    : how_(std::move(how)), to_(to), value_key_(audit_value_key(how_.master_secret)), note_key_(note_key(how_.master_secret)) {
  const auto key = crypto::derive_key(how_.master_secret, "decision-id");
  id_key_.assign(key.begin(), key.end());
}

bool feedback_intake::within_rate(const std::string& caller) {
  const std::scoped_lock hold(lock_);
  if (const auto t = mono_now(); t - minute_ >= std::chrono::minutes(1)) {
    minute_ = t;
    asked_.clear();
    asked_in_all_ = 0;
  }
  // What is refused counts too: guessing ids is no way around. What is over a caller's own limit takes nothing from the others.
  const auto known = asked_.find(caller);
  if (known != asked_.end() && known->second >= how_.per_minute) return false;
  if (asked_in_all_ >= per_minute_in_all) return false;
  ++asked_in_all_;
  ++(known != asked_.end() ? known->second : asked_[caller]);
  return true;
}

// Also true of what was said before: it is there. False: there is no room.
bool feedback_intake::take(const rollout::feedback_entry& entry) {
  const bool label = entry.what == rollout::feedback_entry::kind::label;
  const auto key = decltype(said_)::key_of({label ? "label" : "report", entry.decision, entry.by});
  const auto t = mono_now();
  bool said = false;
  said_.find(key, t, [&](const last_word& last) { said = last.verdict == entry.verdict; });
  if (said) return true;
  if (!to_.add(rollout::to_json(entry))) return false;
  said_.change(key, t, [&](last_word& last) { last.verdict = entry.verdict; });
  return true;
}

void feedback_intake::add_note(rollout::feedback_entry& entry, const std::string& note) const {
  if (note.empty() || how_.notes == kept_notes::none) return;
  if (how_.notes == kept_notes::masked) entry.note = rollout::masked_note(note);
  else entry.sealed_note = hex(crypto::seal(note_key_, note, entry.decision));
}

proxy::services::own_answer feedback_intake::from_client(const proxy::services::own_question& asked) {
  if (asked.path != place) return {};
  if (asked.method != "POST") return {.status = 405, .body = said("this path takes POST"), .allow = "POST"};
  if (!within_rate(owner_of(asked.who))) return {.status = 429, .body = said("too much feedback in one minute; send it later")};
  const auto read = rollout::parse_feedback(asked.body, false);
  if (!read) return {.status = 400, .body = said(read.error().message)};
  if (!belongs_to(read->decision, owner_of(asked.who), id_key_)) return {.status = 404, .body = said("this caller has no such decision")};
  rollout::feedback_entry entry{.decision = read->decision,
                                .verdict = read->verdict,
                                .by = audit::keyed_hash(value_key_, owner_of(asked.who)),
                                .note = {},
                                .sealed_note = {},
                                .tenant = asked.who.who.tenant,
                                .node = how_.node,
                                .account = {},
                                .time = now().wall};
  add_note(entry, read->note);
  if (!take(entry)) return {.status = 503, .body = said("the gateway has no room for feedback at the moment; send it later")};
  return {.status = 202, .body = json{{"accepted", true}, {"decision_id", read->decision}}.dump()};
}

net::control_response feedback_intake::from_operator(const net::control_request& asked) {
  const auto reply = [](int status, std::string body) { return net::control_response{.status = status, .body = std::move(body) + "\n"}; };
  if (asked.method != "POST") {
    json entries = json::array();
    for (const auto& line : to_.lines()) {
      if (auto entry = parse_bounded<json>(line); entry.is_object()) entries.push_back(std::move(entry));
    }
    return reply(200, json{{"entries", entries}}.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  const auto read = rollout::parse_feedback(asked.body, true);
  if (!read) return reply(400, said(read.error().message));
  rollout::feedback_entry entry{.what = rollout::feedback_entry::kind::label,
                                .decision = read->decision,
                                .verdict = read->verdict,
                                .by = read->by,
                                .note = {},
                                .sealed_note = {},
                                .tenant = {},
                                .node = how_.node,
                                .account = {},
                                .time = now().wall};
  add_note(entry, read->note);
  if (!take(entry)) return reply(503, said("there is no room for feedback: is Redis gone and the spool of the state directory full, or does its disk take nothing? The gateway's log says so"));
  return reply(202, json{{"accepted", true}, {"decision_id", read->decision}}.dump());
}

std::string note_of(const rollout::feedback_entry& entry, const std::string& master_secret) {
  if (entry.sealed_note.empty() || master_secret.empty()) return entry.note;
  const auto sealed = from_hex(entry.sealed_note);
  if (!sealed) return {};
  return crypto::open_sealed(note_key(master_secret), *sealed, entry.decision).value_or("");
}

}  // namespace sluice::app
