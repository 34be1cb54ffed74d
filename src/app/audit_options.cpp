// See audit_options.hpp.
#include "audit_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "sluice/audit/record.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

// A record holds what clients sent: a model's name, for one.
std::string said(const json& j, const char* name) { return printable(word(j, name)); }

std::string number(const json& j, const char* name) {
  const auto it = j.find(name);
  return it != j.end() && it->is_number() ? std::to_string(it->get<std::int64_t>()) : std::string();
}

// An object, or an empty one.
const json& object(const json& j, const char* name) {
  static const json none = json::object();
  const auto& it = member(j, name);
  return it.is_object() ? it : none;
}

// A list, or an empty one.
const json& items(const json& j, const char* name) {
  static const json none = json::array();
  const auto& it = member(j, name);
  return it.is_array() ? it : none;
}

// The rules that matched, by side: "request: r-1; response: r-2 (shadow)".
std::string matched_rules(const json& j) {
  std::string out;
  for (const char* side : {"request", "response"}) {
    std::vector<std::string> names;
    for (const auto& f : items(object(j, side), "findings")) {
      auto name = said(f, "rule") + (said(f, "enforcement") == "shadow" ? " (shadow)" : "");
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
    if (names.empty()) continue;
    out += (out.empty() ? "" : "; ") + std::string(side) + ":";
    for (const auto& name : names) out += " " + name;
  }
  return out;
}

// What stands in a row where no rule did: why the gateway acted, or what happened to it. One line, however many the words have.
std::string reason_of(const json& j) {
  auto out = word(j, "reason") + word(j, "detail");
  if (out.empty() && word(j, "event") == "state") out = word(j, "state");
  std::ranges::replace(out, '\n', ' ');
  return printable(out);
}

// "messages[0].content 2..13"
std::string place_of(const json& at) {
  auto out = said(at, "channel");
  if (const auto& s = items(at, "span"); s.size() == 2 && s[0].is_number() && s[1].is_number()) {
    out += " " + std::to_string(s[0].get<std::int64_t>()) + ".." + std::to_string(s[1].get<std::int64_t>());
  }
  return out;
}

std::string finding_line(const json& f) {
  auto places = place_of(f);
  for (const auto& rest : items(f, "more")) places += " and " + place_of(rest);  // of a match that is split over several texts
  const auto masked = said(f, "masked");
  return "            rule " + said(f, "rule") + " of policy " + said(f, "policy") + ": " + said(f, "action") +
         (said(f, "enforcement") == "shadow" ? " (shadow: recorded only)" : "") + ", in " + places + (masked.empty() ? "" : " \"" + masked + "\"") + "\n";
}

// One section of a record; nothing where a side was not judged.
std::string side_story(const json& record, const char* side) {
  const auto at = record.find(side);
  auto label = std::string(side);
  label.resize(12, ' ');
  if (at == record.end()) return {};
  if (!at->is_object()) return label + "not judged\n";
  const auto shadow = said(*at, "shadow_verdict"), verdict = said(*at, "verdict");
  std::string out = label + verdict + (shadow == verdict || shadow.empty() ? "" : "; with every shadow rule enforced: " + shadow) + "\n";
  for (const auto& f : items(*at, "findings")) out += finding_line(f);
  for (const auto& s : items(*at, "suppressed")) out += "            rule " + said(s, "rule") + " was set aside by exception " + said(s, "by") + "\n";
  const auto& scores = object(*at, "nd");
  for (const auto& [name, score] : scores.items()) out += "            score " + printable(name) + " " + score.dump() + "\n";
  return out;
}

}  // namespace

std::string check_instant(const std::string& text) {
  if (parse_duration(text) || parse_time(text)) return {};
  return "'" + text + "' is no time; write 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m, 2h, 7d";
}

bool parse_instant(const std::string& text, std::optional<wall_time>& out) {
  if (text.empty()) return true;
  if (const auto back = parse_duration(text)) {
    out = now().wall - *back;
    return true;
  }
  const auto t = parse_time(text);
  if (!t) {
    complain("'" + text + "' is no time", "write 2026-12-01, 2026-12-01T12:00:00Z, or how long ago: 10m, 2h, 7d");
    return false;
  }
  out = *t;
  return true;
}

std::string check_event(const std::string& text) {
  if (std::ranges::find(audit::event_words, text) != std::end(audit::event_words)) return {};
  const auto meant = nearest(text, audit::event_words);
  std::string known;
  for (const auto word : audit::event_words) known += (known.empty() ? "" : ", ") + std::string(word);
  return "there is no event '" + text + "'; it can be " + known + (meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?");
}

std::string check_verdict(const std::string& text) {
  static constexpr std::string_view verdicts[] = {"allow", "flag", "edit", "block"};
  static constexpr std::pair<std::string_view, std::string_view> others[] = {
      {"redact", "edit"}, {"rewrite", "edit"}, {"tokenize", "edit"}, {"mask", "edit"}, {"deny", "block"}, {"refuse", "block"}, {"pass", "allow"}};
  if (std::ranges::find(verdicts, text) != std::end(verdicts)) return {};
  auto meant = nearest(text, verdicts);
  for (const auto& [from, to] : others) {
    if (text == from) meant = to;
  }
  return "there is no verdict '" + text + "'; it can be allow, flag, edit or block" + (meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?");
}

const std::vector<std::string>& record_heading() {
  static const std::vector<std::string> heading = {"time", "event", "decision", "verdict", "shadow", "status", "activation", "version", "rules or reason"};
  return heading;
}

std::vector<std::string> record_row(const std::string& line) {
  const auto j = parse_bounded<json>(line, record_bounds);
  if (!j.is_object()) return {"", "unreadable", "", "", "", "", "", "", ""};
  const std::string rules = matched_rules(j);
  const auto shadow = said(j, "shadow_verdict");
  return {said(j, "time"), said(j, "event"), said(j, "id"), said(j, "verdict"), shadow == said(j, "verdict") ? "" : shadow, number(object(j, "sent"), "status"),
          said(j, "activation"), short_version(said(j, "version")), rules.empty() ? reason_of(j) : rules};
}

std::string record_story(const std::string& line) {
  const auto j = parse_bounded<json>(line, record_bounds);
  if (!j.is_object()) return "an unreadable line\n";
  if (!j.contains("id")) return said(j, "event") + " at " + said(j, "time") + " on " + said(j, "node") + ": " + said(j, "detail") + "\n";
  const auto& sent = object(j, "sent");
  std::string out = "decision    " + said(j, "id") + " (" + said(j, "event") + ") at " + said(j, "time") + " on " + said(j, "node") + "\n";
  out += "done        " + said(j, "verdict") + ": status " + number(sent, "status") + " to the client, " + number(sent, "edits") + " edits; the upstream " +
         (number(j, "upstream_status") == "0" ? "was not asked" : "answered " + number(j, "upstream_status") + ", " + number(j, "upstream_edits") + " edits in what it was sent") + "\n";
  if (!said(j, "reason").empty()) out += "reason      " + said(j, "reason") + "\n";
  std::string who;
  for (const auto& [name, value] : object(j, "context").items()) {
    if (value.is_string()) who += (who.empty() ? "" : ", ") + printable(name + " " + value.get<std::string>());
  }
  out += "asked       " + said(j, "method") + " " + said(j, "path") + " (" + said(j, "dialect") + ")" + (who.empty() ? "" : "; " + who) + "\n";
  out += "policy      activation " + said(j, "activation") + ", version " + said(j, "version") + ", " + said(j, "state") + "\n";
  out += "rules       in force for this context: " + said(j, "effective") + "\n";
  out += side_story(j, "request") + side_story(j, "response");
  for (const auto& [why, bytes] : object(j, "unscanned").items()) out += "unscanned   " + bytes.dump() + " bytes: " + printable(why) + "\n";
  for (const auto& each : items(j, "unread")) out += "unread      " + said(each, "path") + ": " + said(each, "why") + ", " + said(each, "treatment") + "\n";
  return out;
}

}  // namespace sluice::app
