// See shadow_judge.hpp.
#include "sluice/rollout/shadow_judge.hpp"

#include <algorithm>
#include <set>

#include "sluice/base/cpu_time.hpp"
#include "sluice/policy/tokens.hpp"

namespace sluice::rollout {
namespace {

using policy::verdict;

std::vector<policy::text_part> views_of(const std::vector<shadow_part>& parts) {
  std::vector<policy::text_part> out;
  out.reserve(parts.size());
  for (const auto& p : parts) out.push_back({p.role, p.kind, p.last_turn, p.editable, p.text, p.choice, p.ended, p.in_series});
  return out;
}

// What one version makes of an exchange.
struct made {
  policy::outcome request, response;
  std::string effective;
  std::vector<std::string> said;  // of a stream: what the client would have read
};

class judging {
 public:
  judging(const shadow_exchange& of, const shadow_keys& keys, const policy::snapshot& with, std::shared_ptr<const policy::snapshot> pinned, policy::scratch& working)
      : of_(of), keys_(keys), with_(with), pinned_(std::move(pinned)), working_(working), who_(of.who) {}

  made run() {
    made out;
    rules_ = &with_.rules_for(who_);
    if (policy::tokenizes(*rules_) || policy::tags_requests(*rules_)) tokens_ = std::make_unique<policy::token_map>(keys_.token, who_, of_.caller);
    auto asked = options(policy::direction::request);
    asked.takes_system_words = of_.takes_system_words;
    const auto parts = views_of(of_.request);
    auto judged = policy::evaluate_request(with_, *rules_, who_, parts, asked, working_);
    rules_ = judged.rules;
    out.request = std::move(judged.what);
    out.effective = policy::effective_hash(*rules_);
    if (out.request.verdict == verdict::block || !of_.response_judged) return out;
    of_.streamed ? judge_stream(out) : judge_plain(out);
    return out;
  }

 private:
  [[nodiscard]] policy::evaluate_options options(policy::direction d) const { return {d, false, nullptr, &who_, keys_.hash, of_.caller, tokens_.get()}; }

  void judge_plain(made& out) {
    auto asked = options(policy::direction::response);
    std::vector<std::uint8_t> structured;
    for (const auto& each : of_.choices) {
      if (each.choice < 0 || !each.structured) continue;
      structured.resize(std::max(structured.size(), static_cast<std::size_t>(each.choice) + 1));
      structured[static_cast<std::size_t>(each.choice)] = 1;
    }
    asked.structured = structured;
    out.response = policy::evaluate(*rules_, views_of(of_.response), asked, working_);
  }

  void judge_stream(made& out) {
    const auto texts = views_of(of_.response);
    out.response = policy::evaluate_kept_stream(pinned_, *rules_, {.texts = texts, .choices = of_.choices, .ended = of_.answer_ended}, options(policy::direction::response), working_, &out.said);
  }

  const shadow_exchange& of_;
  const shadow_keys& keys_;
  const policy::snapshot& with_;
  std::shared_ptr<const policy::snapshot> pinned_;
  policy::scratch& working_;
  policy::context who_;
  const policy::ruleset* rules_ = nullptr;
  std::unique_ptr<policy::token_map> tokens_;
};

bool same_edits(const std::vector<policy::edit>& a, const std::vector<policy::edit>& b) {
  return std::ranges::equal(a, b, [](const policy::edit& x, const policy::edit& y) { return x.part == y.part && x.begin == y.begin && x.end == y.end && x.replacement == y.replacement; });
}

bool same_additions(const std::vector<policy::addition>& a, const std::vector<policy::addition>& b) {
  return std::ranges::equal(a, b, [](const policy::addition& x, const policy::addition& y) { return x.choice == y.choice && x.text == y.text; });
}

bool same_request(const shadow_exchange& of, const policy::outcome& now) {
  return same_edits(of.request_edits, now.edits) && of.system.before == now.system.before && of.system.behind == now.system.behind;
}

bool speaks_in_several_choices(const shadow_exchange& of) {
  std::set<std::int32_t> spoke;
  for (const auto& p : of.response) {
    if (!p.text.empty() && p.choice >= 0) spoke.insert(p.choice);
  }
  return spoke.size() > 1;
}

std::string why_inexact(const shadow_exchange& of, const policy::outcome& request, const policy::outcome& response) {
  if (of.candidate->asks_for_tags()) return "its rules ask for tags that earlier exchanges would have set";
  if (request.verdict == verdict::block) return {};  // there would have been no answer
  if (of.request_verdict == verdict::block) return "the request was blocked, so there is no answer to judge";
  if (!same_request(of, request)) return "the upstream would have been sent another request";
  if (response.verdict == verdict::block && of.streamed && speaks_in_several_choices(of)) return "its choices came side by side, and which of them would have been cut first is not known";
  if (response.verdict == verdict::block) return {};  // up to here the text was the same
  if (of.streamed && of.response_verdict == verdict::block) return "the answer was cut off, and what would have followed is not known";
  if (of.broken_off) return "the answer broke off";
  return {};
}

}  // namespace

shadow_judgement judge_in_shadow(const shadow_exchange& of, const shadow_keys& keys, compare_cost with_live, policy::scratch& working, policy::scratch& live_working) {
  shadow_judgement out;
  const auto timed = [&](const std::shared_ptr<const policy::snapshot>& with, policy::scratch& in, microseconds& took) {
    const auto begin = thread_cpu_time();
    auto made_of_it = judging(of, keys, *with, with, in).run();
    took = std::max(microseconds(1), std::chrono::duration_cast<microseconds>(thread_cpu_time() - begin));
    return made_of_it;
  };
  made live, now;
  if (with_live == compare_cost::live_first) live = timed(of.live, live_working, out.live_took);
  now = timed(of.candidate, working, out.took);
  if (with_live == compare_cost::live_second) live = timed(of.live, live_working, out.live_took);
  const bool both_edit = of.streamed && of.response_judged && of.response_verdict == verdict::edit && now.response.verdict == verdict::edit;
  if (both_edit && with_live == compare_cost::no) {
    microseconds uncounted{0};  // for its text alone: as second it would look cheaper than it is
    live = timed(of.live, live_working, uncounted);
  }
  const bool request_passes = now.request.verdict != verdict::block && of.request_verdict != verdict::block;
  const bool response_passes = request_passes && of.response_judged && now.response.verdict != verdict::block && of.response_verdict != verdict::block;
  out.text_differs = request_passes && !same_request(of, now.request);
  if (response_passes && of.streamed) {
    // What one of them changes and the other does not is another text, whatever it reads.
    out.text_differs = out.text_differs || (now.response.verdict == verdict::edit) != (of.response_verdict == verdict::edit) || (both_edit && live.said != now.said);
  } else if (response_passes) {
    out.text_differs = out.text_differs || !same_edits(of.response_edits, now.response.edits) || !same_additions(of.additions, now.response.additions);
  }
  out.inexact = why_inexact(of, now.request, now.response);
  out.response_judged = of.response_judged && now.request.verdict != verdict::block;
  out.effective = std::move(now.effective);
  out.request = std::move(now.request);
  out.response = std::move(now.response);
  return out;
}

}  // namespace sluice::rollout
