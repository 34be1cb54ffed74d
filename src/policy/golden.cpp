// Golden sets against a snapshot, and what a number of misses says about a rate.
#include "sluice/policy/golden.hpp"

#include <algorithm>
#include <cmath>

#include "trial.hpp"

namespace sluice::policy {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& id) {
  return std::ranges::find(list, id) != list.end();
}

void merge(std::vector<std::string>& into, const std::vector<std::string>& more) {
  for (const std::string& id : more) {
    if (!contains(into, id)) into.push_back(id);
  }
  std::ranges::sort(into);
}

std::string listed(const std::vector<std::string>& list) {
  std::string out = "[";
  for (const std::string& id : list) out += (out.size() > 1 ? ", " : "") + id;
  return out + "]";
}

// Runs one case; a difference between stream and whole goes to `what`.
golden_result run_one(const golden_case& each, const std::shared_ptr<const snapshot>& with, scratch& working) {
  golden_result out{.id = each.id, .set = each.set, .place = each.place};
  const auto take = [&](const trial_outcome& got) {
    out.action = std::max(out.action, got.action);
    merge(out.rules, got.rules);
    merge(out.shadow, got.shadow);
    out.text = got.text;
    if (!got.reason.empty()) out.what = got.reason;
  };
  context who = each.who;
  if (!each.request.empty()) {
    auto asked = try_whole(*with, {.who = who, .direction = direction::request, .messages = each.request}, working);
    who.tags = std::move(asked.tags);  // its answer is under the rules that the request brought into force
    take(asked);
  }
  if (!each.response) return out;
  const trial_input answer{.who = who,
                           .direction = direction::response,
                           .messages = {{.who = role::assistant, .content = *each.response, .part = part_kind::text}}};
  const trial_outcome whole = try_whole(*with, answer, working);
  const trial_outcome streamed = try_stream(with, answer, working);
  take(whole);
  const bool same = whole.verdict == verdict::block
                        ? streamed.verdict == verdict::block && whole.edited.starts_with(streamed.text)
                        : streamed.verdict == whole.verdict && streamed.text == whole.text;
  if (!same) out.what = "streamed in single code points, the answer ends otherwise than whole";
  return out;
}

void judge(const golden_case& each, golden_result& out) {
  const auto& expect = each.expect;
  std::optional<action> least = expect.action_at_least, most = expect.action_at_most;
  const bool says = least || most || !expect.rules_any.empty() || !expect.rules_none.empty() ||
                    !expect.text_absent.empty() || !expect.text_present.empty();
  if (each.set == "must_block" && !says) least = action::rewrite;
  if (each.set == "must_pass" && !most) most = action::flag;
  out.judged = says || each.set == "must_block" || each.set == "must_pass" || !out.what.empty();
  const auto differ = [&](const std::string& text) { out.what += (out.what.empty() ? "" : "; ") + text; };
  if (least && out.action < *least) {
    differ("expected at least " + std::string(to_string(*least)) + ", got " + std::string(to_string(out.action)) + " " +
           listed(out.rules));
  }
  if (most && out.action > *most) {
    differ("expected at most " + std::string(to_string(*most)) + ", got " + std::string(to_string(out.action)) + " " +
           listed(out.rules));
  }
  const bool any =
      std::ranges::any_of(expect.rules_any, [&](const std::string& id) { return contains(out.rules, id); });
  if (!expect.rules_any.empty() && !any)
    differ("expected one of the rules " + listed(expect.rules_any) + ", got " + listed(out.rules));
  for (const std::string& id : expect.rules_none) {
    if (contains(out.rules, id)) differ("rule " + id + " must not match");
  }
  // A blocked text goes nowhere: what must be absent is.
  for (std::size_t i = 0; i < expect.text_absent.size() && out.action != action::block; ++i) {
    if (out.text.contains(expect.text_absent[i])) differ("text_absent[" + std::to_string(i) + "] is in the text");
  }
  for (std::size_t i = 0; i < expect.text_present.size(); ++i) {
    if (out.action == action::block || !out.text.contains(expect.text_present[i])) {
      differ("text_present[" + std::to_string(i) + "] is not in the text");
    }
  }
  out.passed = out.what.empty();
}

// P(X <= hits) for a binomial, summed in logarithms so that large n does not underflow.
double binomial_cdf(std::size_t hits, std::size_t n, double p) {
  double sum = 0;
  for (std::size_t i = 0; i <= hits; ++i) {
    const auto k = static_cast<double>(i), m = static_cast<double>(n);
    sum += std::exp(std::lgamma(m + 1) - std::lgamma(k + 1) - std::lgamma(m - k + 1) + k * std::log(p) +
                    (m - k) * std::log1p(-p));
  }
  return sum;
}

}  // namespace

std::vector<golden_result> run_golden(std::span<const golden_case> cases, const std::shared_ptr<const snapshot>& with) {
  std::vector<golden_result> out;
  out.reserve(cases.size());
  scratch working;
  for (const golden_case& each : cases) {
    out.push_back(run_one(each, with, working));
    judge(each, out.back());
  }
  return out;
}

double rate_upper95(std::size_t hits, std::size_t n) {
  constexpr double alpha = 0.05;
  constexpr int halvings = 60;
  if (hits >= n) return 1;
  double low = 0, high = 1;
  for (int i = 0; i < halvings; ++i) {
    const double middle = (low + high) / 2;
    (binomial_cdf(hits, n, middle) > alpha ? low : high) = middle;
  }
  return high;
}

}  // namespace sluice::policy
