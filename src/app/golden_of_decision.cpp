// See golden_of_decision.hpp.
#include "golden_of_decision.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "kept_texts.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/foreign_json.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;

// The side that a rule touched; the answer where nothing of either says otherwise and there is one.
std::string acted_side(const nlohmann::json& record, const audit::kept_exchange& text) {
  const auto verdict = [&](const char* side) {
    const auto at = record.find(side);
    return at != record.end() && at->is_object() ? word(*at, "verdict") : std::string();
  };
  const auto touched = [](const std::string& of) { return of == "edit" || of == "block"; };
  if (touched(verdict("request")) && !touched(verdict("response"))) return "request";
  return text.response.empty() ? "request" : "response";
}

// One context's rules decide a case alike tomorrow. Who asked is nobody's business in a file of the bundle.
json context_of(const nlohmann::json& record, const audit::kept_exchange& text) {
  json out = json::object();
  const auto& who = member(record, "context");
  for (const char* name : {"tenant", "region", "tier", "route", "model"}) {
    if (auto value = word(who, name); !value.empty()) out[name] = std::move(value);
  }
  if (!text.tags.empty()) out["tags"] = text.tags;
  if (const auto time = word(record, "time"); !time.empty()) out["time"] = time;
  return out;
}

json messages_of(const std::vector<audit::kept_part>& parts) {
  json out = json::array();
  for (const auto& each : parts) {
    json message = {{"role", policy::to_string(each.role)}, {"content", each.text}};
    if (each.kind != policy::part_kind::text) message["part"] = policy::to_string(each.kind);
    out.push_back(std::move(message));
  }
  return out;
}

// Of several choices the first: a case holds one answer.
std::string answer_of(const std::vector<audit::kept_part>& parts) {
  std::string out;
  for (const auto& each : parts) {
    if (each.kind == policy::part_kind::text && each.choice == parts.front().choice) out += each.text;
  }
  return out;
}

}  // namespace

void add_decision_source(CLI::App& command, decision_source& options) {
  auto* named = command.add_option("--decision", options.decision, "take the text from this decision of a log that keeps text, instead of the standard input");
  command.add_option("--from", options.logs.from, "with --decision: a folder of audit files, or the URL of an admin port; may be repeated")->needs(named);
  add_admin_options(command, options.logs.token_file, options.logs.ca_file);
  command.add_option("--state", options.states, "with --decision: a gateway's state directory, for the keys of kept text; may be repeated")->needs(named);
  command.add_option("--keys", options.keys, "with --decision: a folder of text keys; may be repeated")->needs(named);
  command.add_option("--secret", options.secret_file, "with --decision: the file with the gateway's master secret, which opens kept text")->needs(named);
}

std::optional<std::string> golden_of_decision(const decision_source& from, std::string direction) {
  if (from.logs.from.empty()) return complain("--decision " + from.decision + " needs the logs that hold it", "--from /var/lib/sluice/audit, or --from with the URL of an admin port"), std::nullopt;
  auto master = read_master(from.secret_file);
  if (!master) return std::nullopt;
  const auto logs = log_sources::open(from.logs);
  if (!logs) return std::nullopt;
  const auto line = record_of_decision(logs->folders(), from.decision);
  if (!line) return complain(line.error().message), std::nullopt;
  const auto text = kept_texts(std::move(*master), from.keys, from.states).open(*line);
  if (!text) {
    complain("decision " + from.decision + ": " + text.error().message, "--secret and --state open what audit.text: encrypted keeps; otherwise give the text on the standard input, without --decision");
    return std::nullopt;
  }
  const auto record = parse_bounded<nlohmann::json>(*line, record_bounds);
  if (direction.empty()) direction = acted_side(record, *text);
  const auto& parts = direction == "request" ? text->request : text->response;
  if (parts.empty()) return complain("decision " + from.decision + " has no text in its " + direction), std::nullopt;
  json out = {{"context", context_of(record, *text)}};
  if (direction == "request") out["messages"] = messages_of(parts);
  else out["response"] = answer_of(parts);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace sluice::app
