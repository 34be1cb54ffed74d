// The stream evaluator as the channel sink that a dialect feeds. The two enums of each word have the same order; the proxy is
// the one place that knows both.
#pragma once

#include "sluice/base/counters.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::proxy {

static_assert(static_cast<int>(wire::role::tool) == static_cast<int>(policy::role::tool));
static_assert(static_cast<int>(wire::part_kind::name) == static_cast<int>(policy::part_kind::name));
[[nodiscard]] inline policy::role to_policy(wire::role r) { return static_cast<policy::role>(r); }
[[nodiscard]] inline policy::part_kind to_policy(wire::part_kind k) { return static_cast<policy::part_kind>(k); }

class stream_sink final : public wire::channel_sink, public text_names {
 public:
  stream_sink(policy::stream_evaluator& judge, const policy::ruleset& rules, const policy::evaluate_options& options,
              worker_counters& counters, bool pass_unread, std::vector<std::pair<std::string, std::uint64_t>>& unscanned)
      : judge_(judge), rules_(rules), options_(options), counters_(counters), pass_unread_(pass_unread), unscanned_(unscanned) {}

  [[nodiscard]] bool judges(wire::role who, wire::part_kind kind) override {
    return policy::may_change(rules_, options_, to_policy(who), to_policy(kind));
  }
  [[nodiscard]] std::uint32_t open(wire::role who, wire::part_kind kind, bool editable, std::string name) override {
    names_.push_back(std::move(name));
    return judge_.open(to_policy(who), to_policy(kind), editable);
  }
  [[nodiscard]] status feed(std::uint32_t channel, std::string_view text, std::string& out) override {
    const auto held = judge_.held_bytes(channel);
    const auto what = judge_.feed(channel, text, out);
    const auto now = judge_.held_bytes(channel);
    counters_.held_bytes.add(now > held ? std::min<std::size_t>(now - held, text.size()) : 0);
    counters_.released_bytes.add(text.size());
    return translate(what);
  }
  [[nodiscard]] std::string of(std::uint32_t channel) const override { return channel < names_.size() ? names_[channel] : "?"; }
  [[nodiscard]] status finish(std::uint32_t channel, std::string& out) override { return translate(judge_.finish(channel, out)); }
  // Counted where it may pass, as in a body that comes in one piece.
  [[nodiscard]] bool passes(const wire::unread& what) override {
    if (pass_unread_ && unscanned_.size() < unscanned_max) unscanned_.emplace_back(what.reason, what.bytes);
    return pass_unread_;
  }

 private:
  static constexpr std::size_t unscanned_max = 1000;  // parts of one stream that are listed
  static status translate(policy::stream_evaluator::status s) {
    return s == policy::stream_evaluator::status::blocked ? status::blocked : status::released;
  }
  policy::stream_evaluator& judge_;
  const policy::ruleset& rules_;
  policy::evaluate_options options_;
  worker_counters& counters_;
  bool pass_unread_;
  std::vector<std::pair<std::string, std::uint64_t>>& unscanned_;
  std::vector<std::string> names_;  // by channel
};

}  // namespace sluice::proxy
