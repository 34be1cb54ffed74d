// The exposition against a strict reader of the text format 0.0.4: a family is announced once and before its samples, names
// are legal, label values are escaped, histograms are cumulative and end in +Inf.
#include "sluice/telemetry/metrics.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace sluice::telemetry {
namespace {

struct sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
};
struct reading {
  std::map<std::string, std::string> types;
  std::vector<sample> samples;
  std::string problem;
};

bool legal_name(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':'; });
}

// Reads {a="b",…} from `at`; false when it is not exactly that.
bool read_labels(const std::string& line, std::size_t& at, std::map<std::string, std::string>& out) {
  if (line[at] != '{') return true;
  ++at;
  for (;;) {
    const auto equals = line.find("=\"", at);
    if (equals == std::string::npos || !legal_name(line.substr(at, equals - at))) return false;
    const std::string key = line.substr(at, equals - at);
    std::string value;
    for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') {
        value += line[at];
        continue;
      }
      const char next = ++at < line.size() ? line[at] : '\0';
      if (next != 'n' && next != '\\' && next != '"') return false;
      value += next == 'n' ? '\n' : next;
    }
    if (at >= line.size()) return false;
    if (!out.emplace(key, value).second) return false;
    ++at;
    if (at < line.size() && line[at] == ',') {
      ++at;
      continue;
    }
    if (at < line.size() && line[at] == '}') {
      ++at;
      return true;
    }
    return false;
  }
}

std::optional<double> read_value(const std::string& text) {
  if (text == "NaN") return NAN;
  if (text == "+Inf") return INFINITY;
  std::size_t used = 0;
  if (text.empty() || std::isspace(static_cast<unsigned char>(text[0]))) return std::nullopt;
  const double value = std::stod(text, &used);
  return used == text.size() ? std::optional(value) : std::nullopt;
}

std::string family_of(const std::string& name, const reading& r) {
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const auto base = name.substr(0, name.size() - suffix.size());
    if (r.types.contains(base) && r.types.at(base) == "histogram") return base;
  }
  return name;
}

reading read(const std::string& text) {
  reading out;
  std::set<std::string> seen;
  std::string current, line;
  if (!text.ends_with('\n')) out.problem = "the last line has no end";
  std::istringstream in(text);
  while (out.problem.empty() && std::getline(in, line)) {
    std::istringstream words(line);
    std::string hash, kind, name, type;
    if (line.starts_with("# ")) {
      words >> hash >> kind >> name >> type;
      if (!legal_name(name)) out.problem = "name: " + line;
      if (kind == "TYPE") {
        if (!out.types.emplace(name, type).second) out.problem = "announced twice: " + name;
        current = name;
      }
      continue;
    }
    sample made;
    auto at = line.find_first_of("{ ");
    if (at == std::string::npos) {
      out.problem = "no value: " + line;
      break;
    }
    made.name = line.substr(0, at);
    if (!legal_name(made.name) || !read_labels(line, at, made.labels) || at >= line.size() || line[at] != ' ') {
      out.problem = "sample: " + line;
      break;
    }
    const auto value = read_value(line.substr(at + 1));
    if (!value) out.problem = "value: " + line;
    if (family_of(made.name, out) != current) out.problem = "not announced: " + line;
    if (!seen.insert(line.substr(0, at)).second) out.problem = "the same series twice: " + line;
    made.value = value.value_or(0);
    out.samples.push_back(made);
  }
  return out;
}

double value_of(const reading& r, const std::string& name) {
  for (const auto& each : r.samples) {
    if (each.name == name) return each.value;
  }
  ADD_FAILURE() << "no sample " << name;
  return -1;
}

TEST(metrics, are_legal_with_nothing_to_tell) {
  const auto r = read(render({}));
  EXPECT_EQ(r.problem, "");
  EXPECT_TRUE(std::isnan(value_of(r, "sluice_policy_age_seconds")));
  EXPECT_GT(value_of(r, "process_resident_memory_bytes"), 100'000);
}

TEST(metrics, add_the_workers_up_and_escape_labels) {
  worker_counters a, b;
  a.exchanges.add(3);
  b.exchanges.add(4);
  a.in_flight.add(2);
  b.in_flight.add(-1);
  metrics_input in;
  in.workers = {&a, &b};
  in.node = "we\"ird\\\nnode";
  in.rules = {{.policy = "p", .rule = "r", .action = "block", .enforced = true, .findings = 5},
              {.policy = "p", .rule = "r", .action = "block", .enforced = false, .findings = 6}};
  in.policy.state = "STALE";
  const auto r = read(render(in));
  ASSERT_EQ(r.problem, "");
  EXPECT_EQ(value_of(r, "sluice_exchanges_total"), 7);
  EXPECT_EQ(value_of(r, "sluice_in_flight"), 1);
  EXPECT_EQ(value_of(r, "sluice_rule_findings_total"), 5);
  bool found = false;
  for (const auto& each : r.samples) {
    for (const auto& [key, value] : each.labels) found = found || value == in.node;
  }
  EXPECT_TRUE(found);
}

TEST(metrics, tell_of_feedback_where_it_is_taken) {
  metrics_input in;
  EXPECT_EQ(render(in).find("sluice_feedback"), std::string::npos);
  in.feedback = {.received = 5, .forwarded = 3, .dropped = 1, .spool_bytes = 200, .present = true};
  const auto r = read(render(in));
  ASSERT_EQ(r.problem, "");
  EXPECT_EQ(value_of(r, "sluice_feedback_received_total"), 5);
  EXPECT_EQ(value_of(r, "sluice_feedback_forwarded_total"), 3);
  EXPECT_EQ(value_of(r, "sluice_feedback_dropped_total"), 1);
  EXPECT_EQ(value_of(r, "sluice_feedback_spool_bytes"), 200);
}

TEST(metrics, every_reason_of_a_refusal_and_every_shadow_verdict_has_its_sample) {
  worker_counters w;
  w.refused[static_cast<std::size_t>(refusal::unknown_path)].add(3);
  w.shadow_blocked.add(2);
  metrics_input in;
  in.workers = {&w};
  const auto r = read(render(in));
  ASSERT_EQ(r.problem, "");
  std::size_t reasons = 0;
  double paths = 0, blocked = 0;
  for (const auto& each : r.samples) {
    reasons += each.name == "sluice_exchanges_refused_total" ? 1 : 0;
    for (const auto& [key, value] : each.labels) {
      if (value == "unknown_path") paths = each.value;
      if (each.name == "sluice_exchanges_shadow_total" && value == "block") blocked = each.value;
    }
  }
  EXPECT_EQ(reasons, refusal_names.size());
  EXPECT_EQ(paths, 3);
  EXPECT_EQ(blocked, 2);
}

TEST(metrics, histograms_are_cumulative_and_end_with_all) {
  worker_counters w;
  for (const std::uint64_t us : {1ull, 3ull, 200ull, 1ull << 40}) w.added_latency.observe(us);
  metrics_input in;
  in.workers = {&w};
  const auto r = read(render(in));
  ASSERT_EQ(r.problem, "");
  double last = 0, buckets = 0;
  for (const auto& each : r.samples) {
    if (each.name != "sluice_added_latency_seconds_bucket") continue;
    EXPECT_GE(each.value, last);
    last = each.value;
    ++buckets;
  }
  EXPECT_EQ(buckets, latency_histogram::buckets + 1);
  EXPECT_EQ(last, 4);
  EXPECT_EQ(value_of(r, "sluice_added_latency_seconds_count"), 4);
  EXPECT_NEAR(value_of(r, "sluice_added_latency_seconds_sum"), 1e-6 * (1 + 3 + 200 + std::ldexp(1.0, 40)), 1e-2);
}

TEST(metrics, unscanned_bytes_by_reason_sum_to_the_total) {
  worker_counters w;
  w.unscanned_bytes.add(100);
  metrics_input in;
  in.workers = {&w};
  in.unscanned_bytes = {{"openai", "attachment", 60}};
  const auto r = read(render(in));
  ASSERT_EQ(r.problem, "");
  double sum = 0;
  for (const auto& each : r.samples) {
    if (each.name == "sluice_unscanned_bytes_total") sum += each.value;
  }
  EXPECT_EQ(sum, 100);
}

}  // namespace
}  // namespace sluice::telemetry
