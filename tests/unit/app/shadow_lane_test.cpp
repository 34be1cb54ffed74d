// What a version in shadow leaves when it ends: nothing, neither text that waits nor the version itself.
#include "shadow_lane.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "../temporary_folder.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/shard_cache.hpp"

namespace sluice::app {
namespace {

std::shared_ptr<const policy::snapshot> version_of(const std::string& word) {
  policy::bundle_source source;
  source.files.push_back(policy::make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules: [{use: p, bind: {scope: global}}]\n"));
  source.files.push_back(policy::make_source_file("p.yaml", "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n  - {id: r, direction: request, match: {keywords: [" + word +
                                                                "]}, action: {type: block, message: No.}, tests: [{name: a, request: " + word + ", expect: {rules: [r]}}, {name: b, request: hello, expect: {rules: []}}]}\n"));
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  auto report = policy::build(source, parse_time("2026-11-23").value(), *backend, cache);
  EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
  return report.snapshot;
}

class no_names final : public proxy::text_names {
 public:
  [[nodiscard]] std::string of(std::uint32_t) const override { return "messages[0].content"; }
};

class shadowing : public ::testing::Test {
 protected:
  void offer(const std::shared_ptr<const policy::snapshot>& candidate) {
    policy::active_policy policy;
    policy.snapshot = live_;
    policy.shadow = candidate;
    policy::context who;
    who.user = "u" + std::to_string(++users_);
    const policy::outcome nothing;
    const no_names names;
    proxy::judged_text text;
    text.request.push_back({.text = "about taxes"});
    lane_.offer(0, {.decision_id = "d1", .time = {}, .policy = policy, .who = who, .effective = {}, .dialect = "openai", .endpoint = {}, .method = {}, .path = {}, .request = nothing, .response = nothing,
                    .request_names = names, .response_names = names, .request_judged = true, .unscanned = {}, .recalled = {}, .attachments = {}, .unread = {}, .text = &text, .caller = {}, .counted_as = {}, .reason = {}});
  }
  template <class Holds>
  static bool soon(Holds holds) {
    for (int i = 0; i < 500 && !holds(); ++i) std::this_thread::sleep_for(milliseconds(20));
    return holds();
  }
  sluice::testing::temporary_folder folder_;
  std::unique_ptr<audit::log> log_ = audit::log::open({.directory = folder_.path(), .node = "n1", .engine = {}, .config_digest = {}, .value_key = "key", .text = {}, .signing = {}}, 1, 1).value();
  std::shared_ptr<const policy::snapshot> live_ = version_of("loans");
  shadow_lane lane_{1, 100, {.hash = "h", .token = "t"}, *log_};
  int users_ = 0;
};

TEST_F(shadowing, nothing_waits_for_a_version_that_is_not_in_shadow_any_more) {
  auto ended = version_of("taxes");
  const std::weak_ptr<const policy::snapshot> gone = ended;
  // The last of its exchanges end when it has ended.
  for (int i = 0; i < 100; ++i) offer(ended);
  ended.reset();
  EXPECT_TRUE(soon([&] { return gone.expired(); })) << "what waits keeps its text and both versions";
  EXPECT_EQ(lane_.stats().shed_queue, 100U);
  EXPECT_EQ(lane_.stats().judged, 0U);
}

TEST_F(shadowing, what_waits_for_the_one_before_is_not_judged_for_the_next) {
  auto first = version_of("taxes"), second = version_of("levies");
  lane_.expect(first->version());
  offer(first);
  EXPECT_TRUE(soon([&] { return lane_.stats().judged == 1; }));
  lane_.expect(second->version());
  for (int i = 0; i < 20; ++i) {
    offer(second);
    offer(first);  // of a stream that was pinned before
  }
  EXPECT_TRUE(soon([&] { return lane_.stats().judged == 21 && lane_.stats().shed_queue == 20; }));
  const auto shown = lane_.shown();
  ASSERT_TRUE(shown.contains(second->version()));
  EXPECT_EQ(shown.at(second->version()).all.of, 20U) << "what was seen of it stays";
  // What it showed outlives the version itself.
  lane_.expect("");
  const std::weak_ptr<const policy::snapshot> gone = second;
  second.reset();
  EXPECT_TRUE(soon([&] { return gone.expired(); }));
  EXPECT_EQ(lane_.shown().size(), 1U);
}

}  // namespace
}  // namespace sluice::app
