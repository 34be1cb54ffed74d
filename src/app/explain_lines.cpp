// See explain_lines.hpp.
#include "explain_lines.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sluice/app/command.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/foreign_json.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;
constexpr std::size_t line_bytes_max = 64u << 20;
constexpr std::size_t messages_max = 10'000;

// What one line asks: parts of a body, and whether they are an answer that comes in pieces.
struct asked_row {
  std::vector<std::string> texts;           // the parts' text; they point into it
  std::vector<policy::text_part> parts;
  bool messages = false, stream = false;    // `messages` rather than `text`; `stream: true`
};

struct held_row {
  const policy::ruleset* rules = nullptr;   // that applied
  policy::outcome what;
  std::vector<std::string> left;            // the parts' text as it left; as it came when blocked whole
};

template <class Enum>
bool find_word(const json& row, const char* key, std::size_t count, Enum& out) {
  if (!row.contains(key)) return true;
  for (std::size_t i = 0; i < count && row[key].is_string(); ++i) {
    if (policy::to_string(static_cast<Enum>(i)) != row[key].get_ref<const std::string&>()) continue;
    out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

// False when the row is not of the form that explain_lines.hpp states.
bool read_row(const json& row, const policy::explain_request& asked, asked_row& out) {
  if (!row.is_object()) return false;
  const auto add = [&](const json& part, const char* key) {
    policy::text_part next{.role = asked.role, .kind = asked.part, .text = {}};
    if (!part.is_object() || !part.contains(key) || !part[key].is_string()) return false;
    if (!find_word(part, "role", policy::role_count, next.role) || !find_word(part, "part", policy::part_kind_count, next.kind)) return false;
    next.editable = next.kind != policy::part_kind::name;
    out.texts.push_back(part[key].get<std::string>());
    out.parts.push_back(next);
    return true;
  };
  if (row.contains("stream")) {
    if (!row["stream"].is_boolean()) return false;
    out.stream = row["stream"].get<bool>();
    if (out.stream && asked.direction != policy::direction::response) return false;
  }
  out.messages = row.contains("messages");
  if (!out.messages) {
    if (!add(row, "text")) return false;
  } else {
    if (!row["messages"].is_array() || row["messages"].size() > messages_max) return false;
    for (const json& each : row["messages"]) {
      if (!add(each, "content")) return false;
    }
  }
  for (std::size_t i = 0; i < out.parts.size(); ++i) out.parts[i].text = out.texts[i];
  if (asked.direction == policy::direction::request) policy::mark_last_turn(out.parts);
  return true;
}

json findings_of(const policy::snapshot& compiled, const policy::outcome& what, const std::vector<policy::sighting>& seen, bool with_part) {
  json out = json::array();
  for (const auto& each : what.findings) {
    const auto& rule = compiled.rules()[each.rule];
    json said = {{"rule", rule.id},
                 {"policy", rule.policy},
                 {"category", rule.category},
                 {"begin", each.begin},
                 {"end", each.end},
                 {"action", policy::to_string(each.action)},
                 {"enforced", each.enforced}};
    const auto lies_on = [&](const auto& s) { return s.rule == each.rule && s.part == each.part && s.begin < each.end && each.begin < s.end; };
    if (const auto at = std::ranges::find_if(seen, lies_on); at != seen.end()) said["reading"] = at->reading;
    if (with_part) said["part"] = each.part;
    for (const auto& rest : each.more) said["more"].push_back({{"part", rest.part}, {"begin", rest.begin}, {"end", rest.end}});
    out.push_back(std::move(said));
  }
  return out;
}

// The text after edits, in which a reader may see that nothing else changed.
std::string edited(const std::string& text, std::uint32_t part, const policy::outcome& what) {
  std::string out;
  std::size_t at = 0;
  for (const auto& each : what.edits) {
    if (each.part != part) continue;
    out.append(text, at, each.begin - at);
    out += each.replacement;
    at = each.end;
  }
  return out.append(text, at);
}

// In single code points, the smallest pieces that an answer can come in.
held_row held_streamed(const std::shared_ptr<const policy::snapshot>& compiled, const policy::ruleset& rules, const asked_row& row,
                       const policy::evaluate_options& options, policy::scratch& working) {
  held_row out{.rules = &rules, .what = {}, .left = {}};
  policy::stream_evaluator stream(compiled, rules, options, working);
  std::vector<policy::stream_evaluator::channel> channels;
  for (const policy::text_part& part : row.parts) {
    std::string& left = out.left.emplace_back();
    const auto channel = stream.open(part.role, part.kind, part.editable);
    for (std::size_t at = 0; at < part.text.size() && !stream.blocked();) {
      std::size_t size = 1;
      while (at + size < part.text.size() && continues_code_point(part.text[at + size])) ++size;
      (void)stream.feed(channel, part.text.substr(at, size), left);
      at += size;
    }
    (void)stream.finish(channel, left, true);
    channels.push_back(channel);
  }
  std::string behind;
  (void)stream.close(0, false, behind);
  for (std::size_t i = 0; i < channels.size(); ++i) stream.rest(channels[i], out.left[i]);
  if (!out.left.empty()) out.left.back() += behind;
  out.what = stream.result();
  return out;
}

held_row held_whole(const policy::snapshot& compiled, policy::context who, const asked_row& row, const policy::evaluate_options& options, policy::scratch& working) {
  auto judged = policy::evaluate_either(compiled, who, row.parts, options, working);
  held_row out{.rules = judged.rules, .what = std::move(judged.what), .left = {}};
  for (std::uint32_t i = 0; i < row.texts.size(); ++i) out.left.push_back(edited(row.texts[i], i, out.what));
  for (const auto& behind : out.what.additions) out.left.back() += behind.text;
  return out;
}

}  // namespace

int explain_lines(const std::shared_ptr<const policy::snapshot>& compiled, const policy::explain_request& asked, std::istream& in, std::ostream& out) {
  const policy::evaluate_options options{.direction = asked.direction};
  policy::scratch working;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    asked_row row;
    if (!read_row(parse_bounded<json>(line, {.bytes = line_bytes_max}), asked, row)) {
      complain("line " + std::to_string(number) + " of the standard input is no JSON object with a string \"text\" or with \"messages\"",
               R"(give one object a line, as {"text": "my card 4111 1111 1111 1111"})");
      return 1;
    }
    const auto hold = [&] { return row.stream ? held_streamed(compiled, compiled->rules_for(asked.who), row, options, working) : held_whole(*compiled, asked.who, row, options, working); };
    held_row held = hold();  // the first time, memory and tables are cold
    const mono_time begin = mono_now();
    held = hold();
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(mono_now() - begin).count();
    const auto seen = held.what.findings.empty() ? std::vector<policy::sighting>() : policy::sightings(*held.rules, row.parts, options.direction, working);
    json said = {{"line", number},
                 {"verdict", policy::to_string(held.what.verdict)},
                 {"us", static_cast<double>(took) / 1000},
                 {"findings", findings_of(*compiled, held.what, seen, row.messages)}};
    // Of a stream that is cut it says what had left; of what is blocked whole, nothing.
    if (held.left != row.texts && row.messages) said["messages"] = held.left;
    if (held.left != row.texts && !row.messages) said["text"] = held.left.front();
    if (held.what.system.rules > 0) said["system"] = {{"before", held.what.system.before}, {"behind", held.what.system.behind}};
    if (!held.what.why().empty()) said["reason"] = held.what.why();
    for (const auto& sum : held.what.scores) said["scores"][std::string(sum.policy)] = sum.enforced;
    for (const auto& [name, score] : held.what.classifier_scores) said["classifiers"][std::string(name)] = score;
    if (!held.what.tags.empty()) said["tags"] = held.what.tags;
    if (held.what.findings_truncated) said["findings_truncated"] = true;
    out << said.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  }
  return 0;
}

}  // namespace sluice::app
