// See feedback_input.hpp.
#include "feedback_input.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "audit_options.hpp"
#include "bundle_input.hpp"
#include "gateway_audit.hpp"
#include "gateway_setup.hpp"
#include "http_call.hpp"
#include "kept_texts.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/audit/replay.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/store/stream_writer.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr std::size_t entries_max = 100'000;
constexpr const char* spool_file = "feedback.jsonl";
constexpr milliseconds patience{10'000};

bool is_url(const std::string& text) { return text.starts_with("http://") || text.starts_with("https://"); }

result<http_answer> ask(const feedback_options& options, const std::string& url, const std::string& method, const std::string& body) {
  http_request what{.method = method, .url = (url.ends_with('/') ? url.substr(0, url.size() - 1) : url) + "/v1/feedback", .fields = {}, .body = body, .ca_file = options.ca_file};
  if (!options.token_file.empty()) {
    const auto token = read_secret(options.token_file, "--spool-token-file");
    if (!token) return std::unexpected(token.error());
    what.fields.emplace_back("Authorization", "Bearer " + *token);
  }
  auto answer = http_call(what, patience);
  if (answer && answer->status / 100 != 2) return fail(errc::refused, url + " answered " + std::to_string(answer->status) + ": " + clipped(answer->body, 300));
  return answer;
}

// Of a state directory, or of the folder of audit files that lies in one, as --from of other commands names it.
result<std::string> spool_in(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path at(folder);
  // A misspelt one lies in the same folder as the right one would, and that may be a state directory: somebody else's.
  if (!fs::is_directory(at, ignored)) return fail(errc::not_found, "--spool: " + (at / spool_file).string() + " cannot be read, because there is no folder " + folder + "; name a gateway's state directory, the folder of audit files in it, or the URL of an admin port");
  const auto above = fs::weakly_canonical(at, ignored).parent_path();
  for (const auto& each : {at / spool_file, above / spool_file}) {
    if (fs::exists(each, ignored)) return each.string();
  }
  return (at / spool_file).string();
}

result<std::vector<std::string>> lines_of_spool(const feedback_options& options, const std::string& from) {
  std::vector<std::string> out;
  if (!is_url(from)) {
    const auto spool = spool_in(from);
    if (!spool) return std::unexpected(spool.error());
    const auto bytes = read_file(*spool, "--spool");
    if (!bytes) return std::unexpected(bytes.error());
    for (std::size_t at = 0, end = 0; (end = bytes->find('\n', at)) != std::string::npos; at = end + 1) out.push_back(bytes->substr(at, end - at));
    return out;
  }
  const auto answer = ask(options, from, "GET", "");
  if (!answer) return std::unexpected(answer.error());
  const auto j = parse_bounded<json>(answer->body, record_bounds);
  if (!j.is_object() || !j.contains("entries") || !j["entries"].is_array()) return fail(errc::parse, from + " answered with something else than feedback");
  for (const auto& each : j["entries"]) out.push_back(each.dump());
  return out;
}

void add_entry(std::vector<rollout::feedback_entry>& to, std::set<std::string>& known, const std::string& line) {
  // Delivery is at least once.
  if (!known.insert(line).second) return;
  if (auto entry = rollout::parse_entry(line)) to.push_back(std::move(*entry));
}

// The part of a text whose keyed hash the record holds.
std::string value_of(const std::vector<audit::kept_part>& parts, std::uint64_t begin, std::uint64_t end, const std::string& hash, const std::string& value_key) {
  for (const auto& each : parts) {
    if (begin >= end || end > each.text.size()) continue;
    auto value = each.text.substr(begin, end - begin);
    if (audit::keyed_hash(value_key, value) == hash) return value;
  }
  return {};
}

void add_rules(rollout::logged_decision& out, const json& record, const std::optional<audit::kept_exchange>& text, const std::string& value_key) {
  for (const char* direction : {"request", "response"}) {
    const auto section = record.find(direction);
    if (section == record.end() || !section->is_object()) continue;
    for (const auto& f : member(*section, "findings")) {
      rollout::acted_rule rule{.rule = word(f, "rule"), .policy = word(f, "policy"), .direction = direction, .enforced = word(f, "enforcement") == "enforce", .value = {}, .span = word(f, "hmac"),
                               .last_turn = !f.contains("last_turn") || truth(f, "last_turn")};
      const auto& span = member(f, "span");
      if (text && span.is_array() && span.size() == 2 && span[0].is_number_unsigned() && span[1].is_number_unsigned()) {
        rule.value = value_of(std::string_view(direction) == "request" ? text->request : text->response, span[0], span[1], word(f, "hmac"), value_key);
      }
      out.rules.push_back(std::move(rule));
    }
  }
}

void add_text(rollout::logged_decision& out, const audit::kept_exchange& text) {
  for (const auto& each : text.request) {
    if (each.role == policy::role::user && each.kind == policy::part_kind::text) out.request = each.text;  // the last one stays
  }
  if (!text.response.empty()) out.response = text.response.front().text;
}

}  // namespace

void add_feedback_options(CLI::App& command, feedback_options& options, bool reads_logs) {
  add_optional_ring(command, options.ring, "where all gateways' feedback is; also from SLUICE_REDIS");
  // Where a command reads logs as well, --from, --token-file and --ca-file are theirs.
  command.add_option(reads_logs ? "--spool" : "--spool,--from", options.spools, "Without Redis: a gateway's state directory or the folder of audit files in it, or the URL of its admin port; may be repeated");
  command.add_option(reads_logs ? "--spool-token-file" : "--spool-token-file,--token-file", options.token_file, "The admin ports' token");
  command.add_option(reads_logs ? "--spool-ca-file" : "--spool-ca-file,--ca-file", options.ca_file, "For https URLs: certificates to trust");
  command.add_option("--secret", options.secret_file, "The file with the gateway's master secret: opens notes and texts that are kept sealed");
}

std::optional<std::vector<rollout::feedback_entry>> read_feedback_entries(const feedback_options& options) {
  if (options.ring.url.empty() && options.spools.empty()) {
    complain("nobody was named who has feedback", "--redis URL --ring NAME, or --spool with a state directory or an admin port");
    return std::nullopt;
  }
  std::vector<rollout::feedback_entry> out;
  std::set<std::string> known;
  if (!options.ring.url.empty()) {
    const auto where = redis_of(options.ring);
    if (!where) return std::nullopt;
    // An older release wrote labels among the reports.
    for (const auto& stream : {store::feedback_stream(options.ring.ring), store::label_stream(options.ring.ring)}) {
      const auto entries = store::read_stream(*where, stream, entries_max, patience);
      if (!entries) return complain_ring(entries.error()), std::nullopt;
      for (const auto& each : *entries) {
        for (const auto& [field, value] : each) {
          if (field == "entry") add_entry(out, known, value);
        }
      }
    }
  }
  for (const auto& from : options.spools) {
    const auto lines = lines_of_spool(options, from);
    if (!lines) return complain(lines.error().message), std::nullopt;
    for (const auto& line : *lines) add_entry(out, known, line);
  }
  return out;
}

bool write_label(const feedback_options& options, const rollout::feedback_entry& label) {
  if (!options.ring.url.empty()) {
    const auto where = redis_of(options.ring);
    if (!where) return false;
    auto writer = store::stream_writer::connect(*where, store::label_stream(options.ring.ring), entries_max, patience);
    if (!writer) return complain_ring(writer.error()), false;
    const store::stream_entry entry = {{"entry", rollout::to_json(label)}};
    if (const auto done = writer->append(std::span(&entry, 1)); !done) return complain_ring(done.error()), false;
    return true;
  }
  for (const auto& to : options.spools) {
    if (!is_url(to)) continue;
    const auto answer = ask(options, to, "POST", json{{"decision_id", label.decision}, {"verdict", to_string(label.verdict)}, {"note", label.note}, {"by", label.by}}.dump());
    if (!answer) return complain(answer.error().message), false;
    return true;
  }
  complain("there is nowhere to write a label", "--redis URL --ring NAME, or --spool with the URL of an admin port");
  return false;
}

void add_decision_options(CLI::App& command, decision_options& options) {
  add_from(command, options.logs);
  command.add_option("--state", options.states, "A gateway's state directory, for the keys of kept text; may be repeated");
  command.add_option("--keys", options.keys, "A folder of text keys; may be repeated");
  command.add_option("--since", options.since, "Decisions from then on: a time, or how long ago")->capture_default_str()->check(CLI::Validator(check_instant, ""));
}

std::optional<logged_decisions> read_decisions(const decision_options& options, const std::string& master,
                                               const std::vector<rollout::reviewed_decision>& with_text) {
  audit::filter which;
  if (!parse_instant(options.since, which.from)) return std::nullopt;
  const auto logs = log_sources::open(options.logs);
  if (!logs) return std::nullopt;
  const kept_texts texts(master, options.keys, options.states);
  std::set<std::string> wanted;
  for (const auto& each : with_text) wanted.insert(each.decision);
  const auto value_key = master.empty() ? std::string() : audit_value_key(master);
  std::map<std::string, rollout::logged_decision> by_id;
  logged_decisions found;
  const auto read = audit::query(logs->folders(), which, [&](const std::string& line) {
    const auto record = parse_bounded<json>(line, record_bounds);
    if (!record.is_object() || !record.contains("id") || word(record, "event") == "opened") return true;
    const auto& context = member(record, "context");
    const auto conversation = word(context, "conversation");
    rollout::logged_decision out{.id = word(record, "id"), .tenant = word(context, "tenant"), .verdict = word(record, "verdict"), .conversation = conversation.empty() ? word(context, "user") : conversation,
                                 .time = parse_time(word(record, "time")).value_or(wall_time{}), .rules = {}, .request = {}, .response = {}};
    std::optional<audit::kept_exchange> text;
    if (wanted.contains(out.id)) {
      auto opened = texts.open(line);
      if (opened || opened.error().code != errc::not_found) (opened ? found.opened : found.sealed).insert(out.id);
      if (opened) text = std::move(*opened);
    }
    add_rules(out, record, text, value_key);
    if (text) add_text(out, *text);
    by_id.insert_or_assign(out.id, std::move(out));
    return true;
  });
  if (!read) return complain(read.error().message), std::nullopt;
  for (auto& [id, each] : by_id) found.all.push_back(std::move(each));
  return found;
}

}  // namespace sluice::app
