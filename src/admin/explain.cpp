// See explain.hpp. A body looks like {"text": "…", "direction": "request", "role": "user", "part": "text",
// "context": {"tenant": "acme", "region": "eu", "tier": "gold", "user": "", "route": "/v1", "model": "gpt"}}.
#include "explain.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sluice/policy/explain.hpp"

namespace sluice::admin {
namespace {

using nlohmann::json;

template <class E, std::size_t N>
bool read_word(const json& from, const char* key, const std::array<E, N>& values, E& out) {
  if (!from.contains(key)) return true;
  if (!from[key].is_string()) return false;
  for (const E each : values) {
    if (policy::to_string(each) == from[key].get_ref<const std::string&>()) {
      out = each;
      return true;
    }
  }
  return false;
}

constexpr std::array directions = {policy::direction::request, policy::direction::response};
constexpr std::array roles = {policy::role::system, policy::role::developer, policy::role::user, policy::role::assistant,
                              policy::role::tool};
constexpr std::array parts = {policy::part_kind::text, policy::part_kind::reasoning, policy::part_kind::refusal,
                              policy::part_kind::tool_definition, policy::part_kind::tool_call, policy::part_kind::tool_result,
                              policy::part_kind::attachment, policy::part_kind::annotation, policy::part_kind::transcript,
                              policy::part_kind::error, policy::part_kind::name};

// The key that is wrong, or nothing.
std::string read_request(const json& from, policy::explain_request& out) {
  static constexpr std::string_view known_keys[] = {"text", "direction", "role", "part", "context"};
  for (const auto& [key, value] : from.items()) {
    if (std::ranges::find(known_keys, key) == std::end(known_keys)) return key;
  }
  if (!from.contains("text") || !from["text"].is_string()) return "text";
  out.text = from["text"].get<std::string>();
  if (!read_word(from, "direction", directions, out.direction)) return "direction";
  if (out.direction == policy::direction::response) out.role = policy::role::assistant;
  if (!read_word(from, "role", roles, out.role)) return "role";
  if (!read_word(from, "part", parts, out.part)) return "part";
  if (!from.contains("context")) return "";
  if (!from["context"].is_object()) return "context";
  for (const auto& [key, value] : from["context"].items()) {
    if (!value.is_string()) return "context." + key;
    const std::pair<const char*, std::string*> known[] = {
        {"tenant", &out.who.tenant}, {"region", &out.who.region}, {"tier", &out.who.tier}, {"user", &out.who.user},
        {"conversation", &out.who.conversation}, {"route", &out.who.route}, {"model", &out.who.model}};
    bool found = false;
    for (const auto& [name, to] : known) {
      if (key != name) continue;
      *to = value.get<std::string>();
      found = true;
    }
    if (!found) return "context." + key;
  }
  return "";
}

json rule_json(const policy::explained_rule& rule) {
  json matches = json::array();
  for (const auto& span : rule.matches) {
    matches.push_back({{"begin", span.begin}, {"end", span.end}, {"enforced", span.enforced},
                       {"action", policy::to_string(span.action)}});
  }
  return {{"rule", rule.id}, {"policy", rule.policy}, {"title", rule.title}, {"place", rule.place},
          {"enforcement", policy::to_string(rule.enforcement)}, {"action", policy::to_string(rule.action)},
          {"applies", rule.applies}, {"why_not", rule.why_not}, {"matches", matches},
          {"suppressed_by", rule.suppressed_by}, {"note", rule.note}};
}

}  // namespace

net::control_response problem(int status, const std::string& message, const std::string& advice) {
  return {.status = status, .content_type = "application/json",
          .body = json{{"error", {{"message", message}, {"advice", advice}}}}.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

net::control_response answer_explain(const std::string& body, const loaded_bundle* loaded, const std::string& mode) {
  if (loaded == nullptr) return problem(503, "no policy is in force", "see /v1/status for what became of the last one");
  const json from = json::parse(body, nullptr, false);
  if (!from.is_object()) return problem(400, "the body is not a JSON object", R"(send {"text": "…", "direction": "request"})");
  policy::explain_request asked;
  asked.global_shadow = mode == "shadow";
  if (const auto wrong = read_request(from, asked); !wrong.empty()) {
    return problem(400, "'" + wrong + "' is missing, not a key, or has a value that is not known",
                   R"(send {"text": "…", "direction": "request|response", "role": "user", "part": "text", "context": {"tenant": "…"}})");
  }
  const auto made = policy::explain(loaded->bundle, *loaded->snapshot, asked);
  json rules = json::array();
  for (const auto& rule : made.rules) rules.push_back(rule_json(rule));
  const json out = {{"version", made.version}, {"effective", made.effective}, {"mode", mode}, {"verdict", policy::to_string(made.verdict)},
                    {"shadow_verdict", policy::to_string(made.shadow_verdict)}, {"text", made.text}, {"message", made.message},
                    {"reason", made.reason}, {"evaluate_ns", made.evaluate_ns}, {"rules", rules}};
  return {.status = 200, .content_type = "application/json",
          .body = out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

}  // namespace sluice::admin
