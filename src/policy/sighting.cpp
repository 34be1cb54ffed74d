// Where patterns and words match, in which form of the text, and what a rule costs: what explanations add to findings.
#include <algorithm>

#include "part_match.hpp"
#include "sluice/base/cpu_time.hpp"
#include "sluice/policy/explain.hpp"

namespace sluice::policy {
namespace {

std::string name_of(std::uint32_t readings, text::view_kind view) {
  std::string out;
  text::each_reading(readings, [&](std::string_view name) { out += (out.empty() ? "" : "+") + std::string(name); });
  return out + (out.empty() ? "" : ", ") + (view == text::view_kind::folded ? "folded" : "case kept");
}

class recorder final : public match_sink {
 public:
  recorder(const ruleset& rules, const part_matcher& matcher, std::vector<sighting>& out) : rules_(rules), matcher_(matcher), out_(out) {}
  void begin(std::uint32_t part) {
    part_ = part;
    first_ = out_.size();
  }

 private:
  void found(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view) override {
    const auto& t = rules_.owner->terms[term];
    // What the text itself shows comes again in every reading that leaves it as it is.
    const auto same = [&](const sighting& s) { return s.rule == t.rule && s.begin == begin && s.end == end; };
    if (out_.size() >= sightings_max || std::any_of(out_.begin() + static_cast<std::ptrdiff_t>(first_), out_.end(), same)) return;
    out_.push_back({.rule = t.rule, .part = part_, .begin = begin, .end = end, .reading = name_of(matcher_.reading(), t.view)});
  }
  void failed(std::uint32_t) override {}

  static constexpr std::size_t sightings_max = 1000;
  const ruleset& rules_;
  const part_matcher& matcher_;
  std::vector<sighting>& out_;
  std::uint32_t part_ = 0;
  std::size_t first_ = 0;
};

// The rules in force cut down to one.
ruleset only(const ruleset& all, std::uint32_t rule) {
  ruleset one = all;
  const auto& r = all.owner->rules[rule];
  const auto keep = [&](sparse_set& set) {
    sparse_set kept;
    set.each([&](std::uint32_t term) {
      if (term >= r.terms_begin && term < r.terms_end) kept.add(term);
    });
    set = std::move(kept);
  };
  for (const auto view : both_views) {
    keep(one.regexes[view]);
    keep(one.words[view]);
  }
  keep(one.scoring);
  keep(one.deriving);
  one.active.clear();
  one.active.add(rule);
  std::erase_if(one.composed, [&](std::uint32_t each) { return each != rule; });
  return one;
}

// A text that comes again costs less where its scores are known: here each run is of a text that is new.
std::uint64_t best_time(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
  constexpr int runs = 5;
  std::uint64_t best = ~std::uint64_t{0};
  for (int i = 0; i < runs; ++i) {
    working.get().known_scores.forget();
    const auto begin = thread_cpu_time();
    (void)evaluate(rules, parts, options, working);
    best = std::min(best, static_cast<std::uint64_t>((thread_cpu_time() - begin).count()));
  }
  return best;
}

}  // namespace

std::vector<sighting> sightings(const ruleset& rules, std::span<const text_part> parts, direction which, scratch& working) {
  std::vector<sighting> out;
  if (rules.denies_all || !prepare(working.get(), rules.owner)) return out;
  part_matcher matcher(rules, working.get(), nullptr);
  recorder sink(rules, matcher, out);
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    const text_part& p = parts[i];
    const text_place where{which, p.role, p.kind, p.last_turn};
    sink.begin(i);
    matcher.run(p.text, where, sink);
    if (rules.deriving.any()) matcher.run_derived(p.text, where, sink);
  }
  return out;
}

std::uint64_t cost_of_all(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
  return best_time(rules, parts, options, working);
}

std::map<std::uint32_t, std::uint64_t> costs_alone(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
  std::map<std::uint32_t, std::uint64_t> out;
  if (rules.denies_all) return out;
  rules.active.each([&](std::uint32_t rule) { out.emplace(rule, best_time(only(rules, rule), parts, options, working)); });
  return out;
}

rule_costs costs(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options, scratch& working) {
  return {.all_ns = cost_of_all(rules, parts, options, working), .alone_ns = costs_alone(rules, parts, options, working)};
}

}  // namespace sluice::policy
