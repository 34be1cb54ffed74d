// sluice explain: one text against a bundle, rule by rule, with reasons.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "explain_lines.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/explain.hpp"
#include "sluice/text/view.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t text_bytes_max = 16u << 20;

struct options {
  std::string path, day, time, direction = "request", role, part = "text";
  policy::context who;
  bool all = false, lines = false;
};

template <class Enum>
std::vector<std::string> words_of(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(policy::to_string(static_cast<Enum>(i)));
  return out;
}

template <class Enum>
Enum value_of(const std::vector<std::string>& words, const std::string& word) {
  return static_cast<Enum>(std::ranges::find(words, word) - words.begin());
}

const std::vector<std::string>& roles() {
  static const auto words = words_of<policy::role>(5);
  return words;
}
const std::vector<std::string>& parts() {
  static const auto words = words_of<policy::part_kind>(policy::part_kind_count);
  return words;
}

void print_json(const policy::explanation& why) {
  using json = nlohmann::ordered_json;
  json rules = json::array();
  for (const auto& each : why.rules) {
    json spans = json::array();
    for (const auto& span : each.matches) {
      spans.push_back({{"begin", span.begin},
                       {"end", span.end},
                       {"enforced", span.enforced},
                       {"action", policy::to_string(span.action)},
                       {"reading", span.reading}});
    }
    json excuses = json::array(), excused_by = json::array();
    for (const auto& e : each.suppressed) {
      excused_by.push_back(e.exception);
      excuses.push_back({{"by", e.exception}, {"owner", e.owner}, {"ticket", e.ticket}, {"reason", e.reason}, {"expires", e.expires},
                         {"begin", e.begin}, {"end", e.end}, {"count", e.count}});
    }
    json overlays = json::array();
    for (const auto& patch : each.patches) overlays.push_back({{"overlay", patch.overlay}, {"place", patch.place}, {"changed", patch.changed}});
    rules.push_back({{"rule", each.id},
                     {"policy", each.policy},
                     {"title", each.title},
                     {"place", each.place},
                     {"overlays", overlays},
                     {"enforcement", policy::to_string(each.enforcement)},
                     {"action", policy::to_string(each.action)},
                     {"validator", each.validator},
                     {"score", each.score},
                     {"applies", each.applies},
                     {"why_not", each.why_not},
                     {"matches", spans},
                     {"alone_us", static_cast<double>(each.alone_ns) / 1000},
                     {"suppressed_by", excused_by},
                     {"suppressed", excuses},
                     {"note", each.note}});
  }
  json scores = json::array();
  for (const auto& sum : why.scores) {
    scores.push_back({{"policy", sum.policy}, {"score", sum.enforced}, {"shadow_score", sum.all}, {"threshold", sum.threshold},
                      {"action", policy::to_string(sum.action)}, {"crossed", sum.crossed}});
  }
  json demands = json::array();
  for (const auto& each : why.needs_record) demands.push_back({{"by", each.by}, {"place", each.place}});
  json classifiers = json::object();
  for (const auto& [name, score] : why.classifiers) classifiers[name] = score;
  const json out = {{"version", why.version},
                    {"effective", why.effective},
                    {"verdict", policy::to_string(why.verdict)},
                    {"shadow_verdict", policy::to_string(why.shadow_verdict)},
                    {"reason", why.reason},
                    {"tags", why.tags},
                    {"scores", scores},
                    {"classifiers", classifiers},
                    {"text", why.text},
                    {"system_before", why.system.before},
                    {"system_behind", why.system.behind},
                    {"message", why.message},
                    {"on_full_block", demands},
                    {"evaluate_us", static_cast<double>(why.evaluate_ns) / 1000},
                    {"rules", rules}};
  std::cout << out.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

// "p.yaml:6:5 → overlay gdpr-eu (o.yaml:5:5: action)"
std::string source_of(const policy::explained_rule& rule) {
  std::string out = rule.place;
  for (const auto& patch : rule.patches) {
    out += " → overlay " + patch.overlay + " (" + patch.place + ":";
    for (const auto& field : patch.changed) out += " " + field;
    out += ")";
  }
  return out;
}

std::string outcome_of(const policy::explained_rule& rule) {
  if (!rule.applies) return "does not apply: " + rule.why_not;
  std::string out;
  for (const auto& span : rule.matches) {
    out += (out.empty() ? "" : "; ") + std::string(policy::to_string(span.action)) + " " + std::to_string(span.begin) +
           ".." + std::to_string(span.end) + (span.enforced ? "" : " (shadow)");
    if (!span.reading.empty()) out += " in " + span.reading;
  }
  for (const auto& e : rule.suppressed) {
    out += (out.empty() ? "" : "; ") + ("suppressed " + std::to_string(e.begin) + ".." + std::to_string(e.end)) +
           (e.count > 1 ? " and " + std::to_string(e.count - 1) + " more" : std::string()) + " by exception " + e.exception + " of " + e.owner + " (" + e.ticket + ", until " + e.expires + ")";
  }
  if (!out.empty()) return out;
  return rule.note.empty() ? "no match" : "no match: " + rule.note;
}

std::string cost_of(const policy::explained_rule& rule) {
  if (rule.alone_ns == 0) return "-";
  const auto tenths = (rule.alone_ns + 50) / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " µs";
}

void print_text(const policy::explanation& why, bool all) {
  std::cout << "verdict   " << policy::to_string(why.verdict);
  if (why.shadow_verdict != why.verdict)
    std::cout << "   (with every shadow rule enforced: " << policy::to_string(why.shadow_verdict) << ')';
  if (!why.reason.empty()) std::cout << "   " << why.reason;
  std::cout << '\n';
  const auto tags = join(why.tags);
  for (const auto& sum : why.scores) {
    std::cout << "score     " << sum.policy << ": " << sum.enforced << " of " << sum.threshold << (sum.crossed ? ", so " + std::string(policy::to_string(sum.action)) : std::string());
    if (sum.all != sum.enforced) std::cout << "   (with every shadow rule enforced: " << sum.all << ')';
    std::cout << '\n';
  }
  for (const auto& [name, score] : why.classifiers) std::cout << "model     " << name << ": " << score << '\n';
  if (!tags.empty()) std::cout << "tags      " << tags << '\n';
  if (!why.message.empty()) std::cout << "message   " << why.message << '\n';
  if (why.verdict == policy::verdict::edit) std::cout << "text      " << why.text << '\n';
  if (!why.system.before.empty()) std::cout << "before the system's words   " << why.system.before << '\n';
  if (!why.system.behind.empty()) std::cout << "behind the system's words   " << why.system.behind << '\n';
  for (const auto& each : why.needs_record) std::cout << "log full  refused, as " << each.by << " says (" << each.place << ")\n";
  std::cout << "version   " << short_version(why.version) << ", rules in force " << short_version(why.effective)
            << ", evaluated in " << static_cast<double>(why.evaluate_ns) / 1000 << " µs\n\n";
  std::vector<std::vector<std::string>> rows = {{"RULE", "POLICY", "ENFORCEMENT", "VALIDATOR", "OUTCOME", "ALONE", "FROM"}};
  std::size_t hidden = 0;
  for (const auto& each : why.rules) {
    if (!all && each.matches.empty() && each.suppressed.empty() && each.note.empty()) {
      ++hidden;
      continue;
    }
    rows.push_back({each.id, each.policy, std::string(policy::to_string(each.enforcement)),
                    each.validator.empty() ? "-" : each.validator, outcome_of(each), cost_of(each), source_of(each)});
  }
  if (rows.size() > 1) std::cout << table(rows);
  if (hidden > 0) std::cout << hidden << " rules did not match or do not apply; --all shows them\n";
}

// As a node has it at that time: without exceptions that have expired. One that its own tests refuse is explained too, for that is when one asks.
std::shared_ptr<const policy::snapshot> snapshot_of(const bundle_input& input) {
  const auto& report = input.report;
  if (report.snapshot != nullptr) {
    for (const auto& each : report.left_out) std::cerr << each << '\n';
    return report.snapshot;
  }
  show_diagnostics(input);
  const bool usable = report.untrusted != nullptr;
  complain(input.path + " was refused in phase " + std::string(policy::to_string(report.reached)) + (usable ? "; this is what it would do" : ""),
           "correct it; sluice check " + input.path + " shows the same");
  return report.untrusted;
}

int run(const options& asked, bool json) {
  bundle_compiler compiler = make_bundle_compiler();
  policy::explain_request request;
  request.who = asked.who;
  const result<wall_time> time = asked.time.empty() ? result<wall_time>(now().wall) : parse_time(asked.time);
  if (!time) {
    complain("'" + asked.time + "' is no time", "write it as 2026-12-01T10:00:00Z");
    return 2;
  }
  const auto input = build_bundle(asked.path, asked.day.empty() ? asked.time : asked.day, compiler, held_against::passes, policy::expired_exceptions::leave_out);
  const auto compiled = input ? snapshot_of(*input) : nullptr;
  if (compiled == nullptr) return 1;
  request.who.minute = minute_of(*time);
  request.direction = asked.direction == "response" ? policy::direction::response : policy::direction::request;
  const std::string usual_role = asked.direction == "response" ? "assistant" : "user";
  request.role = value_of<policy::role>(roles(), asked.role.empty() ? usual_role : asked.role);
  request.part = value_of<policy::part_kind>(parts(), asked.part);
  if (asked.lines) return explain_lines(compiled, request, std::cin, std::cout);
  request.text.assign(std::istreambuf_iterator<char>(std::cin), {});
  if (request.text.ends_with('\n')) request.text.pop_back();
  if (request.text.size() > text_bytes_max || !text::is_valid_utf8(request.text)) {
    complain("the text on standard input is not UTF-8 or larger than 16 MiB",
             "give one message's text, as: sluice explain policies < text.txt");
    return 1;
  }
  const policy::explanation why = policy::explain(input->report.bundle, *compiled, request);
  json ? print_json(why) : print_text(why, asked.all);
  return 0;
}

}  // namespace

void add_explain(CLI::App& root, invocation& call) {
  CLI::App* command =
      root.add_subcommand("explain", "Hold a text (standard input) against a bundle and say why it is treated so");
  const auto asked = std::make_shared<options>();
  command->add_option("BUNDLE", asked->path, "the folder that holds bundle.yaml")->required();
  command->add_option("--direction", asked->direction, "request or response")
      ->check(CLI::IsMember({"request", "response"}));
  command->add_option("--tenant", asked->who.tenant, "who asks");
  command->add_option("--region", asked->who.region, "where from");
  command->add_option("--tier", asked->who.tier, "the caller's tier");
  command->add_option("--route", asked->who.route, "the route through the gateway");
  command->add_option("--model", asked->who.model, "the model asked for");
  command->add_option("--tag", asked->who.tags, "a tag of the conversation; may be repeated");
  command->add_option("--time", asked->time, "when it is, as 2026-12-01T10:00:00Z; now by default");
  command->add_option("--role", asked->role, "whose text it is; user, or assistant for a response")
      ->check(CLI::IsMember(roles()));
  command->add_option("--part", asked->part, "what kind of text it is")->check(CLI::IsMember(parts()));
  command->add_option("--now", asked->day, "take this day for today (expiry of exceptions), as 2026-12-31; that of --time by default")->check(CLI::Validator(check_day, ""));
  command->add_flag("--all", asked->all, "show also the rules that did not match or do not apply");
  command->add_flag("--lines", asked->lines,
                    "read JSON lines {\"text\": …} or {\"messages\": [{\"role\", \"content\", \"part\"}]} and print one JSON line for each: verdict, "
                    "findings (rule, policy, category, begin and end in bytes, action, enforced, reading), the text if it is edited, and the time "
                    "in µs. \"stream\": true lets an answer come in single characters");
  add_json(*command, call);
  command->footer(
      "Example:\n  echo 'my card 4111 1111 1111 1111' | sluice explain policies\n"
      "  echo 'Try Halden Bank' | sluice explain policies --direction response --route payments --all\n"
      "  jq -c '{text: .body}' mails.jsonl | sluice explain policies --lines | jq .findings");
  command->callback([asked, &call] { call.exit_code = run(*asked, call.json); });
}

}  // namespace sluice::app
