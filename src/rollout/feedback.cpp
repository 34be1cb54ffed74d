// See feedback.hpp: what is said, how it is written down, and what it comes to for one decision.
#include "sluice/rollout/feedback.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/view.hpp"

namespace sluice::rollout {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> judgement_words = {"false_positive", "false_negative", "correct"};
constexpr std::size_t id_digits = 32, name_bytes_max = 100;

std::unexpected<error> wrong(const std::string& what) { return fail(errc::invalid_argument, what); }

void settle(reviewed_decision& of) {
  std::array<std::size_t, judgement_words.size()> votes{};
  for (const auto& each : of.labels) ++votes[static_cast<std::size_t>(each.verdict)];
  const auto said = std::ranges::count_if(votes, [](auto n) { return n > 0; });
  of.disputed = said > 1;
  if (said != 1) return;
  const auto most = std::ranges::max_element(votes);
  if (*most >= labels_needed) of.settled = static_cast<judgement>(most - votes.begin());
}

// The people of one decision, by their names as person() has them: where the last word of each stands.
using places = std::unordered_map<std::string, std::size_t>;

// The last word of each; who says no more than before keeps the note.
void keep_last(std::vector<feedback_entry>& of, places& known, const std::string& who, const feedback_entry& entry) {
  const auto [place, fresh] = known.try_emplace(who, of.size());
  if (fresh) return of.push_back(entry);
  auto& last = of[place->second];
  if (entry.time < last.time) return;
  const auto before = std::exchange(last, entry);
  if (!last.note.empty() || !last.sealed_note.empty()) return;
  last.note = before.note;
  last.sealed_note = before.sealed_note;
}

}  // namespace

std::string person(std::string_view by) {
  std::string out = text::normalise(by, text::view_kind::folded);
  std::erase_if(out, [](unsigned char c) { return c <= ' '; });
  return out;
}

std::string_view to_string(judgement j) { return judgement_words[static_cast<std::size_t>(j)]; }

std::optional<judgement> judgement_from(std::string_view text) {
  const auto at = std::ranges::find(judgement_words, text);
  if (at == judgement_words.end()) return std::nullopt;
  return static_cast<judgement>(at - judgement_words.begin());
}

result<feedback_request> parse_feedback(std::string_view body, bool labelled) {
  const auto j = parse_bounded<json>(body);
  if (!j.is_object()) return wrong(R"(the body must be JSON: {"decision_id": "…", "verdict": "false_positive", "note": "…"})");
  for (const auto& [name, value] : j.items()) {
    const bool known = name == "decision_id" || name == "verdict" || name == "note" || (labelled && name == "by");
    if (!known) return wrong("'" + clipped(name, 40) + "' is no member; there are decision_id, verdict and note" + (labelled ? std::string(", and by") : std::string()));
    if (!value.is_string()) return wrong("'" + name + "' must be a text");
  }
  feedback_request out{.decision = word(j, "decision_id"), .note = word(j, "note"), .by = std::string(trim(word(j, "by")))};
  if (out.decision.size() != id_digits) return wrong("'decision_id' must be the 32 signs of x-sluice-decision");
  const auto verdict = judgement_from(word(j, "verdict"));
  if (!verdict || (!labelled && *verdict == judgement::correct)) {
    return wrong(std::string("'verdict' must be false_positive or false_negative") + (labelled ? ", or correct" : ""));
  }
  out.verdict = *verdict;
  if (out.note.size() > note_bytes_max) return wrong("'note' is longer than 1000 bytes");
  if (labelled && (out.by.empty() || out.by.size() > name_bytes_max)) return wrong("'by' must name who says so");
  return out;
}

std::string to_json(const feedback_entry& entry) {
  json out = {{"kind", entry.what == feedback_entry::kind::label ? "label" : "report"},
              {"decision", entry.decision},
              {"verdict", to_string(entry.verdict)},
              {"by", entry.by},
              {"time", rfc3339(entry.time)}};
  for (const auto& [name, value] : {std::pair("note", &entry.note), {"sealed_note", &entry.sealed_note}, {"tenant", &entry.tenant}, {"node", &entry.node}, {"account", &entry.account}}) {
    if (!value->empty()) out[name] = *value;
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<feedback_entry> parse_entry(std::string_view line) {
  const auto j = parse_bounded<json>(line);
  if (!j.is_object()) return std::nullopt;
  const auto verdict = judgement_from(word(j, "verdict"));
  const auto time = parse_time(word(j, "time"));
  const auto kind = word(j, "kind");
  if (!verdict || !time || (kind != "report" && kind != "label") || word(j, "decision").size() != id_digits) return std::nullopt;
  return feedback_entry{.what = kind == "label" ? feedback_entry::kind::label : feedback_entry::kind::report,
                        .decision = word(j, "decision"),
                        .verdict = *verdict,
                        .by = word(j, "by"),
                        .note = word(j, "note"),
                        .sealed_note = word(j, "sealed_note"),
                        .tenant = word(j, "tenant"),
                        .node = word(j, "node"),
                        .account = word(j, "account"),
                        .time = *time};
}

std::string masked_note(std::string_view note) {
  std::string out;
  while (!note.empty()) {
    const auto end = std::min(note.find_first_of(" \t\r\n"), note.size());
    const auto piece = note.substr(0, end);
    if (piece.find('@') != std::string_view::npos) {
      out += "[address]";
    } else {
      for (const char c : piece) out += c >= '0' && c <= '9' ? '#' : c;
    }
    const auto next = std::min(note.find_first_not_of(" \t\r\n", end), note.size());
    out.append(next > end ? 1 : 0, ' ');
    note.remove_prefix(next);
  }
  return out;
}

std::vector<reviewed_decision> review(std::span<const feedback_entry> entries) {
  struct reviewing {
    reviewed_decision of;
    places reporters, labellers;
  };
  std::map<std::string, reviewing> by_decision;
  std::unordered_map<std::string, std::string> people;  // by how they are spelled: to normalise a name costs more than all else here
  for (const auto& each : entries) {
    auto& [of, reporters, labellers] = by_decision[each.decision];
    const auto [who, fresh] = people.try_emplace(each.by);
    if (fresh) who->second = person(each.by);
    if (of.decision.empty() || each.time < of.first) of.first = each.time;
    of.decision = each.decision;
    if (of.tenant.empty()) of.tenant = each.tenant;
    const bool label = each.what == feedback_entry::kind::label;
    keep_last(label ? of.labels : of.reports, label ? labellers : reporters, who->second, each);
  }
  std::vector<reviewed_decision> out;
  for (auto& [id, seen] : by_decision) {
    auto& of = seen.of;
    for (const auto& each : of.reports) ++(each.verdict == judgement::false_positive ? of.false_positives : of.false_negatives);
    settle(of);
    out.push_back(std::move(of));
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.decision < b.decision; });
  return out;
}

}  // namespace sluice::rollout
