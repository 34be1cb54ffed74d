// See explain.hpp. A body looks like {"text": "…", "direction": "request", "role": "user", "part": "text",
// "context": {"tenant": "acme", "region": "eu", "tier": "gold", "user": "", "route": "/v1", "model": "gpt"}}.
#include "explain.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "sluice/base/clock.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::admin {
namespace {

using nlohmann::json;

constexpr std::array directions = {policy::direction::request, policy::direction::response};
template <class E, std::size_t N>
constexpr std::array<E, N> all_of() {
  std::array<E, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<E>(i);
  return out;
}
constexpr auto roles = all_of<policy::role, policy::role_count>();
constexpr auto parts = all_of<policy::part_kind, policy::part_kind_count>();

struct complaint {
  std::string message, advice;
};

std::string listed(std::span<const std::string_view> words) {
  std::string out;
  for (const auto word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

complaint unknown_key(const std::string& key, const char* within, std::span<const std::string_view> known) {
  const auto near = nearest(key, known);
  return {"unknown key '" + clipped(key, 64) + "'" + within, near.empty() ? "known here: " + listed(known) : "did you mean '" + std::string(near) + "'?"};
}

template <class E, std::size_t N>
std::optional<complaint> read_word(const json& from, const char* key, const std::array<E, N>& values, E& out) {
  if (!from.contains(key)) return std::nullopt;
  std::vector<std::string_view> words;
  for (const E each : values) {
    words.push_back(policy::to_string(each));
    if (!from[key].is_string() || words.back() != from[key].get_ref<const std::string&>()) continue;
    out = each;
    return std::nullopt;
  }
  const auto near = from[key].is_string() ? nearest(from[key].get_ref<const std::string&>(), words) : std::string_view();
  return complaint{std::string("'") + key + "' has a value that is not known",
                   near.empty() ? "it can be " + listed(words) : "did you mean '" + std::string(near) + "'?"};
}

std::optional<complaint> read_context(const json& from, policy::context& who) {
  if (!from.is_object()) return complaint{"'context' is not an object", R"(send {"context": {"tenant": "acme"}})"};
  static constexpr std::string_view names[] = {"tenant", "region", "tier", "user", "conversation", "route", "model", "tags", "time"};
  std::string* const values[] = {&who.tenant, &who.region, &who.tier, &who.user, &who.conversation, &who.route, &who.model};
  for (const auto& [key, value] : from.items()) {
    const auto at = std::ranges::find(names, key);
    if (at == std::end(names)) return unknown_key(key, " in 'context'", names);
    if (key == "tags") {
      const bool texts = value.is_array() && std::ranges::all_of(value, [](const json& tag) { return tag.is_string(); });
      if (!texts) return complaint{"'context.tags' is not a list of texts", R"(write ["investing"])"};
      who.tags = value.get<std::vector<std::string>>();
      continue;
    }
    if (key == "time") {
      const auto time = value.is_string() ? parse_time(value.get_ref<const std::string&>()) : parse_time("");
      if (!time) return complaint{"'context.time' is no time", "write it as 2026-12-01T10:00:00Z"};
      who.minute = minute_of(*time);
      continue;
    }
    if (!value.is_string()) return complaint{"'context." + key + "' is not a text", "write it in quotes"};
    *values[at - std::begin(names)] = value.get<std::string>();
  }
  return std::nullopt;
}

// What is wrong, or nothing.
std::optional<complaint> read_request(const json& from, policy::explain_request& out) {
  static constexpr std::string_view known[] = {"text", "direction", "role", "part", "context"};
  for (const auto& [key, value] : from.items()) {
    if (std::ranges::find(known, key) == std::end(known)) return unknown_key(key, "", known);
  }
  if (!from.contains("text") || !from["text"].is_string()) {
    return complaint{"'text' is missing or not a text",
                     R"(send {"text": "…", "direction": "request|response", "role": "user", "part": "text", "context": {"tenant": "…"}})"};
  }
  out.text = from["text"].get<std::string>();
  if (auto wrong = read_word(from, "direction", directions, out.direction)) return wrong;
  if (out.direction == policy::direction::response) out.role = policy::role::assistant;
  if (auto wrong = read_word(from, "role", roles, out.role)) return wrong;
  if (auto wrong = read_word(from, "part", parts, out.part)) return wrong;
  return from.contains("context") ? read_context(from["context"], out.who) : std::nullopt;
}

json rule_json(const policy::explained_rule& rule) {
  json matches = json::array();
  for (const auto& span : rule.matches) {
    matches.push_back({{"begin", span.begin}, {"end", span.end}, {"enforced", span.enforced},
                       {"action", policy::to_string(span.action)}});
  }
  json excuses = json::array(), excused_by = json::array();
  for (const auto& e : rule.suppressed) {
    excused_by.push_back(e.exception);
    excuses.push_back({{"by", e.exception}, {"owner", e.owner}, {"ticket", e.ticket}, {"reason", e.reason}, {"expires", e.expires},
                       {"begin", e.begin}, {"end", e.end}, {"count", e.count}});
  }
  json overlays = json::array();
  for (const auto& patch : rule.patches) overlays.push_back({{"overlay", patch.overlay}, {"place", patch.place}, {"changed", patch.changed}});
  return {{"rule", rule.id}, {"policy", rule.policy}, {"title", rule.title}, {"place", rule.place}, {"overlays", overlays},
          {"enforcement", policy::to_string(rule.enforcement)}, {"action", policy::to_string(rule.action)},
          {"applies", rule.applies}, {"why_not", rule.why_not}, {"matches", matches},
          {"score", rule.score}, {"suppressed_by", excused_by}, {"suppressed", excuses}, {"note", rule.note}};
}

}  // namespace

net::control_response problem(int status, const std::string& message, const std::string& advice) {
  return {.status = status, .content_type = "application/json",
          .body = json{{"error", {{"message", message}, {"advice", advice}}}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

net::control_response answer_explain(const std::string& body, const loaded_bundle* loaded, const std::string& mode) {
  if (loaded == nullptr) return problem(503, "no policy is in force", "see /v1/status for what became of the last one");
  const json from = parse_bounded<json>(body);
  if (!from.is_object()) return problem(400, "the body is not a JSON object", R"(send {"text": "…", "direction": "request"})");
  policy::explain_request asked;
  asked.global_shadow = mode == "shadow";
  asked.who.minute = minute_of(now().wall);
  if (const auto wrong = read_request(from, asked)) return problem(400, wrong->message, wrong->advice);
  const auto made = policy::explain(*loaded->bundle, *loaded->snapshot, asked);
  json rules = json::array();
  for (const auto& rule : made.rules) rules.push_back(rule_json(rule));
  json scores = json::array();
  for (const auto& sum : made.scores) {
    scores.push_back({{"policy", sum.policy}, {"score", sum.enforced}, {"shadow_score", sum.all}, {"threshold", sum.threshold},
                      {"action", policy::to_string(sum.action)}, {"crossed", sum.crossed}});
  }
  json demands = json::array();
  for (const auto& each : made.needs_record) demands.push_back({{"by", each.by}, {"place", each.place}});
  const json out = {{"version", made.version}, {"effective", made.effective}, {"mode", mode}, {"verdict", policy::to_string(made.verdict)},
                    {"shadow_verdict", policy::to_string(made.shadow_verdict)}, {"text", made.text}, {"system_before", made.system.before},
                    {"system_behind", made.system.behind}, {"message", made.message}, {"reason", made.reason}, {"tags", made.tags},
                    {"scores", scores}, {"on_full_block", demands}, {"evaluate_ns", made.evaluate_ns}, {"rules", rules}};
  return {.status = 200, .content_type = "application/json",
          .body = out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

}  // namespace sluice::admin
