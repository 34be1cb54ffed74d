// Golden files: JSON lines to cases.
#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "reader.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/text/json.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

namespace json = text::json;

constexpr std::uint32_t depth_max = 16;

// One line being read.
struct line_reader {
  const json::document& tape;
  const place& at;
  diagnostics& found;
  bool good = true;

  void error(std::string message, std::string advice = {}) {
    good = false;
    found.push_back({.severity = severity::error,
                     .place = at,
                     .rule = {},
                     .message = std::move(message),
                     .advice = std::move(advice)});
  }
  [[nodiscard]] bool is(json::index i, json::kind kind) const { return i != json::none && tape[i].kind == kind; }
  // A member that is there and not null.
  [[nodiscard]] json::index member(json::index object, std::string_view key) const {
    const json::index i = tape.member(object, key);
    return i == json::none || tape[i].kind == json::kind::null ? json::none : i;
  }
  void known(json::index object, words keys) {
    for (json::index i = tape.first_child(object); i != json::none; i = tape.sibling(i)) {
      if (std::ranges::find(keys, tape[i].key) != keys.end()) continue;
      const std::string_view near = nearest(tape[i].key, keys);
      error("unknown key '" + std::string(tape[i].key) + "'",
            near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
    }
  }
  std::string string(json::index object, std::string_view key) {
    const json::index i = member(object, key);
    if (i == json::none) return {};
    if (!is(i, json::kind::string)) error("'" + std::string(key) + "' must be a string");
    return std::string(tape[i].text);
  }
  std::vector<std::string> strings(json::index object, std::string_view key) {
    std::vector<std::string> out;
    const json::index list = member(object, key);
    if (list == json::none) return out;
    if (!is(list, json::kind::array)) {
      error("'" + std::string(key) + "' must be a list of strings");
      return out;
    }
    for (json::index i = tape.first_child(list); i != json::none; i = tape.sibling(i)) {
      if (!is(i, json::kind::string)) error("'" + std::string(key) + "' must hold strings only");
      out.emplace_back(tape[i].text);
    }
    return out;
  }
  template <class Enum>
  std::optional<Enum> word(json::index object, std::string_view key, words table, words later = {}) {
    const std::string text = string(object, key);
    if (text.empty()) return std::nullopt;
    const auto i = std::ranges::find(table, text);
    if (i != table.end()) return static_cast<Enum>(i - table.begin());
    const bool is_later = std::ranges::find(later, text) != later.end();
    const std::string_view near = is_later ? std::string_view() : nearest(text, table);
    error("'" + text + "' is " +
              (is_later ? "not supported by this version" : "no value of '" + std::string(key) + "'"),
          near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
    return std::nullopt;
  }
};

void read_messages(line_reader& in, json::index list, golden_case& out) {
  static constexpr std::string_view keys[] = {"role", "content", "part"};
  if (!in.is(list, json::kind::array)) return in.error("'messages' must be a list");
  for (json::index i = in.tape.first_child(list); i != json::none; i = in.tape.sibling(i)) {
    if (!in.is(i, json::kind::object)) return in.error("a message must be an object");
    in.known(i, keys);
    const role who = in.word<role>(i, "role", role_words).value_or(role::user);
    const part_kind usual = who == role::tool ? part_kind::tool_result : part_kind::text;
    out.request.push_back({.who = who,
                           .content = in.string(i, "content"),
                           .part = in.word<part_kind>(i, "part", part_words).value_or(usual)});
  }
}

void read_expect(line_reader& in, json::index object, golden_case& out) {
  static constexpr std::string_view keys[] = {"action_at_least", "action_at_most", "rules_any",
                                              "rules_none",      "text_absent",    "text_present"};
  if (!in.is(object, json::kind::object)) return in.error("'expect' must be an object");
  in.known(object, keys);
  out.expect.action_at_least = in.word<action>(object, "action_at_least", action_words);
  out.expect.action_at_most = in.word<action>(object, "action_at_most", action_words);
  out.expect.rules_any = in.strings(object, "rules_any");
  out.expect.rules_none = in.strings(object, "rules_none");
  out.expect.text_absent = in.strings(object, "text_absent");
  out.expect.text_present = in.strings(object, "text_present");
}

void read_context(line_reader& in, json::index object, context& out) {
  static constexpr std::string_view keys[] = {"tenant", "region", "tier", "user", "conversation", "route", "model", "tags", "time"};
  if (!in.is(object, json::kind::object)) return in.error("'context' must be an object");
  in.known(object, keys);
  out = {.tenant = in.string(object, "tenant"),
         .region = in.string(object, "region"),
         .tier = in.string(object, "tier"),
         .user = in.string(object, "user"),
         .conversation = in.string(object, "conversation"),
         .route = in.string(object, "route"),
         .model = in.string(object, "model"),
         .tags = in.strings(object, "tags")};
  const std::string time = in.string(object, "time");
  if (time.empty()) return;
  const auto read = parse_time(time);
  if (!read) return in.error("'time' must be a time with its offset, as 2026-12-01T10:00:00Z");
  out.minute = minute_of(*read);
}

void read_given(line_reader& in, json::index object, golden_case& out) {
  if (!in.is(object, json::kind::object)) return in.error("'given' must be an object from a score's name to the score", "write {\"topic.money\": 0.9}");
  for (json::index i = in.tape.first_child(object); i != json::none; i = in.tape.sibling(i)) {
    const std::string_view name = in.tape[i].key, text = in.is(i, json::kind::number) ? in.tape.raw(i) : std::string_view{};
    double score = -1;
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), score);
    if (failed != std::errc{} || stop != text.data() + text.size() || !(score >= 0 && score <= 1)) {
      in.error("'given." + std::string(name) + "' must be a number from 0 to 1");
    } else if (!name.contains('.')) {
      in.error("'given." + std::string(name) + "' names no score", "write the classifier's name, a point and the label, as topic.money");
    } else {
      out.given.emplace(name, score);
    }
  }
}

void read_case(line_reader& in, golden_case& out) {
  static constexpr std::string_view keys[] = {"id",       "set",   "slice",  "weight", "context", "messages", "request",
                                              "response", "given", "expect", "label",  "expires", "note"};
  const json::index root = in.tape.root();
  if (!in.is(root, json::kind::object)) return in.error("a case must be a JSON object");
  in.known(root, keys);
  out.id = in.string(root, "id");
  out.set = in.string(root, "set");
  if (out.id.empty()) in.error("a case needs 'id'");
  if (std::ranges::find(golden_set_words, out.set) == std::end(golden_set_words)) {
    in.error("'set' must be one of must_block, must_pass, benign, attack, perf, holdout");
  }
  out.slice = in.strings(root, "slice");
  if (const json::index given = in.member(root, "given"); given != json::none) read_given(in, given, out);
  if (const json::index i = in.member(root, "context"); i != json::none) read_context(in, i, out.who);
  if (const json::index i = in.member(root, "messages"); i != json::none) read_messages(in, i, out);
  if (in.member(root, "request") != json::none) {
    if (!out.request.empty()) in.error("give 'request' or 'messages', not both");
    out.request.push_back({.who = role::user, .content = in.string(root, "request"), .part = part_kind::text});
  }
  if (in.member(root, "response") != json::none) out.response = in.string(root, "response");
  if (out.request.empty() && !out.response) in.error("a case needs 'messages', 'request' or 'response'");
  if (const json::index i = in.member(root, "expect"); i != json::none) read_expect(in, i, out);
  const auto least = out.expect.action_at_least, most = out.expect.action_at_most;
  if (least && most && *least > *most) {
    in.error("the case can never hold: 'action_at_least' is " + std::string(to_string(*least)) + ", 'action_at_most' " + std::string(to_string(*most)), "say one of them, or the weaker as action_at_least");
  }
  if (least && !most && out.set == "must_pass" && *least > action::flag) {
    in.error("the case can never hold: set must_pass allows flag at most, and 'action_at_least' is " + std::string(to_string(*least)), "it belongs to another set, as must_block");
  }
}

}  // namespace

std::vector<golden_case> parse_golden(const std::string& file, std::string_view bytes, diagnostics& found) {
  std::vector<golden_case> out;
  json::document tape;
  place at{.file = file, .line = 0, .column = 0};
  constexpr std::size_t diagnostics_max = 100;
  const std::size_t before = found.size();
  while (!bytes.empty() && found.size() - before < diagnostics_max) {
    const std::size_t end = bytes.find('\n');
    const std::string_view line = trim(bytes.substr(0, end));
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    ++at.line;
    if (line.empty()) continue;
    const std::string held(line);
    line_reader in{.tape = tape, .at = at, .found = found};
    if (const auto read = tape.parse(held, depth_max); !read) {
      in.error("not JSON: " + read.error().message);
      continue;
    }
    golden_case next;
    next.place = at;
    read_case(in, next);
    if (in.good) out.push_back(std::move(next));
  }
  return out;
}

std::vector<golden_case> golden_of(const bundle_source& source, diagnostics& found) {
  std::vector<golden_case> out;
  for (const source_file& file : source.files) {
    if (classify_file(file.path) != file_class::golden) continue;
    std::ranges::move(parse_golden(file.path, file.bytes, found), std::back_inserter(out));
  }
  std::unordered_map<std::string, const place*> seen;
  for (const golden_case& each : out) {
    const auto [first, fresh] = seen.emplace(each.id, &each.place);
    if (fresh) continue;
    found.push_back({.severity = severity::error,
                     .place = each.place,
                     .rule = {},
                     .message = "case '" + each.id + "' exists already",
                     .advice = "the first stands at " + to_string(*first->second)});
  }
  return out;
}

}  // namespace sluice::policy
