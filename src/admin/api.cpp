// See api.hpp.
#include "sluice/admin/api.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "audit_files.hpp"
#include "explain.hpp"
#include "query_parameter.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::admin {
namespace {

using nlohmann::json;

net::control_response reply(int status, const json& body) {
  return {.status = status, .content_type = "application/json",
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

json time_json(const std::optional<wall_time>& t) { return t ? json(rfc3339(*t)) : json(nullptr); }

json age_json(const std::optional<wall_time>& t) {
  if (!t) return nullptr;
  return std::chrono::duration<double>(now().wall - *t).count();
}

json band_json(const rollout::block_band& band) { return {{"limit", band.limit}, {"from", rollout::to_string(band.from)}, {"told", rollout::told(band)}}; }

// What each rule in force may block before this node demotes it, and why so much.
net::control_response breaker(const sources& from) {
  json out = json::array();
  for (const auto& version : from.bands ? from.bands() : std::vector<rollout::version_bands>{}) {
    json rules = json::array();
    for (const auto& [id, band] : version.rules) {
      auto one = band_json(band);
      one["rule"] = id;
      rules.push_back(std::move(one));
    }
    out.push_back({{"version", version.version}, {"all", band_json(version.all)}, {"rules", std::move(rules)}});
  }
  return reply(200, {{"versions", std::move(out)}});
}

json policy_json(const store::agent_status& s) {
  json nodes = json::array();
  for (const auto& n : s.nodes) {
    nodes.push_back({{"id", n.id}, {"activation", n.activation}, {"version", n.version}, {"state", n.state},
                     {"age_ms", n.age.count()}});
  }
  json refusal = nullptr;
  if (s.last_refusal) {
    refusal = {{"time", rfc3339(s.last_refusal->time)}, {"activation", s.last_refusal->activation},
               {"version", s.last_refusal->version}, {"phase", s.last_refusal->phase}, {"message", s.last_refusal->message}, {"stands", s.last_refusal->stands}};
  }
  json demotions = json::array();
  for (const auto& d : s.demotions) {
    demotions.push_back({{"version", d.what.version}, {"rule", d.what.rule}, {"why", d.what.why}, {"at", policy::to_string(d.at)}, {"time", rfc3339(d.time)}, {"by", d.here ? "node" : "ring"}});
  }
  json canary = nullptr;
  if (s.canary) canary = {{"version", s.canary->version}, {"percent", s.canary->basis_points / 100.0}};
  return {{"version", s.version}, {"canary", canary}, {"shadow", s.shadow.empty() ? json(nullptr) : json(s.shadow)}, {"demotions", demotions}, {"downgrade", s.downgrade}, {"activation", policy::to_string(s.activation)}, {"state", s.state}, {"source", s.source},
          {"connected", s.connected}, {"source_error", s.source_error.empty() ? json(nullptr) : json(s.source_error)}, {"age_seconds", age_json(s.last_activation)},
          {"last_activation", time_json(s.last_activation)}, {"last_contact", time_json(s.last_contact)},
          {"contact_age_seconds", age_json(s.last_contact)}, {"last_attempt", time_json(s.last_attempt)},
          {"last_refusal", refusal}, {"stored_versions", s.stored_versions},
          {"highest_lost", s.highest_lost}, {"name_given_twice", s.name_given_twice}, {"nodes", nodes}};
}

net::control_response readiness(const sources& from) {
  const auto s = from.policy();
  std::string why = from.not_ready ? from.not_ready() : std::string();
  if (!s.downgrade.empty()) why = s.downgrade;
  if (s.state == "NONE") why = "no policy: every request is denied";
  if (s.state == "EXPIRED") why = "the policy source was not seen for longer than max_stale";
  json out = {{"ready", why.empty()}, {"state", s.state}, {"reason", why}};
  // Said, and no reason to send traffic elsewhere: the other nodes see the same, and a fleet that is not ready serves nobody.
  for (const auto& d : s.demotions) out["demoted"].push_back(d.what.rule);
  return reply(why.empty() ? 200 : 503, out);
}

net::control_response rearm(const sources& from, const std::string& body) {
  const auto j = parse_bounded<json>(body.empty() ? "{}" : body);
  const auto rule = word(j, "rule");
  // What is misspelt, or a name that was lost on the way, must not mean all of them.
  const bool named = j.is_object() && j.size() == 1 && !rule.empty();
  if (!named && (!j.is_object() || !j.empty())) return problem(400, "the body is no {\"rule\": \"…\"}", "the key is 'rule', and it holds a rule's id; with {} all that this node demoted is armed again");
  const auto known = from.policy().demotions;
  const auto mine = std::ranges::count_if(known, [&](const store::demotion& d) { return d.here && (rule.empty() || d.what.rule == rule); });
  if (mine == 0 || !from.rearm) return problem(404, "this node has demoted no such rule itself", "see demotions in /v1/status; what the ring demoted is armed again by: sluice rearm --redis …");
  from.rearm(rule);
  return reply(202, {{"armed_again", mine}});
}

net::control_response status(const sources& from) {
  json rules = 0;
  if (const auto loaded = from.loaded()) rules = loaded->snapshot->rules().size();
  const auto m = from.metrics();
  return reply(200, {{"node", from.node}, {"build", from.build}, {"mode", from.mode}, {"config", from.config_digest},
                     {"started", rfc3339(from.started)}, {"policy", policy_json(from.policy())}, {"rules", rules},
                     {"audit", {{"written", m.audit.written}, {"lost", m.audit.dropped}, {"failed", m.audit.failed},
                       {"failure", m.audit.failure}, {"failed_syncs", m.audit.sync_failures}}}});
}

// ?dialect=…: of that one alone.
net::control_response coverage(std::string_view query) {
  const auto wanted = parameter(query, "dialect");
  const bool all = query.empty();
  if (!all && wire::find_dialect(wanted) == nullptr) {
    std::string names;
    for (const auto name : wire::dialect_names()) names += (names.empty() ? "" : ", ") + std::string(name);
    return problem(400, "the query names no dialect that there is", "send GET /v1/coverage, or with ?dialect= and one of " + names);
  }
  json out = json::array();
  for (const auto name : wire::dialect_names()) {
    const auto* dialect = wire::find_dialect(name);
    if (dialect == nullptr || (!all && name != wanted)) continue;
    for (const auto& row : dialect->coverage()) {
      out.push_back({{"dialect", name}, {"endpoint", row.endpoint}, {"direction", row.direction}, {"path", row.path},
                     {"class", row.text_class}, {"role", row.role}, {"kind", row.kind}, {"streaming", row.streaming},
                     {"policy", row.policy}});
    }
  }
  return reply(200, {{"coverage", out}});
}

bool authorised(const std::string& token, const std::string& field) {
  constexpr std::string_view scheme = "Bearer ";
  if (!field.starts_with(scheme)) return false;
  return crypto::equal_constant_time(crypto::sha256_hex(token), crypto::sha256_hex(field.substr(scheme.size())));
}

net::control_response wrong_method(std::string_view right, std::string_view path) {
  auto out = problem(405, "this path takes " + std::string(right), "send " + std::string(right) + " " + std::string(path));
  out.allow = right == "GET" ? "GET, HEAD" : right;
  return out;
}

struct place_to_go {
  std::string_view method, path;
  net::control_response (*answer)(const sources&, const net::control_request&);
};
constexpr place_to_go places[] = {
    {"GET", "/v1/status", [](const sources& from, const net::control_request&) { return status(from); }},
    {"GET", "/metrics",
     [](const sources& from, const net::control_request&) {
       return net::control_response{.status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                    .body = telemetry::render(from.metrics())};
     }},
    {"GET", "/v1/audit/files", [](const sources& from, const net::control_request&) { return list_audit_files(from.audit_directory); }},
    {"GET", "/v1/audit/file", [](const sources& from, const net::control_request& request) { return answer_audit_file(from.audit_directory, request.query); }},
    {"GET", "/v1/breaker", [](const sources& from, const net::control_request&) { return breaker(from); }},
    {"GET", "/v1/coverage", [](const sources&, const net::control_request& request) { return coverage(request.query); }},
    {"POST", "/v1/rearm", [](const sources& from, const net::control_request& request) { return rearm(from, request.body); }},
    {"POST", "/v1/explain",
     [](const sources& from, const net::control_request& request) {
       const auto loaded = from.loaded();
       return answer_explain(request.body, loaded.get(), from.mode);
     }},
};

}  // namespace

api::api(sources from) : from_(std::move(from)) {}

net::control_response api::handle(const net::control_request& request) const {
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/livez") return get ? reply(200, {{"live", true}}) : wrong_method("GET", request.path);
  if (request.path == "/readyz") return get ? readiness(from_) : wrong_method("GET", request.path);
  // No page that a person on this machine looks at speaks for that person; a browser asks without being asked.
  if (request.from_page) return problem(403, "the admin API is for no web page", "call it with a program, as curl");
  // Nor one whose own name was pointed here after it was loaded: to the browser that is no other origin.
  if (from_.token.empty() && request.by_name) return problem(403, "the admin API without a token answers to no name but localhost", "call it by its address, or set admin.token_file");
  if (!from_.token.empty() && !authorised(from_.token, request.authorization)) {
    return problem(401, "the admin API wants its token", "send 'Authorization: Bearer <the content of admin.token_file>'");
  }
  if (from_.feedback && request.path == "/v1/feedback") {
    if (!get && request.method != "POST") return wrong_method("POST", request.path);
    return from_.feedback(request);
  }
  for (const auto& place : places) {
    if (place.path != request.path) continue;
    if (place.method == request.method || (place.method == "GET" && get)) return place.answer(from_, request);
    return wrong_method(place.method, place.path);
  }
  return problem(404, "there is no such path",
                 "there are /livez, /readyz, /metrics, /v1/status, /v1/breaker, /v1/coverage, /v1/audit/files, /v1/audit/file, /v1/feedback, POST /v1/explain and POST /v1/rearm");
}

}  // namespace sluice::admin
