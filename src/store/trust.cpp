// See trust.hpp.
#include "sluice/store/trust.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::store {
using nlohmann::json;
namespace {

constexpr std::size_t signatures_max = 16;

std::string signed_bytes(std::string_view purpose, std::string_view payload) {
  return "sluice " + std::string(purpose) + " v1\n" + std::string(payload);
}

// What an approval is a signature of.
std::string approved_bytes(const std::optional<approval_place>& where, std::string_view payload) {
  if (!where) return signed_bytes(approval_purpose, payload);
  return "sluice " + std::string(approval_purpose) + " v2\n" + where->ring + "\n" + where->after + "\n" + std::string(payload);
}

bool is_wanted(const signature& each, const approvals_wanted& wanted) {
  return !wanted.place || (each.place ? each.place == wanted.place : wanted.placeless);
}

std::string told(const approval_place& where) {
  const auto& after = where.after;
  return "to follow " + (after.empty() ? "nothing" : after.starts_with(archive_place) ? "as " + after : "version " + after.substr(0, 12)) + " in ring '" + where.ring + "'";
}

std::string roles_text(unsigned roles) {
  std::string out;
  for (const auto& [role, name] : {std::pair(key_role::build, "build"), {key_role::activate, "activate"}, {key_role::safety, "safety"}, {key_role::approve, "approve"}}) {
    if ((roles & static_cast<unsigned>(role)) != 0) out += (out.empty() ? "" : ", ") + std::string(name);
  }
  return out;
}

// Why one signature does not count; "" when it does.
std::string wrong_with(const trust& whom, const signature& by, std::string_view message, unsigned roles, wall_time now) {
  const auto known = std::ranges::find_if(whom.keys, [&](const auto& k) { return crypto::key_id(k.public_key) == by.key_id; });
  if (known == whom.keys.end()) return "is signed with key " + by.key_id + ", which " + whom.reader + " does not trust";
  const auto name = "is signed with key " + known->name;
  if (!crypto::verifies(known->public_key, message, by.value)) return name + ", but the signature does not fit: it was changed";
  if ((known->roles & roles) == 0) return name + ", which has the role " + roles_text(known->roles) + " and not " + roles_text(roles);
  if (known->not_after && now > *known->not_after) return name + ", which expired at " + rfc3339(*known->not_after);
  return {};
}

// The ids of the keys that have built it and may.
std::vector<std::string> builders_of(const trust& whom, const signed_text& text, wall_time at) {
  std::vector<std::string> out;
  for (const auto& each : text.signatures) {
    if (wrong_with(whom, each, signed_bytes(build_purpose, text.payload), static_cast<unsigned>(key_role::build), at).empty()) out.push_back(each.key_id);
  }
  return out;
}

bool approves(const trust& whom, const signature& each, const signed_text& text, wall_time at) {
  return wrong_with(whom, each, approved_bytes(each.place, text.payload), static_cast<unsigned>(key_role::approve), at).empty();
}

bool beside_another(const std::vector<std::string>& builders, const std::string& second) {
  return std::ranges::any_of(builders, [&](const auto& first) { return first != second; });
}

}  // namespace

std::optional<trust> publisher_trust(const std::optional<std::vector<trusted_key>>& told, const std::optional<crypto::signing_key>& build,
                                     const std::optional<crypto::signing_key>& activate) {
  trust out{.keys = told.value_or(std::vector<trusted_key>{}), .required = true, .reader = "this command"};
  if (told) return out;
  for (const auto* own : {&build, &activate}) {
    constexpr auto every_role = static_cast<unsigned>(key_role::build) | static_cast<unsigned>(key_role::activate) | static_cast<unsigned>(key_role::safety);
    if (*own) out.keys.push_back({.name = "of this command", .public_key = (*own)->public_key(), .roles = every_role, .not_after = {}});
  }
  return out.keys.empty() ? std::nullopt : std::optional(std::move(out));
}

std::string sign_text(std::string_view purpose, const std::string& payload, const crypto::signing_key& key) {
  const json signature = {{"key", crypto::key_id(key.public_key())}, {"value", hex(key.sign(signed_bytes(purpose, payload)))}};
  return json{{"payload", payload}, {"signatures", json::array({signature})}}.dump();
}

namespace {

json to_json(const signature& of) {
  json out = {{"key", of.key_id}, {"value", hex(of.value)}};
  if (of.place) out.update({{"ring", of.place->ring}, {"after", of.place->after}});
  return out;
}

}  // namespace

result<std::string> approve_text(const std::string& text, const approval_place& where, const crypto::signing_key& key) {
  const auto opened = read_signed(text);
  if (!opened) return std::unexpected(opened.error());
  if (opened->signatures.empty()) return fail(errc::refused, "it carries no signature that another could stand beside; sign it first: --key");
  json signatures = json::array();
  const auto message = approved_bytes(where, opened->payload);
  for (const auto& s : opened->signatures) {
    if (s.place == where && crypto::verifies(key.public_key(), message, s.value)) return text;
    signatures.push_back(to_json(s));
  }
  if (signatures.size() == signatures_max) return fail(errc::limit, "it carries " + std::to_string(signatures_max) + " signatures already, and there are no more; push it once more, so that it has a new manifest");
  signatures.push_back(to_json({.key_id = crypto::key_id(key.public_key()), .value = key.sign(message), .place = where}));
  return json{{"payload", opened->payload}, {"signatures", signatures}}.dump();
}

result<signed_text> read_signed(const std::string& text) {
  const auto damaged = [] { return fail(errc::integrity, "a signed record is damaged"); };
  const auto j = parse_bounded<json>(text);
  if (!j.is_object()) return damaged();
  const auto payload = j.find("payload");
  if (payload == j.end()) return signed_text{.payload = text, .signatures = {}};
  const auto signatures = j.find("signatures");
  if (!payload->is_string() || signatures == j.end() || !signatures->is_array() || signatures->size() > signatures_max || j.size() != 2) return damaged();
  signed_text out{.payload = payload->get<std::string>(), .signatures = {}};
  for (const auto& s : *signatures) {
    const bool placed = s.is_object() && s.size() == 4 && member(s, "ring").is_string() && member(s, "after").is_string();
    if (!s.is_object() || (s.size() != 2 && !placed) || !member(s, "key").is_string() || !member(s, "value").is_string()) return damaged();
    auto value = from_hex(s["value"].get<std::string>());
    if (!value) return damaged();
    signature one{.key_id = s["key"].get<std::string>(), .value = std::move(*value)};
    // A line's end in one of the two would let what is signed be read in two ways.
    if (placed) one.place = approval_place{.ring = s["ring"].get<std::string>(), .after = s["after"].get<std::string>()};
    if (placed && (one.place->ring.contains('\n') || one.place->after.contains('\n'))) return damaged();
    out.signatures.push_back(std::move(one));
  }
  return out;
}

result<void> check_signatures(const trust& whom, const signed_text& text, std::string_view purpose, unsigned roles, wall_time now, const std::string& what) {
  if (text.signatures.empty()) {
    if (!whom.required) return {};
    return fail(errc::integrity, what + " is not signed, and " + whom.reader + " requires it" + (whom.reader == trust{}.reader ? " (policy.trust.require_signature); push with --key" : ""));
  }
  if (whom.keys.empty()) return {};  // nobody said whom to trust: a signature proves nothing, and forbids nothing
  const auto message = signed_bytes(purpose, text.payload);
  std::string first;
  for (const auto& each : text.signatures) {
    auto wrong = wrong_with(whom, each, message, roles, now);
    if (wrong.empty()) return {};
    if (first.empty()) first = std::move(wrong);
  }
  return fail(errc::integrity, what + " " + first);
}

std::optional<wall_time> counts_until(const trust& whom, const signed_text& text, unsigned roles) {
  std::optional<wall_time> out;
  for (const auto& by : text.signatures) {
    const auto known = std::ranges::find_if(whom.keys, [&](const auto& k) { return crypto::key_id(k.public_key) == by.key_id && (k.roles & roles) != 0; });
    if (known == whom.keys.end()) continue;
    if (!known->not_after) return std::nullopt;
    out = std::max(out, known->not_after);
  }
  return out;
}

std::vector<second_signature> second_signatures(const std::optional<trust>& whom, const signed_text& text, wall_time at, const approvals_wanted& wanted) {
  std::vector<second_signature> out;
  const auto wrong = [&](const signature& by, const std::string& message, key_role role) { return wrong_with(*whom, by, message, static_cast<unsigned>(role), at); };
  const auto builders = whom ? builders_of(*whom, text, at) : std::vector<std::string>();
  for (const auto& by : text.signatures) {
    const bool builds = whom ? wrong(by, signed_bytes(build_purpose, text.payload), key_role::build).empty() : &by == &text.signatures.front();
    if (builds) continue;
    second_signature each{.key = by.key_id, .name = {}, .place = by.place};
    if (whom) {
      const auto known = std::ranges::find_if(whom->keys, [&](const auto& k) { return crypto::key_id(k.public_key) == by.key_id; });
      if (known != whom->keys.end()) each.name = known->name;
      each.doubt = wrong(by, approved_bytes(by.place, text.payload), key_role::approve);
      if (each.doubt.empty() && builders.empty()) each.doubt = "stands beside no signature by a key that may build and counts";
      else if (each.doubt.empty() && !beside_another(builders, by.key_id)) each.doubt = "is by the key that built it, and a second one is wanted";
      else if (each.doubt.empty() && !is_wanted(by, wanted)) each.doubt = by.place ? "approves it " + told(*by.place) : "approves it for what it was held against";
      each.counts = each.doubt.empty();
      if (!each.counts && &by == &text.signatures.front()) continue;  // a builder's whose key does not count
    }
    out.push_back(std::move(each));
  }
  return out;
}

result<void> check_approval(const trust& whom, const signed_text& text, wall_time now, const std::string& what, const approvals_wanted& wanted) {
  const auto builders = builders_of(whom, text, now);
  std::string other;
  for (const auto& each : text.signatures) {
    if (!approves(whom, each, text, now) || !beside_another(builders, each.key_id)) continue;
    if (is_wanted(each, wanted)) return {};
    other = each.place ? told(*each.place) : "for what it was held against";
  }
  const std::string needs = what + " is weaker than the version that was live when it was made, and no second key has approved it";
  if (!wanted.place) return fail(errc::integrity, needs + " (policy.trust.require_approval)");
  return fail(errc::integrity, needs + " " + told(*wanted.place) + " (policy.trust.require_approval)" + (other.empty() ? "" : "; one has approved it " + other));
}

}  // namespace sluice::store
