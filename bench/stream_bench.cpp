// The hold-back of a stream: one answer of 1 KB that comes token by token.
#include <benchmark/benchmark.h>

#include "bundles.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::bench {
namespace {

void stream(benchmark::State& state, const std::shared_ptr<const policy::snapshot>& pinned) {
  constexpr std::size_t token = 4;
  const auto text = prose(1024);
  const auto& rules = pinned->rules_for({});
  policy::scratch working;
  std::string out;
  for (auto _ : state) {
    out.clear();
    policy::stream_evaluator evaluator(pinned, rules, {policy::direction::response, false}, working);
    const auto channel = evaluator.open(policy::role::assistant, policy::part_kind::text, true);
    for (std::size_t at = 0; at < text.size(); at += token) benchmark::DoNotOptimize(evaluator.feed(channel, std::string_view(text).substr(at, token), out));
    benchmark::DoNotOptimize(evaluator.finish(channel, out));
    if (out != text) return state.SkipWithError("benign text did not leave as it came");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * text.size() / token));
}

void hold_back_keywords(benchmark::State& state) { stream(state, compiled(static_cast<std::size_t>(state.range(0)), 0)); }
BENCHMARK(hold_back_keywords)->Arg(10)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void hold_back_regexes(benchmark::State& state) { stream(state, compiled(0, static_cast<std::size_t>(state.range(0)))); }
BENCHMARK(hold_back_regexes)->Arg(1)->Arg(10)->Arg(100);

void hold_back_2000_and_100(benchmark::State& state) { stream(state, compiled(2'000, 100)); }
BENCHMARK(hold_back_2000_and_100);

// Its price is that it holds each last word.
void hold_back_email(benchmark::State& state) {
  static const auto pinned = compiled(
      "  - id: email\n    title: T\n    severity: low\n    direction: both\n    match: {regex: '\\b[a-z0-9.]{1,64}@[a-z0-9-]{1,60}\\.[a-z]{2,10}\\b'}\n"
      "    action: {type: redact, mask: \"[E]\"}\n    tests:\n      - {name: hit, request: \"to a.b@example.com\", expect: {rules: [email]}}\n"
      "      - {name: miss, request: \"nothing\", expect: {rules: []}}\n");
  stream(state, pinned);
}
BENCHMARK(hold_back_email);

}  // namespace
}  // namespace sluice::bench
