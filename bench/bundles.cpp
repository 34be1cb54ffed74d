// See bundles.hpp.
#include "bundles.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/shard_cache.hpp"

namespace sluice::bench {
namespace {

std::string pick(std::mt19937& random, std::string_view of) { return std::string(1, of[random() % of.size()]); }

std::string word(std::mt19937& random) {
  std::string out;
  for (auto n = 3 + random() % 3; n > 0; --n) out += pick(random, "bcdfghklmnprstvz") + pick(random, "aeiou");
  return out + "x";
}

std::string rule(const std::string& id, const std::string& match, const std::string& example) {
  return "  - id: " + id + "\n    title: T\n    severity: low\n    direction: both\n    match: " + match +
         "\n    action: {type: redact, mask: \"[R]\"}\n    tests:\n      - {name: hit, request: \"" + example + "\", expect: {rules: [" + id +
         "]}}\n      - {name: miss, request: \"nothing\", expect: {rules: []}}\n";
}

std::shared_ptr<const policy::snapshot> build(const std::string& rules) {
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml",
                                                  "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nlimits: {max_patterns: 200000}\nmodules: "
                                                  "[{use: p, bind: {scope: global}}]\n"));
  source.files.push_back(policy::make_source_file("p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rules));
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  auto report = policy::build(source, parse_time("2026-12-01").value(), *backend, cache);
  if (report.snapshot == nullptr) {
    std::fprintf(stderr, "the benchmark's own bundle is refused:\n%s\n", policy::to_text(report.found).c_str());
    std::exit(1);
  }
  return report.snapshot;
}

}  // namespace

std::string prose(std::size_t bytes) {
  static constexpr std::string_view words[] = {"the", "account", "balance", "shows", "that", "your", "payment", "was", "received", "on", "time", "and",
                                               "next", "statement", "will", "follow", "by", "mail", "holidays", "branch"};
  std::mt19937 random(3);
  std::string out;
  while (out.size() < bytes) (out += words[random() % std::size(words)]) += ' ';
  out.resize(bytes);
  return out;
}

std::shared_ptr<const policy::snapshot> compiled(std::size_t keywords, std::size_t regexes) {
  static std::map<std::pair<std::size_t, std::size_t>, std::shared_ptr<const policy::snapshot>> made;
  auto& kept = made[{keywords, regexes}];
  if (kept != nullptr) return kept;
  std::mt19937 random(1);
  std::string rules, list, first;
  for (std::size_t i = 0; i < keywords; ++i) {
    const auto w = word(random);
    if (first.empty()) first = w;
    list += (i == 0 ? "" : ", ") + w;
  }
  if (keywords > 0) rules += rule("words", "{keywords: [" + list + "]}", first);
  for (std::size_t i = 0; i < regexes; ++i) {
    std::string head;
    for (int n = 0; n < 4; ++n) head += pick(random, "bcdfghjklmnpqrstvwxz");
    rules += rule("shape-" + std::to_string(i), "{regex: '\\b" + head + "_[A-Za-z0-9]{24,40}\\b'}", head + "_Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3Ab3");
  }
  return kept = build(rules);
}

std::shared_ptr<const policy::snapshot> compiled(const std::string& rule) { return build(rule); }

}  // namespace sluice::bench
