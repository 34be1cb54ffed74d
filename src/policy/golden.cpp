// Golden sets against a snapshot.
#include "sluice/policy/golden.hpp"

#include <algorithm>
#include <functional>
#include <random>

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

// Lengths of the pieces in code points, used over and over, that an answer is cut into. What they are follows from the case's id, so
// that a failure can be repeated.
std::vector<std::vector<std::uint32_t>> cuttings(const golden_case& each, bool found_something, std::size_t single_one_in) {
  const auto hash = std::hash<std::string_view>{}(each.id);
  std::minstd_rand random(static_cast<std::uint32_t>(hash % std::minstd_rand::modulus) | 1u);
  constexpr std::uint32_t token_max = 8;
  std::vector<std::uint32_t> tokens(7);
  for (auto& size : tokens) size = static_cast<std::uint32_t>(1 + random() % token_max);
  const auto bytes = static_cast<std::uint32_t>(std::min<std::size_t>(each.response->size(), 1u << 30));
  const auto first = static_cast<std::uint32_t>(1 + random() % std::max(bytes, 1u));
  if (!found_something && hash % std::max<std::size_t>(1, single_one_in) != 0) return {tokens, {first, bytes}};
  return {{1}, tokens, {first, bytes}};
}

// How a stream ends otherwise than the whole; empty when it does not.
std::string stream_difference(const golden_case& each, const trial_input& answer, const trial_outcome& whole,
                              const std::shared_ptr<const snapshot>& with, scratch& working, std::size_t single_one_in) {
  const bool found = !whole.rules.empty() || !whole.shadow.empty() || whole.verdict != verdict::allow;
  for (const auto& pieces : cuttings(each, found, single_one_in)) {
    const trial_outcome streamed = try_stream(with, answer, working, pieces);
    const bool same = whole.verdict == verdict::block
                          ? streamed.verdict == verdict::block && left_before_block(whole, streamed)
                          : streamed.verdict == whole.verdict && streamed.text == whole.text;
    if (same) continue;
    std::string sizes;
    for (const auto size : pieces) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
    return "streamed in pieces of " + sizes + " code points, the answer ends otherwise than whole";
  }
  return {};
}

// A case that ran, and of its texts those that left the gateway: what is blocked goes nowhere, and of a request that is blocked no answer comes.
struct ran {
  golden_result result;
  std::vector<std::string> left;
};

ran run_one(const golden_case& each, const std::shared_ptr<const snapshot>& with, scratch& working, golden_streams streams) {
  ran done{.result = {.id = each.id, .set = each.set, .place = each.place}, .left = {}};
  auto& out = done.result;
  bool stopped = false;
  const auto* given = each.given.empty() ? nullptr : &each.given;
  const auto take = [&](const trial_outcome& got) {
    out.action = std::max(out.action, got.action);
    merge(out.rules, got.rules);
    merge(out.shadow, got.shadow);
    merge(out.blocked_by, got.blocked_by);
    out.texts.insert(out.texts.end(), got.texts.begin(), got.texts.end());
    stopped = stopped || got.verdict == verdict::block;
    if (!stopped) done.left.insert(done.left.end(), got.texts.begin(), got.texts.end());
    if (!got.reason.empty()) out.what = got.reason;
  };
  context who = each.who;
  if (!each.request.empty()) {
    auto asked = try_whole(*with, {.who = who, .direction = direction::request, .messages = each.request, .given = given}, working);
    who.tags = std::move(asked.tags);  // its answer is under the rules that the request brought into force
    take(asked);
  }
  if (!each.response) return done;
  const trial_input answer{.who = who,
                           .direction = direction::response,
                           .messages = {{.who = role::assistant, .content = *each.response, .part = part_kind::text}},
                           .given = given};
  const trial_outcome whole = try_whole(*with, answer, working);
  take(whole);
  if (streams.on) out.stream = stream_difference(each, answer, whole, with, working, streams.single_one_in);
  return done;
}

golden_result judge(const golden_case& each, ran done) {
  auto& out = done.result;
  const auto& expect = each.expect;
  std::optional<action> least = expect.action_at_least, most = expect.action_at_most;
  const bool says = least || most || !expect.rules_any.empty() || !expect.rules_none.empty() ||
                    !expect.text_absent.empty() || !expect.text_present.empty();
  // A word that is absent, or a rule that does not match, says nothing of whether anything was done.
  if (each.set == "must_block" && !least && !most && expect.rules_any.empty()) least = action::rewrite;
  if (each.set == "must_pass" && !most) most = action::flag;
  out.judged = says || each.set == "must_block" || each.set == "must_pass" || !out.what.empty() || !out.stream.empty();
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
  const auto left = [&](const std::string& words) { return std::ranges::any_of(done.left, [&](const std::string& text) { return text.contains(words); }); };
  for (std::size_t i = 0; i < expect.text_absent.size(); ++i) {
    if (left(expect.text_absent[i])) differ("text_absent[" + std::to_string(i) + "] is in the text");
  }
  for (std::size_t i = 0; i < expect.text_present.size(); ++i) {
    if (out.action == action::block || !left(expect.text_present[i])) differ("text_present[" + std::to_string(i) + "] is not in the text");
  }
  out.passed = out.what.empty() && out.stream.empty();
  return std::move(out);
}

}  // namespace

std::vector<text_part> parts_of(const golden_case& each, direction which) {
  if (which == direction::response) {
    if (!each.response) return {};
    return {{.role = role::assistant, .kind = part_kind::text, .last_turn = true, .editable = true, .text = *each.response}};
  }
  return parts_of(each.request, which);
}

std::vector<golden_result> run_golden(std::span<const golden_case> cases, const std::shared_ptr<const snapshot>& with, golden_streams streams) {
  std::vector<golden_result> out;
  out.reserve(cases.size());
  scratch working;
  for (const golden_case& each : cases) {
    out.push_back(judge(each, run_one(each, with, working, streams)));
  }
  return out;
}

}  // namespace sluice::policy
