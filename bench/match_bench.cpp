// A whole text against rules; validators; the normalised view.
#include <benchmark/benchmark.h>

#include <fstream>
#include <sstream>

#include "bundles.hpp"
#include "sluice/match/classifier.hpp"
#include "sluice/match/validator.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/text/view.hpp"

namespace sluice::bench {
namespace {

void evaluate(benchmark::State& state, const std::shared_ptr<const policy::snapshot>& pinned, const std::string& text) {
  const auto& rules = pinned->rules_for({});
  policy::scratch working;
  const policy::text_part part{policy::role::user, policy::part_kind::text, true, true, text};
  for (auto _ : state) benchmark::DoNotOptimize(policy::evaluate(rules, {&part, 1}, {policy::direction::request, false}, working));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void match_keywords(benchmark::State& state) { evaluate(state, compiled(static_cast<std::size_t>(state.range(0)), 0), prose(1024)); }
BENCHMARK(match_keywords)->Arg(10)->Arg(1'000)->Arg(10'000)->Arg(100'000);

void match_regexes(benchmark::State& state) { evaluate(state, compiled(0, static_cast<std::size_t>(state.range(0))), prose(1024)); }
BENCHMARK(match_regexes)->Arg(1)->Arg(10)->Arg(100);

void match_both_in_a_long_text(benchmark::State& state) { evaluate(state, compiled(2'000, 100), prose(64 * 1024)); }
BENCHMARK(match_both_in_a_long_text);

// The shipped attack model, folding included.
void score_text(benchmark::State& state) {
  std::ostringstream bytes;
  bytes << std::ifstream(SLUICE_SOURCE_DIR "/policies/models/attack.ftz", std::ios::binary).rdbuf();
  const auto model = match::load_classifier(bytes.str());
  if (!model) return state.SkipWithError(model.error().message.c_str());
  const auto text = prose(static_cast<std::size_t>(state.range(0)));
  match::classifier_scratch scratch;
  std::vector<match::label_score> scores;
  text::view view;
  for (auto _ : state) {
    text::make_view(text, text::view_kind::folded, view);
    match::scoring_budget budget;
    benchmark::DoNotOptimize((*model)->score(view.text(), budget, scratch, scores));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK(score_text)->Arg(128)->Arg(1024)->Arg(16 * 1024);

void validate_card(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(match::luhn_valid("4111 1111 1111 1111"));
}
BENCHMARK(validate_card);

void validate_iban(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(match::iban_valid("DE89 3704 0044 0532 0130 00"));
}
BENCHMARK(validate_iban);

void view_of(benchmark::State& state, const std::string& text) {
  text::view out;
  for (auto _ : state) {
    text::make_view(text, text::view_kind::folded, out);
    benchmark::DoNotOptimize(out.text().data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
void view_ascii(benchmark::State& state) { view_of(state, prose(1024)); }
BENCHMARK(view_ascii);
void view_umlauts(benchmark::State& state) {
  std::string text;
  while (text.size() < 1024) text += "Zürich grüßt Genève, ";
  view_of(state, text);
}
BENCHMARK(view_umlauts);

}  // namespace
}  // namespace sluice::bench
