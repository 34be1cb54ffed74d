// What it costs to know whose rules apply: the look-up of a context, and the memory of what was composed for it.
//
//   sluice_scope_price [TENANTS]
//
// A bundle with a policy for each of TENANTS tenants (1,000), one for each of two regions, exceptions by route, a policy for tagged
// conversations and one for business hours; the same with a quarter of the tenants. Contexts of every kind are looked up in no order. Prints JSON: nanoseconds of one
// look-up, bytes of the snapshot a policy in both sizes, bytes that were allocated while a million different contexts came.
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/shard_cache.hpp"

namespace {

using namespace sluice;

constexpr int regions = 2;

std::string rule(const std::string& id, const std::string& more = {}) {
  return "  - id: " + id + "\n    direction: both\n    match: {keywords: [word " + id + "]}\n    action: {type: redact}\n" + more + "    tests:\n      - {name: hit, request: word " + id +
         ", expect: {rules_any: [" + id + "]}}\n      - {name: miss, request: hay, expect: {rules: []}}\n";
}

policy::bundle_source bundle_of(int tenants) {
  policy::bundle_source source;
  std::string modules;
  const auto add = [&](const std::string& name, const std::string& bind, const std::string& rules) {
    modules += "  - {use: " + name + ", bind: " + bind + "}\n";
    source.files.push_back(policy::make_source_file(name + ".yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: " + name + ", owner: o}\nrules:\n" + rules));
  };
  const std::string by_route = "    relaxable: true\n    exceptions:\n      - {id: desk, when: {route: desk}, reason: r, owner: o, ticket: t, expires: 2026-12-31}\n";
  add("base", "{scope: global}", rule("base-1", by_route) + rule("base-2"));
  for (int i = 0; i < tenants; ++i) add("tenant-" + std::to_string(i), "{tenant: t" + std::to_string(i) + "}", rule("tenant-" + std::to_string(i) + "-1"));
  for (int i = 0; i < regions; ++i) add("region-" + std::to_string(i), "{region: r" + std::to_string(i) + "}", rule("region-" + std::to_string(i) + "-1"));
  add("tagged", "{conversation_tag: [investing]}", rule("tagged-1"));
  add("hours", "{time: {tz: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: \"09:00\", to: \"17:00\"}}", rule("hours-1"));
  source.files.push_back(policy::make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n" + modules));
  return source;
}

std::shared_ptr<const policy::snapshot> compiled(int tenants, milliseconds& took) {
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  policy::diagnostics found;
  auto ast = policy::parse(bundle_of(tenants), found);
  if (!policy::has_errors(found)) policy::check(ast, parse_time("2026-12-01").value(), found);
  const auto begin = mono_now();
  auto out = policy::has_errors(found) ? nullptr : policy::compile(ast, *backend, cache, found);
  took = std::chrono::duration_cast<milliseconds>(mono_now() - begin);
  if (out == nullptr) {
    std::fprintf(stderr, "the measurement's own bundle is refused:\n%s\n", policy::to_text(found).c_str());
    std::exit(2);
  }
  return out;
}

std::vector<policy::context> contexts(int tenants, std::size_t count) {
  std::mt19937 random(5);
  std::vector<policy::context> out(count);
  for (auto& who : out) {
    who.tenant = "t" + std::to_string(random() % static_cast<unsigned>(tenants + tenants / 10));  // one in eleven has no policy
    who.region = "r" + std::to_string(random() % (regions + 1));
    who.tier = "standard";
    who.route = random() % 4 == 0 ? "desk" : "chat";
    who.model = "gpt-4o-mini";
    if (random() % 4 == 0) who.tags = {"investing"};
    who.minute = 29'000'000 + random() % 10'080;
  }
  return out;
}

double look_up_ns(const policy::snapshot& with, const std::vector<policy::context>& all) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {  // the least disturbed one
    std::size_t sum = 0;
    const auto begin = mono_now();
    for (const auto& who : all) sum += policy::effective_hash(with.rules_for(who)).size();
    const auto took = std::chrono::duration<double, std::nano>(mono_now() - begin).count() / static_cast<double>(all.size());
    if (sum != 64 * all.size()) std::exit(2);
    best = std::min(best, took);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int tenants = argc > 1 ? std::atoi(argv[1]) : 1000;
  if (argc > 2 || tenants < 4 || tenants > 4000) {
    std::fprintf(stderr, "usage: %s [TENANTS]   (4 to 4000)\n", argv[0]);
    return 2;
  }
  milliseconds took{0}, few_took{0};
  const auto many = compiled(tenants, took), few = compiled(tenants / 4, few_took);
  const auto each = look_up_ns(*many, contexts(tenants, 20'000));
  const auto million = contexts(tenants, 1'000'000);
  const auto before = mallinfo2().uordblks;
  std::size_t sum = 0;
  for (const auto& who : million) sum += policy::effective_hash(many->rules_for(who)).size();
  const auto grown = mallinfo2().uordblks - before;
  if (sum != 64 * million.size()) return 2;
  const auto a_policy = [](const policy::snapshot& of, int count) { return static_cast<double>(of.memory_bytes()) / count; };
  std::printf("{\"tenants\": %d, \"compile_ms\": %lld, \"lookup_ns\": %.1f, \"bytes_a_policy\": %.0f, \"bytes_a_policy_of_a_quarter\": %.0f, \"contexts\": %zu, \"bytes_grown\": %zu}\n", tenants,
              static_cast<long long>(took.count()), each, a_policy(*many, tenants), a_policy(*few, tenants / 4), million.size(), static_cast<std::size_t>(grown));
  return 0;
}
