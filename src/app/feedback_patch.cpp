// See feedback_patch.hpp.
#include "feedback_patch.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "sluice/text/view.hpp"

namespace sluice::app {
namespace {

constexpr const char* golden_file = "golden/feedback.jsonl";
constexpr std::size_t context_lines = 3;

std::vector<std::string> lines_of(const std::string& bytes) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto end = std::min(bytes.find('\n', at), bytes.size());
    out.push_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Lines to put before the line of that index (0-based).
using insertions = std::map<std::size_t, std::vector<std::string>>;

std::string joined(const std::vector<std::string>& lines, const insertions& added) {
  std::string out;
  for (std::size_t i = 0; i <= lines.size(); ++i) {
    if (const auto at = added.find(i); at != added.end()) {
      for (const auto& line : at->second) out += line + "\n";
    }
    if (i < lines.size()) out += lines[i] + "\n";
  }
  return out;
}

// One hunk for each place: places that lie close to each other share theirs.
// `open_end`: the last line of the file has no end.
std::string diff_of(const std::string& path, bool is_new, const std::vector<std::string>& lines, const insertions& added, bool open_end) {
  constexpr const char* no_end = "\\ No newline at end of file\n";
  std::string out = is_new ? "--- /dev/null\n+++ b/" + path + "\n" : "--- a/" + path + "\n+++ b/" + path + "\n";
  std::size_t shift = 0;
  for (auto at = added.begin(); at != added.end();) {
    auto last = at;
    std::size_t count = at->second.size();
    for (auto next = std::next(last); next != added.end() && next->first <= last->first + 2 * context_lines; ++next) {
      count += next->second.size();
      last = next;
    }
    const std::size_t begin = at->first > context_lines ? at->first - context_lines : 0, end = std::min(lines.size(), last->first + context_lines);
    const std::size_t before = end - begin;
    out += "@@ -" + std::to_string(before == 0 ? 0 : begin + 1) + "," + std::to_string(before) + " +" + std::to_string(begin + shift + 1) + "," + std::to_string(before + count) + " @@\n";
    for (std::size_t i = begin; i <= end; ++i) {
      if (const auto here = added.find(i); here != added.end() && here->first >= at->first && here->first <= last->first) {
        for (const auto& line : here->second) out += "+" + line + "\n";
      }
      if (i >= end) continue;
      const bool last_line = open_end && i + 1 == lines.size();
      const bool goes_on = last_line && last->first == lines.size();  // what follows needs the end that is missing
      out += (goes_on ? "-" : " ") + lines[i] + "\n";
      if (last_line) out += no_end;
      if (goes_on) out += "+" + lines[i] + "\n";
    }
    shift += count;
    at = std::next(last);
  }
  return out;
}

// Whether the rule whose first line this is says `exceptions` itself, and has none: a second one would be given twice.
bool says_none(const std::vector<std::string>& lines, std::size_t first, std::size_t key) {
  for (auto i = first + 1; i < lines.size(); ++i) {
    const auto begin = lines[i].find_first_not_of(' ');
    if (begin == std::string::npos || lines[i][begin] == '#') continue;
    if (begin < key) return false;
    if (begin == key && lines[i].compare(begin, std::string_view("exceptions:").size(), "exceptions:") == 0) return true;
  }
  return false;
}

// Where an exception of this rule goes, and how its line begins; nothing when the rule is written in one line, or says `exceptions: []`.
struct spot {
  std::size_t before = 0;
  std::vector<std::string> lead;  // lines that come first
  std::string indent;
};
std::optional<spot> spot_in(const std::vector<std::string>& lines, const policy::rule& of) {
  const auto line_of = [&](const policy::place& at) {
    const auto line = static_cast<std::size_t>(std::max(at.line, 0));
    return line >= 1 && line <= lines.size() ? std::optional(line - 1) : std::nullopt;
  };
  if (!of.exceptions.empty()) {
    const auto at = line_of(of.exceptions.front().place);
    if (!at) return std::nullopt;
    const auto dash = lines[*at].find_first_not_of(' ');
    if (dash == std::string::npos || lines[*at][dash] != '-') return std::nullopt;
    return spot{.before = *at, .lead = {}, .indent = std::string(dash, ' ')};
  }
  const auto at = line_of(of.place);
  if (!at) return std::nullopt;
  const auto dash = lines[*at].find_first_not_of(' ');
  if (dash == std::string::npos || lines[*at][dash] != '-') return std::nullopt;
  const auto key = lines[*at].find_first_not_of(' ', dash + 1);
  if (key == std::string::npos || lines[*at][key] == '{' || says_none(lines, *at, key)) return std::nullopt;
  return spot{.before = *at + 1, .lead = {std::string(key, ' ') + "exceptions:"}, .indent = std::string(key + 2, ' ')};
}

const policy::rule* rule_of(const policy::bundle_ast& bundle, const rollout::proposed_exception& of) {
  for (const auto& owner : bundle.policies) {
    for (const auto& rule : owner.rules) {
      if (owner.name == of.policy && rule.id == of.rule) return &rule;
    }
  }
  return nullptr;
}

// Whether these are the very words that a rule looks for: an exception for one of them would switch it off.
bool is_word_of(const policy::match_spec& match, const policy::bundle_ast& bundle, const std::string& folded) {
  using enum policy::match_spec::kind;
  const auto same = [&](const std::string& word) { return text::normalise(word, text::view_kind::folded) == folded; };
  if (match.kind == keywords) {
    const auto list = bundle.lists.find(match.keywords.list);
    return std::ranges::any_of(match.keywords.words, same) || (list != bundle.lists.end() && std::ranges::any_of(list->second.words.words, same));
  }
  return match.kind != negation && std::ranges::any_of(match.children, [&](const auto& child) { return is_word_of(child, bundle, folded); });
}

// Why an exception cannot be written into this bundle; empty: it can.
std::string obstacle(const policy::bundle_ast& bundle, const policy::rule* rule, const rollout::proposed_exception& of, bool has_place) {
  if (rule == nullptr) return ": this bundle has none";
  const auto where = ", " + to_string(rule->place);
  if (is_word_of(rule->match, bundle, text::normalise(of.value, text::view_kind::folded))) {
    return where + ": what it found is a word of its own, and an exception for it would switch that word off for all texts of the tenant; narrow the rule by hand (near, unless_near, all), its golden case is in the patch";
  }
  return has_place ? "" : where + ": add by hand: " + of.yaml;
}

}  // namespace

bundle_patch patch_of(const bundle_input& bundle, const rollout::proposal& what) {
  bundle_patch out;
  out.patched = bundle.source;
  std::map<std::string, insertions> added;  // by file
  const auto file_of = [&](const std::string& path) { return std::ranges::find(out.patched.files, path, &policy::source_file::path); };
  for (const auto& each : what.exceptions) {
    const auto* rule = rule_of(bundle.report.bundle, each);
    // Of an export that was taken over before: as a case that is there, it is not added again.
    if (rule != nullptr && !each.id.empty() && std::ranges::find(rule->exceptions, each.id, &policy::exception_spec::id) != rule->exceptions.end()) continue;
    const auto file = rule == nullptr ? out.patched.files.end() : file_of(rule->place.file);
    const auto at = file == out.patched.files.end() ? std::nullopt : spot_in(lines_of(file->bytes), *rule);
    if (const auto why = obstacle(bundle.report.bundle, rule, each, at.has_value()); !why.empty()) {
      out.left_out.push_back("rule " + each.rule + why);
      continue;
    }
    auto& lines = added[file->path][at->before];
    if (lines.empty()) lines = at->lead;
    lines.push_back(at->indent + "- " + each.yaml);
    ++out.exceptions;
  }
  const auto golden = file_of(golden_file);
  const bool fresh = golden == out.patched.files.end();
  const auto present = fresh ? std::vector<std::string>{} : lines_of(golden->bytes);
  for (const auto& line : what.cases) {
    const auto id = line.substr(0, line.find(','));  // the first member
    const bool known = std::ranges::any_of(present, [&](const auto& other) { return other.starts_with(id + ","); });
    if (!known) added[golden_file][present.size()].push_back(line);
  }
  for (const auto& [path, places] : added) {
    const auto file = file_of(path);
    const auto lines = file == out.patched.files.end() ? std::vector<std::string>{} : lines_of(file->bytes);
    const bool open_end = file != out.patched.files.end() && !file->bytes.empty() && !file->bytes.ends_with('\n');
    out.text += diff_of(path, file == out.patched.files.end(), lines, places, open_end);
    auto made = policy::make_source_file(path, joined(lines, places));
    if (file == out.patched.files.end()) out.patched.files.push_back(std::move(made));
    else *file = std::move(made);
  }
  std::ranges::sort(out.patched.files, {}, &policy::source_file::path);
  return out;
}

}  // namespace sluice::app
