// The stream evaluator as the channel sink that a dialect feeds. The two enums of each word have the same order; the proxy is
// the one place that knows both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "sluice/base/code_points.hpp"
#include "sluice/base/counters.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/restore.hpp"
#include "sluice/policy/tokens.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/wire/dialect.hpp"
#include "sluice/wire/shown_path.hpp"

namespace sluice::proxy {

template <auto of_wire, auto of_policy>
inline constexpr bool same_place = static_cast<int>(of_wire) == static_cast<int>(of_policy);
static_assert(same_place<wire::role::system, policy::role::system> && same_place<wire::role::developer, policy::role::developer> &&
              same_place<wire::role::user, policy::role::user> && same_place<wire::role::assistant, policy::role::assistant> && same_place<wire::role::tool, policy::role::tool> &&
              static_cast<std::size_t>(wire::role::tool) + 1 == policy::role_count);
static_assert(same_place<wire::part_kind::text, policy::part_kind::text> && same_place<wire::part_kind::reasoning, policy::part_kind::reasoning> &&
              same_place<wire::part_kind::refusal, policy::part_kind::refusal> && same_place<wire::part_kind::tool_definition, policy::part_kind::tool_definition> &&
              same_place<wire::part_kind::tool_call, policy::part_kind::tool_call> && same_place<wire::part_kind::tool_result, policy::part_kind::tool_result> &&
              same_place<wire::part_kind::attachment, policy::part_kind::attachment> && same_place<wire::part_kind::annotation, policy::part_kind::annotation> &&
              same_place<wire::part_kind::transcript, policy::part_kind::transcript> && same_place<wire::part_kind::error, policy::part_kind::error> &&
              same_place<wire::part_kind::name, policy::part_kind::name> && static_cast<std::size_t>(wire::part_kind::name) + 1 == policy::part_kind_count);
[[nodiscard]] inline policy::role to_policy(wire::role r) { return static_cast<policy::role>(r); }
[[nodiscard]] inline policy::part_kind to_policy(wire::part_kind k) { return static_cast<policy::part_kind>(k); }

class stream_sink final : public wire::channel_sink, public text_names {
  using reading = policy::stream_evaluator::reading;

 public:
  // `tokens`: of the exchange; null when no rule tokenizes. `admits`: whether a part that nobody can scan may leave.
  stream_sink(policy::stream_evaluator& judge, const policy::ruleset& rules, const policy::evaluate_options& options,
              worker_counters& counters, const policy::token_map* tokens, bool json_answer, std::function<bool(const wire::unread&)> admits, bool keep_text,
              std::uint64_t held_bytes_max)
      : judge_(judge), rules_(rules), options_(options), counters_(counters), tokens_(tokens), json_answer_(json_answer), admits_(std::move(admits)), keep_text_(keep_text),
        held_bytes_max_(held_bytes_max) {}

  [[nodiscard]] bool judges(wire::role who, wire::part_kind kind) override {
    return restores(kind, true) || policy::may_change(rules_, options_, to_policy(who), to_policy(kind));
  }
  [[nodiscard]] std::uint32_t open(wire::role who, wire::part_kind kind, bool editable, std::string name, std::int64_t choice) override {
    return open(who, kind, editable, std::move(name), choice, reading::once);
  }
  [[nodiscard]] std::uint32_t open_piece(wire::role who, wire::part_kind kind, bool editable, std::string name, std::int64_t choice) override {
    before_values_.clear();
    return piece_ = open(who, kind, editable, std::move(name), choice, reading::piece);
  }
  [[nodiscard]] std::uint32_t open_field(wire::role who, wire::part_kind kind, std::string name, std::int64_t choice) override {
    return open(who, kind, false, std::move(name), choice, reading::field);
  }
  void forget(std::uint32_t channel) override {
    const auto* edits = judge_.placed(channel);
    const bool changed = edits == nullptr || !edits->empty() || put_back_.contains(channel);
    const bool settled = channel == opened_ && found() == found_before_ && !changed && !judge_.keeps_rest(channel) && !judge_.keeps_whole(channel);
    // A record has each text apart.
    if (settled && (!keep_text_ || !keeps_all())) free_.push_back(channel);
  }
  void goes_on(std::uint32_t channel) override {
    if (keep_text_) kept_[channel].in_series = true;
    judge_.goes_on(channel);
  }
  [[nodiscard]] status feed(std::uint32_t channel, std::string_view text, std::string& out) override {
    const auto behind = restorers_.find(channel);
    return fed(channel, text, [&] { return judged(behind, out, [&](std::string& left) { return judge_.feed(channel, text, left); }); });
  }
  [[nodiscard]] status add_piece(std::uint32_t field, std::uint32_t piece, std::string_view left) override {
    return fed(field, left, [&] { return judge_.add_piece(field, piece, left); });
  }
  [[nodiscard]] std::optional<std::string> before_values() const override { return put_back_.contains(piece_) ? std::optional(before_values_) : std::nullopt; }
  [[nodiscard]] std::string of(std::uint32_t channel) const override { return channel < names_.size() ? wire::shown_path(names_[channel]) : "?"; }
  [[nodiscard]] status finish(std::uint32_t channel, std::string& out) override { return finished(channel, out, false); }
  [[nodiscard]] status end(std::uint32_t channel, std::string& out) override { return finished(channel, out, true); }
  [[nodiscard]] bool keeps_rest(std::uint32_t channel) const override { return judge_.keeps_rest(channel); }
  [[nodiscard]] bool holds(std::uint32_t channel) const override { return held_bytes(channel, restorers_.find(channel)) > 0; }
  void rest(std::uint32_t channel, std::string& out) override {
    const auto behind = restorers_.find(channel);
    count_rest(channel, 0);
    if (behind == restorers_.end()) return judge_.rest(channel, out);
    left_.clear();
    judge_.rest(channel, left_);
    behind->second.feed(left_, out);
    end_restoring(behind, out);
  }
  [[nodiscard]] status closing(std::int64_t choice, bool structured, std::string& addition) override {
    if (!failure_.empty()) return status::failed;
    if (keep_text_) choices_.push_back({of_record(choice), structured || json_answer_});
    return translate(judge_.close(choice, structured || json_answer_, addition));
  }
  [[nodiscard]] std::optional<std::vector<wire::text_edit>> edits(std::uint32_t channel) const override {
    const auto behind = restorers_.find(channel);
    const auto* made = judge_.placed(channel);
    if (made == nullptr || put_back_.contains(channel) || (behind != restorers_.end() && behind->second.restored() > 0)) return std::nullopt;
    std::vector<wire::text_edit> out;
    for (const auto& e : *made) out.push_back({e.begin, e.end, e.length, e.first_byte, e.was, e.text});
    return out;
  }
  [[nodiscard]] status end_open() override {
    auto what = failure_.empty() ? status::released : status::failed;
    std::string dropped;
    for (std::uint32_t c = 0; c < names_.size() && what == status::released; ++c) {
      dropped.clear();
      if (judge_.is_open(c)) what = finished(c, dropped, false);
    }
    return what;
  }
  // The answer is over: no choice is open any more. Of one that is held to its end: whether it may leave.
  status end_all() {
    ended_ = true;
    (void)judge_.close_all();
    return translate(judge_.judge_together());
  }
  [[nodiscard]] status count_kept(std::uint64_t bytes) override {
    held_ += bytes;
    held_ -= std::exchange(kept_back_, bytes);
    return failure_.empty() && may_hold() ? status::released : status::failed;
  }
  [[nodiscard]] bool adds() const override { return policy::adds_to_answers(rules_); }
  // Values that were put back.
  [[nodiscard]] std::uint32_t restored() const {
    auto all = restored_;
    for (const auto& [channel, behind] : restorers_) all += behind.restored();
    return all;
  }

  [[nodiscard]] bool keeps_all() const { return kept_bytes_ <= judged_text::bytes_max; }
  // Of each channel what was fed, in their order. A field is what its pieces say, too: it is there where only all of it was found for something.
  [[nodiscard]] std::vector<policy::text_part> texts() const {
    std::vector<policy::text_part> out;
    for (const auto& c : kept_) {
      const auto found = [&](const policy::finding& f) { return f.part == out.size(); };
      const bool told = c.how == reading::field && std::ranges::none_of(judge_.result().findings, found);
      out.push_back({c.who, c.kind, true, c.editable, told ? std::string_view() : std::string_view(c.text), c.choice, c.ended, c.in_series});
    }
    return out;
  }
  // Original bytes of all channels that are not released yet, with what the dialect keeps back.
  [[nodiscard]] std::uint64_t held_bytes() const { return held_; }
  // Those that ended, in that order; empty unless text is kept.
  [[nodiscard]] std::span<const judged_text::choice_end> choices() const { return choices_; }
  [[nodiscard]] bool ended() const { return ended_; }
  // Why the stream cannot be judged any further; "" while it can.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  [[nodiscard]] bool passes(const wire::unread& what) override { return admits_(what); }

 private:
  using restorers = std::unordered_map<std::uint32_t, policy::restorer>;

  std::uint32_t open(wire::role who, wire::part_kind kind, bool editable, std::string name, std::int64_t choice, reading how) {
    if (names_.size() >= limits::stream_texts && free_.empty() && failure_.empty()) failure_ = "more texts than the gateway follows";
    if (name.size() > name_bytes_max) name = name.substr(0, previous_code_point(name, name_bytes_max + 1));
    found_before_ = found();
    if (free_.empty()) {
      names_.push_back(std::move(name));
      opened_ = judge_.open(to_policy(who), to_policy(kind), editable, choice, how);
      if (keep_text_) kept_.push_back({to_policy(who), to_policy(kind), editable, how, of_record(choice), false, false, {}});
    } else {
      opened_ = free_.back();
      free_.pop_back();
      names_[opened_] = std::move(name);
      judge_.open_again(opened_, to_policy(who), to_policy(kind), editable, choice, how);
    }
    if (keep_text_) count_kept_text(kept_channel_bytes);
    if (restores(kind, editable)) restorers_.emplace(opened_, *tokens_);
    return opened_;
  }
  // What of the record speaks of channels.
  [[nodiscard]] std::size_t found() const { return judge_.result().findings.size() + judge_.result().suppressed.size(); }
  // More text of a channel: `judge` says what the rules make of it.
  template <class Judge>
  status fed(std::uint32_t channel, std::string_view text, Judge&& judge) {
    if (!failure_.empty()) return status::failed;
    if (keep_text_) keep(channel, text);
    const auto behind = restorers_.find(channel);
    const auto held = held_bytes(channel, behind);
    const auto what = judge();
    const auto now = held_bytes(channel, behind);
    held_ += now;
    held_ -= held;
    if (!may_hold()) return status::failed;
    counters_.held_bytes.add(now > held ? std::min<std::size_t>(now - held, text.size()) : 0);
    counters_.released_bytes.add(text.size());
    return translate(what);
  }

  [[nodiscard]] bool may_hold() {
    if (std::max<std::uint64_t>(held_, judge_.kept_bytes()) > held_bytes_max_) failure_ = "more text is held for its rules than limits.response_body";
    return failure_.empty();
  }

  status finished(std::uint32_t channel, std::string& out, bool may_keep) {
    if (!failure_.empty()) return status::failed;
    if (keep_text_) kept_[channel].ended = true;
    const auto behind = restorers_.find(channel);
    held_ -= held_bytes(channel, behind);
    const auto what = judged(behind, out, [&](std::string& left) { return judge_.finish(channel, left, may_keep); });
    if (judge_.keeps_rest(channel)) count_rest(channel, held_bytes(channel, behind));
    if (behind == restorers_.end() || judge_.keeps_rest(channel)) return translate(what);
    if (what == policy::stream_evaluator::status::blocked) {
      restored_ += behind->second.restored();
      restorers_.erase(behind);
    } else {
      end_restoring(behind, out);
    }
    return translate(what);
  }
  // What a channel that is over keeps until its choice is closed. That may put another text in its place, which is not what is held.
  void count_rest(std::uint32_t channel, std::uint64_t bytes) {
    const auto [known, is_new] = rests_.try_emplace(channel, 0);
    held_ += bytes;
    held_ -= std::exchange(known->second, bytes);
    if (bytes == 0) rests_.erase(known);
  }
  void end_restoring(restorers::iterator behind, std::string& out) {
    behind->second.finish(out);
    restored_ += behind->second.restored();
    if (behind->second.restored() > 0) put_back_.insert(behind->first);
    restorers_.erase(behind);
  }

  [[nodiscard]] bool restores(wire::part_kind kind, bool editable) const {
    return tokens_ != nullptr && tokens_->restores() && policy::restorable(to_policy(kind), editable);
  }
  [[nodiscard]] std::size_t held_bytes(std::uint32_t channel, restorers::const_iterator behind) const {
    return judge_.held_bytes(channel) + (behind == restorers_.end() ? 0 : behind->second.held_bytes());
  }
  // What the rules let out goes through the channel's restorer, if it has one.
  template <class Judge>
  policy::stream_evaluator::status judged(restorers::iterator behind, std::string& out, Judge&& judge) {
    if (behind == restorers_.end()) return judge(out);
    left_.clear();
    const auto what = judge(left_);
    if (behind->first == piece_) before_values_ += left_;
    behind->second.feed(left_, out);
    return what;
  }
  // The numbers are the upstream's; those beyond share one.
  static std::int32_t of_record(std::int64_t choice) { return static_cast<std::int32_t>(std::clamp<std::int64_t>(choice, -1, INT32_MAX)); }
  static status translate(policy::stream_evaluator::status s) {
    return s == policy::stream_evaluator::status::blocked ? status::blocked : status::released;
  }
  policy::stream_evaluator& judge_;
  const policy::ruleset& rules_;
  policy::evaluate_options options_;
  worker_counters& counters_;
  const policy::token_map* tokens_;
  bool json_answer_;
  std::function<bool(const wire::unread&)> admits_;
  bool keep_text_;
  // A stream has no end to its size; a record has.
  void keep(std::uint32_t channel, std::string_view text) {
    count_kept_text(text.size());
    if (keeps_all()) kept_[channel].text += text;
  }
  void count_kept_text(std::size_t bytes) {
    const bool kept_all = keeps_all();
    kept_bytes_ += bytes;
    if (!kept_all || keeps_all()) return;
    for (auto& c : kept_) c.text = std::string();
  }

  static constexpr std::size_t kept_channel_bytes = 16;  // of each text in a record, beside what it says
  struct kept_channel {
    policy::role who;
    policy::part_kind kind;
    bool editable;
    reading how;
    std::int32_t choice;
    bool ended, in_series;
    std::string text;
  };
  std::size_t kept_bytes_ = 0;
  std::vector<kept_channel> kept_;  // by channel; empty unless text is kept
  std::vector<judged_text::choice_end> choices_;
  bool ended_ = false;
  static constexpr std::size_t name_bytes_max = 512;  // of the names of an upstream's keys, however long
  std::vector<std::string> names_;  // by channel
  std::vector<std::uint32_t> free_;  // channels that nobody asks about
  std::uint32_t opened_ = UINT32_MAX;  // the last
  std::size_t found_before_ = 0;       // it was
  restorers restorers_;             // of channels that are open and may hold tokens
  std::uint32_t restored_ = 0;
  std::unordered_set<std::uint32_t> put_back_;  // channels that are over and in which values were put back
  std::uint64_t held_bytes_max_, held_ = 0;  // of all channels, and kept_back_
  std::unordered_map<std::uint32_t, std::uint64_t> rests_;  // what of that channels keep that are over
  std::uint64_t kept_back_ = 0;              // by the dialect
  std::string failure_;
  std::string left_;
  std::uint32_t piece_ = UINT32_MAX;  // the last
  std::string before_values_;         // what the rules left of it
};

}  // namespace sluice::proxy
