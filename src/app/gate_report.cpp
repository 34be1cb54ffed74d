// See gate_report.hpp.
#include "gate_report.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "junit.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/rollout/promotion.hpp"
#include "sluice/store/directory.hpp"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;

// A device, as /dev/stdout, takes a report too.
bool write_report(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  if (file) return true;
  complain(path + " cannot be written", "may this user write there?");
  return false;
}

std::string junit_of(const bundle_input& input, const gate_run& run) {
  junit_report report;
  if (input.report.snapshot == nullptr) report.add(input.report.found);
  report.add(run.report.rows, "gate");
  report.add(run.evidence.tests, "inline tests");
  report.add(run.evidence.results, "golden sets");
  if (run.evidence.active) report.add(run.evidence.active->tests, "inline tests of the active bundle");
  if (run.evidence.active) report.add(run.evidence.active->golden, "golden sets of the active bundle");
  return report.xml();
}

// A word that a shell takes as it is.
std::string shell_word(const std::string& text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string test_command(const std::string& bundle, const std::string& against, const gate_request& asked, const gate_run& run) {
  std::string out = "sluice test " + shell_word(bundle);
  const auto add = [&out](const char* option, const std::string& value) {
    if (!value.empty()) out += std::string(" ") + option + " " + shell_word(value);
  };
  const auto each = [&add](const char* option, const std::vector<std::string>& values) {
    for (const auto& value : values) add(option, value);
  };
  add("--against", against);
  if (!asked.approved_by.empty()) add("--actor", asked.actor);
  add("--approved-by", asked.approved_by);
  add("--expected-change", asked.expected_change);
  if (asked.emergency) return out + " --emergency";  // neither more golden files nor decisions were asked
  each("--golden", asked.golden);
  if (asked.replay.logs.from.empty()) return out;
  each("--decisions", asked.replay.logs.from);
  add("--decisions-since", run.decisions_since ? rfc3339(*run.decisions_since) : asked.replay.since);  // "24h" would be another day's when it is run
  add("--decisions-token-file", asked.replay.logs.token_file);
  add("--secret", asked.replay.secret_file);
  each("--state", asked.replay.states);
  each("--text-keys", asked.replay.keys);
  return out;
}

constexpr std::string_view kept_prefix = "sluice-gate-";
constexpr std::size_t kept_max = 20;

// A folder for temporary files is everybody's: what another user, or a link, has put there under such a name is no report of ours, nor is what has another.
bool is_kept_report(const fs::path& at) {
  struct stat is{};
  constexpr std::size_t version_digits = 12, random_digits = 8;
  const auto name = at.filename().string();
  const auto hex_only = [](std::string_view digits) { return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos; };
  const auto rest = name.starts_with(kept_prefix) ? std::string_view(name).substr(kept_prefix.size()) : std::string_view();
  const bool named = rest.size() == version_digits + 1 + random_digits && rest[version_digits] == '-' && hex_only(rest.substr(0, version_digits)) && hex_only(rest.substr(version_digits + 1));
  std::error_code ignored;
  return named && fs::exists(at / "report.json", ignored) && ::lstat(at.c_str(), &is) == 0 && S_ISDIR(is.st_mode) && is.st_uid == ::geteuid();
}

// So that a pipeline which is refused every hour fills no disk: the oldest of this user's go, but for one less than may be kept.
void make_room(const fs::path& in) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> kept;
  for (const auto& each : fs::directory_iterator(in, fs::directory_options::skip_permission_denied, ignored)) {
    if (is_kept_report(each.path())) kept.emplace_back(fs::last_write_time(each.path(), ignored), each.path());
  }
  std::ranges::sort(kept, std::greater());
  for (std::size_t i = kept_max - 1; i < kept.size(); ++i) fs::remove_all(kept[i].second, ignored);
}

// Only whoever pushes reads there, from its first moment: what is live may not be everybody's to see.
result<fs::path> new_folder(const std::string& version) {
  std::error_code why;
  const auto in = fs::temp_directory_path(why);
  const auto out = in / (std::string(kept_prefix) + version.substr(0, 12) + "-" + hex(crypto::random_bytes(4)));
  if (!why) make_room(in);
  if (!why && ::mkdir(out.c_str(), S_IRWXU) != 0) why = std::error_code(errno, std::generic_category());
  return why ? result<fs::path>(fail(errc::io, "no folder can be made for it (" + out.string() + ": " + why.message() + ")")) : out;
}

result<fs::path> keep(const bundle_input& input, const bundle_input* active, const gate_run& run) {
  auto folder = new_folder(run.evidence.version);
  if (!folder) return folder;
  if (auto done = write_file((*folder / "report.json").string(), report_json(input, run), {.synced = false}); !done) return std::unexpected(done.error());
  if (active == nullptr) return folder;
  auto done = store::write_directory(active->source, (*folder / "against").string());
  return done ? folder : std::unexpected(done.error());
}

}  // namespace

std::string report_json(const bundle_input& input, const gate_run& run) {
  auto document = parse_bounded<nlohmann::ordered_json>(rollout::to_json(run.report, run.evidence, run.terms), record_bounds);
  document["promotion"] = nlohmann::ordered_json::array();
  for (const auto& each : rollout::promotions(input.report.bundle, run.evidence.cases, run.evidence.results)) {
    document["promotion"].push_back({{"rule", each.rule},
                                     {"policy", each.policy},
                                     {"verdict", to_string(each.shown)},
                                     {"samples", each.samples},
                                     {"samples_wanted", each.wanted.min_samples},
                                     {"found", each.found},
                                     {"harmless", each.harmless},
                                     {"wrong", each.wrong},
                                     {"fpr_upper95", each.fpr_upper95},
                                     {"fpr_upper95_wanted", each.wanted.fpr_upper95},
                                     {"days_wanted", each.wanted.min_days}});
  }
  return document.dump(2) + "\n";
}

bool write_reports(const report_files& files, const bundle_input& input, const gate_run& run) {
  if (!files.json.empty() && !write_report(files.json, report_json(input, run))) return false;
  if (!files.html.empty() && !write_report(files.html, rollout::to_html(run.report, run.evidence, run.terms))) return false;
  return files.junit.empty() || write_report(files.junit, junit_of(input, run));
}

std::string keep_refused(const bundle_input& input, const bundle_input* active, const gate_request& asked, const gate_run& run) {
  const auto folder = keep(input, active, run);
  if (!folder) return "the report could not be kept: " + folder.error().message + ". The same again, but for what it was held against: " + test_command(input.path, "", asked, run);
  return "its report: " + (*folder / "report.json").string() + "; the same again: " + test_command(input.path, active != nullptr ? (*folder / "against").string() : "", asked, run);
}

}  // namespace sluice::app
