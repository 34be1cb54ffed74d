// See explain_lines.hpp.
#include "explain_lines.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "sluice/app/command.hpp"
#include "sluice/base/clock.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;
constexpr std::size_t line_bytes_max = 64u << 20;

json findings_of(const policy::snapshot& compiled, const policy::outcome& what) {
  json out = json::array();
  for (const auto& each : what.findings) {
    const auto& rule = compiled.rules()[each.rule];
    out.push_back({{"rule", rule.id},
                   {"policy", rule.policy},
                   {"category", rule.category},
                   {"begin", each.begin},
                   {"end", each.end},
                   {"action", policy::to_string(each.action)},
                   {"enforced", each.enforced}});
  }
  return out;
}

// The text after edits, in which a reader may see that nothing else changed.
std::string edited(const std::string& text, const policy::outcome& what) {
  std::string out;
  std::size_t at = 0;
  for (const auto& each : what.edits) {
    out.append(text, at, each.begin - at);
    out += each.replacement;
    at = each.end;
  }
  return out.append(text, at);
}

std::pair<policy::outcome, std::int64_t> timed(const policy::ruleset& rules, const policy::text_part& part,
                                               const policy::evaluate_options& options, policy::scratch& working) {
  const mono_time begin = mono_now();
  auto what = policy::evaluate(rules, {&part, 1}, options, working);
  const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(mono_now() - begin).count();
  return {std::move(what), took};
}

}  // namespace

int explain_lines(const policy::snapshot& compiled, const policy::explain_request& asked, std::istream& in, std::ostream& out) {
  const auto& rules = compiled.rules_for(asked.who);
  const policy::evaluate_options options{.direction = asked.direction};
  policy::scratch working;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto row = line.size() > line_bytes_max ? json() : json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("text") || !row["text"].is_string()) {
      complain("line " + std::to_string(number) + " of the standard input is no JSON object with a string \"text\"",
               R"(give one object a line, as {"text": "my card 4111 1111 1111 1111"})");
      return 1;
    }
    const auto text = row["text"].get<std::string>();
    const policy::text_part part{.role = asked.role, .kind = asked.part, .text = text};
    auto [what, took] = timed(rules, part, options, working);
    took = std::min(took, timed(rules, part, options, working).second);  // the first time, memory and tables are cold
    json said = {{"line", number},
                 {"verdict", policy::to_string(what.verdict)},
                 {"us", static_cast<double>(took) / 1000},
                 {"findings", findings_of(compiled, what)}};
    if (!what.edits.empty()) said["text"] = edited(text, what);
    if (!what.reason.empty()) said["reason"] = what.reason;
    if (what.findings_truncated) said["findings_truncated"] = true;
    out << said.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  }
  return 0;
}

}  // namespace sluice::app
