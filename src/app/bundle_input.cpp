// Loading, building and showing bundles for the commands check, test, diff and explain.
#include "bundle_input.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "failure_document.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/store/directory.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t golden_bytes_max = 256u << 20;

std::string cache_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  std::filesystem::path root = variable("XDG_CACHE_HOME");
  if (root.empty() && !variable("HOME").empty()) root = std::filesystem::path(variable("HOME")) / ".cache";
  if (root.empty() || !root.is_absolute()) return {};
  const std::filesystem::path mine = root / "sluice";
  std::error_code failed;
  std::filesystem::create_directories(mine, failed);
  if (failed || ::access(mine.c_str(), W_OK) != 0) return {};
  return mine.string();
}

std::string_view line_of(std::string_view bytes, int line) {
  for (int at = 1; at < line; ++at) {
    const std::size_t newline = bytes.find('\n');
    if (newline == std::string_view::npos) return {};
    bytes.remove_prefix(newline + 1);
  }
  const std::string_view text = bytes.substr(0, bytes.find('\n'));
  return text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
}

// The line with a mark under the column; long lines are cut around it. Columns count bytes, the mark counts code
// points.
std::string excerpt(std::string_view line, int column) {
  constexpr std::size_t width = 100;
  std::size_t at = std::min(static_cast<std::size_t>(std::max(column - 1, 0)), line.size());
  std::string before(line.substr(0, at)), after(line.substr(at));
  if (before.size() > width / 2) {
    std::size_t cut = before.size() - width / 2;
    while (cut < before.size() && continues_code_point(before[cut])) ++cut;
    before = "…" + before.substr(cut);
  }
  if (before.size() + after.size() > width) {
    std::size_t keep = width - std::min(before.size(), width - 1);
    while (keep < after.size() && continues_code_point(after[keep])) ++keep;
    if (keep < after.size()) after = after.substr(0, keep) + "…";
  }
  std::string shown = before + after, mark;
  std::ranges::replace_if(shown, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  for (const char c : before) {
    if (!continues_code_point(c)) mark += ' ';
  }
  return "    " + printable(shown) + "\n    " + mark + "^";
}

// A case that names a rule which does not exist would hold for ever, or fail for the wrong reason.
void check_rule_ids(const bundle_input& input, const std::vector<policy::golden_case>& cases,
                    policy::diagnostics& found) {
  std::set<std::string> known;
  for (const auto& owner : input.report.bundle.policies) {
    for (const auto& rule : owner.rules) known.insert(rule.id);
  }
  for (const policy::golden_case& each : cases) {
    for (const auto* ids : {&each.expect.rules_any, &each.expect.rules_none}) {
      for (const std::string& id : *ids) {
        if (known.contains(id)) continue;
        found.push_back({.severity = policy::severity::error,
                         .place = each.place,
                         .rule = {},
                         .message = "case '" + each.id + "' names rule '" + id + "', which the bundle does not have",
                         .advice = {}});
      }
    }
  }
}

void keep_error(const policy::diagnostic& of) {
  if (of.severity == policy::severity::error) keep_complaint(of.place.file.empty() ? of.message : to_string(of.place) + ": " + of.message, of.advice);
}

std::string_view bytes_of(const policy::bundle_source& source, const std::string& path) {
  const auto at = std::ranges::find(source.files, path, &policy::source_file::path);
  return at == source.files.end() ? std::string_view{} : std::string_view(at->bytes);
}

}  // namespace

bundle_compiler make_bundle_compiler() {
  return {.backend = match::child_backend("/proc/self/exe", {}),
          .cache = std::make_unique<policy::shard_cache>(cache_directory())};
}

std::optional<bundle_input> build_bundle(const std::string& path, const std::string& now_text, bundle_compiler& with, held_against what, policy::expired_exceptions how) {
  wall_time today = now().wall;
  if (!now_text.empty()) {
    const auto given = parse_time(now_text);
    if (!given) {
      complain("--now: " + check_day(now_text));
      return std::nullopt;
    }
    today = *given;
  }
  auto source = store::load_directory(path, {});
  if (!source) {
    const bool no_folder = source.error().code == errc::not_found || source.error().code == errc::invalid_argument;
    complain(source.error().message, no_folder ? "give the folder that holds bundle.yaml" : "nothing of the bundle was read; correct this first");
    return std::nullopt;
  }
  bundle_input out{.path = path, .source = std::move(*source), .report = {}};
  out.report = policy::build(out.source, today, *with.backend, *with.cache, how);
  if (what == held_against::harmless_texts) out.breadth = policy::hold_against_harmless_texts(out.report, out.source, *with.backend, *with.cache);
  return out;
}

bundle_input build_published(std::string path, policy::bundle_source source, bundle_compiler& with) {
  bundle_input out{.path = std::move(path), .source = std::move(source), .report = {}};
  out.report = policy::build(out.source, now().wall, *with.backend, *with.cache, policy::expired_exceptions::leave_out);
  return out;
}

std::optional<bundle_input> need_bundle(const std::string& path, const std::string& now_text, bundle_compiler& with, held_against what, policy::expired_exceptions how) {
  auto input = build_bundle(path, now_text, with, what, how);
  if (!input || input->report.snapshot != nullptr) return input;
  show_diagnostics(*input);
  complain(path + " was refused in phase " + std::string(policy::to_string(input->report.reached)),
           "correct it; sluice check " + path + " shows the same");
  return std::nullopt;
}

void show_diagnostics(const bundle_input& input) {
  const bool colour = ::isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  for (const policy::diagnostic& each : input.report.found) {
    policy::diagnostic with_path = each;
    with_path.place.file = (std::filesystem::path(input.path) / each.place.file).lexically_normal().string();
    const bool is_error = each.severity == policy::severity::error;
    std::cerr << (colour ? (is_error ? "\033[31m" : "\033[33m") : "") << printable_lines(policy::to_text(with_path))
              << (colour ? "\033[0m" : "") << '\n';
    keep_error(with_path);
    const std::string_view line =
        each.place.line > 0 ? line_of(bytes_of(input.source, each.place.file), each.place.line) : "";
    if (!line.empty() && each.place.column > 0) std::cerr << excerpt(line, each.place.column) << '\n';
  }
}

void show_diagnostics(const policy::diagnostics& found) {
  std::cerr << printable_lines(policy::to_text(found));
  for (const auto& each : found) keep_error(each);
}

std::string check_day(const std::string& text) {
  return parse_time(text) ? std::string() : "'" + text + "' is no day; write it as 2026-12-31";
}

std::optional<std::string> read_whole(const std::string& file, std::size_t bytes_max) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    complain("cannot read " + file, "check the path and its permissions");
    return std::nullopt;
  }
  // Not by its size: what is a device or a pipe has none.
  std::string out;
  constexpr std::size_t piece = 64 << 10;
  while (in && out.size() <= bytes_max) {
    const auto had = out.size();
    out.resize(had + std::min(piece, bytes_max + 1 - had));
    in.read(out.data() + had, static_cast<std::streamsize>(out.size() - had));
    out.resize(had + static_cast<std::size_t>(in.gcount()));
  }
  if (out.size() <= bytes_max) return out;
  complain(file + " has more than " + std::to_string(bytes_max) + " bytes, which is more than is read", "split it");
  return std::nullopt;
}

std::optional<std::vector<policy::golden_case>> golden_cases(const bundle_input& input,
                                                             const std::vector<std::string>& files) {
  policy::diagnostics found;
  std::vector<policy::golden_case> out = policy::golden_of(input.source, found);
  for (const std::string& file : files) {
    const auto bytes = read_whole(file, golden_bytes_max);
    if (!bytes) return std::nullopt;
    std::ranges::move(policy::parse_golden(file, *bytes, found), std::back_inserter(out));
  }
  check_rule_ids(input, out, found);
  if (!policy::has_errors(found)) return out;
  show_diagnostics(found);
  complain("a golden set cannot be used", "correct the lines above");
  return std::nullopt;
}

std::string short_version(const std::string& version) {
  constexpr std::size_t shown = 12;
  return printable(version.substr(0, shown));
}

}  // namespace sluice::app
