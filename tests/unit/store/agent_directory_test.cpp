// A node whose policies lie in a folder: swaps are atomic, edits are taken whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "failing_disk.hpp"
#include "../temporary_folder.hpp"
#include "watched_agent.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using sluice::testing::temporary_folder;
using policy::freshness;
namespace fs = std::filesystem;

class folder_agent : public ::testing::Test {
 protected:
  agent_config config(const std::string& directory) {
    agent_config c;
    c.directory = directory;
    // Long, so that what is seen was seen by the watch and not by the poll.
    c.poll = seconds(60);
    c.state_directory = place_.path("state");
    c.node_id = "n1";
    return c;
  }
  void bundle(const std::string& folder, const std::string& text) {
    place_.write(folder + "/bundle.yaml", "name: test");
    place_.write(folder + "/policy.yaml", text);
  }
  // As an editor that saves by rename does: no reader ever sees half of it.
  void replace(const std::string& file, const std::string& text) {
    place_.write("next", text);
    fs::rename(place_.path("next"), place_.path(file));
  }
  // Half a state, `between`, then the rest. False when the machine took so long that the half was a state of its own.
  [[nodiscard]] bool edit_in_two_steps(const std::string& half, const std::string& whole, const std::function<void()>& between = [] {}) {
    const auto begin = mono_now();
    place_.write("p/policy.yaml", half);
    between();
    place_.write("p/policy.yaml", whole);
    return mono_now() - begin < milliseconds(400);
  }
  static std::string version(const std::string& text) { return policy::version_of(bundle_of(text)); }
  temporary_folder place_;
};

TEST_F(folder_agent, a_folder_is_in_force_when_start_returns) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
  EXPECT_EQ(policy::to_string(node.active().activation), "1-1");
  EXPECT_EQ(node.active().freshness, freshness::fresh);
}

TEST_F(folder_agent, what_did_not_build_for_a_reason_of_the_moment_is_tried_again) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  c.again_after = milliseconds(20);
  watched_agent node(c);
  node->start();
  node.fails_for_now = 3;
  bundle("p", "two");
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(node->status().refusals, 3u);
  EXPECT_EQ(std::ranges::count_if(node.events(), [](const std::string& e) { return e.starts_with("refused "); }), 1) << "the logs are told once";
  EXPECT_TRUE(node.had_event("refused", "the compiler did not start; that may pass, and this node tries again"));
}

TEST_F(folder_agent, what_did_not_build_for_good_is_not_tried_again) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  c.again_after = milliseconds(1);
  c.poll = milliseconds(5);
  watched_agent node(c);
  node->start();
  bundle("p", "REFUSE");
  ASSERT_TRUE(node.until_event("refused", "policy.yaml:1:1: refused"));
  bundle("p", "two");
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(node->status().refusals, 1u);
}

TEST_F(folder_agent, an_edit_in_place_is_taken_when_it_is_quiet) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  bundle("p", "two");
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(policy::to_string(node.active().activation), "1-2");
}

TEST_F(folder_agent, edits_that_follow_each_other_are_taken_as_one) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  // The half must never be in force.
  if (!edit_in_two_steps("REFUSE half", "two")) GTEST_SKIP() << "the machine is too slow to write two files within the quiet time";
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(node.applied(), 2u);
  EXPECT_FALSE(node->status().last_refusal.has_value());
}

TEST_F(folder_agent, a_reload_in_the_middle_of_an_edit_waits_for_its_end) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  const bool in_time = edit_in_two_steps("REFUSE half", "two", [&] {
    node->reload();
    std::this_thread::sleep_for(milliseconds(50));  // so that the agent meets the half
  });
  if (!in_time) GTEST_SKIP() << "the machine is too slow to write two files within the quiet time";
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(node.applied(), 2u);
  EXPECT_FALSE(node->status().last_refusal.has_value());
}

TEST_F(folder_agent, a_new_folder_inside_is_watched_too) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  place_.write("p/deep/er/more.yaml", "a");
  ASSERT_TRUE(node.until([](const auto& a) { return a.activation.generation == 2; }));
  place_.write("p/deep/er/more.yaml", "b");
  EXPECT_TRUE(node.until([](const auto& a) { return a.activation.generation == 3; }));
}

TEST_F(folder_agent, a_swapped_link_is_taken_at_once) {
  bundle("v1", "one");
  bundle("v2", "two");
  fs::create_directory_symlink("v1", place_.path("current"));
  watched_agent node(config(place_.path("current")));
  node->start();
  ASSERT_EQ(node.active().snapshot->version(), version("one"));
  // The best of several: a machine that is busy makes one late, a quiet time would make each late.
  auto best = seconds(60) * 1.0;
  for (int i = 0; i < 6; ++i) {
    fs::create_directory_symlink(i % 2 == 0 ? "v2" : "v1", place_.path("next"));
    const auto begin = mono_now();
    fs::rename(place_.path("next"), place_.path("current"));
    ASSERT_TRUE(node.until_version(version(i % 2 == 0 ? "two" : "one")));
    best = std::min<decltype(best)>(best, mono_now() - begin);
  }
  EXPECT_LT(best, milliseconds(450)) << "no quiet time for a swap";
}

TEST_F(folder_agent, the_data_link_of_kubernetes_is_a_swap) {
  bundle("p/..v1", "one");
  bundle("p/..v2", "two");
  fs::create_directory_symlink("..v1", place_.path("p/..data"));
  for (const char* name : {"bundle.yaml", "policy.yaml"}) fs::create_symlink(std::string("..data/") + name, place_.path(std::string("p/") + name));
  watched_agent node(config(place_.path("p")));
  node->start();
  ASSERT_EQ(node.active().snapshot->version(), version("one"));
  fs::create_directory_symlink("..v2", place_.path("p/..data_tmp"));
  fs::rename(place_.path("p/..data_tmp"), place_.path("p/..data"));
  EXPECT_TRUE(node.until_version(version("two")));
}

TEST_F(folder_agent, a_refused_edit_leaves_what_runs_and_is_tried_once) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  bundle("p", "REFUSE");
  ASSERT_TRUE(node.until_event("refused", "policy.yaml:1:1"));
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
  EXPECT_EQ(std::distance(fs::directory_iterator(place_.path("state/versions")), fs::directory_iterator()), 1) << "nothing of a version that did not build";
  const auto tried = node.applied();
  node->reload();
  replace("p/policy.yaml", "two");
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(node.applied(), tried + 1);
}

TEST_F(folder_agent, a_folder_that_vanished_is_told_and_what_runs_stays) {
  bundle("p", "one");
  watched_agent node(config(place_.path("p")));
  node->start();
  fs::rename(place_.path("p"), place_.path("gone"));
  ASSERT_TRUE(node.until_log("cannot be read"));
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
  bundle("gone", "two");
  fs::rename(place_.path("gone"), place_.path("p"));
  EXPECT_TRUE(node.until_version(version("two")));
}

TEST_F(folder_agent, counting_goes_on_after_a_restart) {
  bundle("p", "one");
  { watched_agent(config(place_.path("p")))->start(); }
  bundle("p", "two");
  watched_agent node(config(place_.path("p")));
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), version("two"));
  EXPECT_EQ(policy::to_string(node.active().activation), "1-2");
}

TEST_F(folder_agent, what_ends_in_a_version_takes_effect_while_it_runs_and_is_told_once) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  c.poll = milliseconds(100);
  watched_agent node(c);
  node.notes = {"exception e expired"};
  node.apply_again = now().wall + milliseconds(300);
  node->start();
  const auto first = node.active();
  ASSERT_TRUE(node.until([&](const auto& a) { return a.snapshot != first.snapshot; }));
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
  EXPECT_EQ(node.active().activation, first.activation);
  ASSERT_TRUE(node.until_event("state 1-1", "exception e expired"));
  EXPECT_EQ(node.logged("exception e expired"), 1u);
  EXPECT_EQ(node.applied(), 2u);
}

TEST_F(folder_agent, with_nothing_to_load_the_node_denies) {
  watched_agent node(config(place_.path("nowhere")));
  node->start();
  EXPECT_EQ(node.active().freshness, freshness::none);
  EXPECT_TRUE(node.active().snapshot->denies_all());
  EXPECT_EQ(node->status().last_refusal->phase, "load");
}

TEST_F(folder_agent, a_state_folder_that_cannot_be_written_is_told_and_the_policy_still_applies) {
  bundle("p", "one");
  place_.write("state", "a file where a folder should be");
  watched_agent node(config(place_.path("p")));
  node->start();
  EXPECT_TRUE(node.until_log("policy.state_directory"));
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
}

TEST_F(folder_agent, a_version_that_cannot_be_kept_is_not_in_force_until_there_is_room) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  c.poll = milliseconds(100);
  watched_agent node(c);
  node->start();
  place_.write("next", "two");
  {
    const failing_disk full(failing_disk::call::write);
    fs::rename(place_.path("next"), place_.path("p/policy.yaml"));
    ASSERT_TRUE(node.until_event("refused 1-2", "STORE"));
    EXPECT_EQ(node.active().snapshot->version(), version("one"));
    EXPECT_EQ(node->status().stored_versions, std::vector{version("one")});
  }
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(policy::to_string(node.active().activation), "1-2");
  EXPECT_EQ(node.applied(), 2u) << "built once, kept later";
  EXPECT_EQ(node.logged("refused"), 1u) << "told once";
  EXPECT_FALSE(node->status().last_refusal->stands);
  node.stop();
  watched_agent again(c);
  place_.write("p/policy.yaml", "REFUSE");
  again->start();
  EXPECT_EQ(again.active().snapshot->version(), version("two"));
}

TEST_F(folder_agent, with_nothing_better_a_version_that_cannot_be_kept_is_in_force_and_says_so) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  c.poll = milliseconds(100);
  watched_agent node(c);
  {
    const failing_disk full(failing_disk::call::sync_folder);
    node->start();
    EXPECT_EQ(node.active().snapshot->version(), version("one"));
    EXPECT_TRUE(node->status().last_refusal->stands);
    EXPECT_TRUE(node->status().stored_versions.empty());
  }
  EXPECT_TRUE(node.until([&](const auto&) { return !node->status().stored_versions.empty(); }));
  EXPECT_FALSE(node->status().last_refusal->stands);
}

TEST_F(folder_agent, a_clock_that_was_set_back_makes_no_version_fresh_for_ever) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  { watched_agent(c)->start(); }
  place_.write("state/contact", rfc3339(sluice::now().wall + std::chrono::hours(1)));
  fs::rename(place_.path("p"), place_.path("gone"));
  c.poll = milliseconds(50);
  c.max_stale = milliseconds(500);
  watched_agent node(c);
  node->start();
  EXPECT_TRUE(node.until_state(freshness::expired));
}

// The state file has its new name; only the folder's sync failed.
TEST_F(folder_agent, a_version_that_the_state_on_disk_may_name_is_not_taken_away) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  { watched_agent(c)->start(); }
  bundle("p", "two");
  {
    const failing_disk broken(failing_disk::call::sync_named);
    watched_agent node(c);
    node->start();
  }
  fs::rename(place_.path("p"), place_.path("gone"));
  watched_agent again(c);
  again->start();
  EXPECT_EQ(again.active().snapshot->version(), version("two"));
}

TEST_F(folder_agent, a_memory_that_cannot_be_read_is_left_as_it_is) {
  bundle("p", "one");
  auto c = config(place_.path("p"));
  { watched_agent(c)->start(); }
  const auto state = place_.path("state/state.json");
  fs::rename(state, state + ".kept");
  fs::create_symlink("state.json", state);
  watched_agent node(c);
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
  EXPECT_TRUE(node.until_log("state.json cannot be read"));
  EXPECT_TRUE(node->status().highest_lost);
  bundle("p", "two");
  EXPECT_TRUE(node.until_version(version("two")));
  EXPECT_TRUE(node->status().last_refusal->stands) << "it is in force, and not on disk";
  node.stop();
  ASSERT_TRUE(fs::is_symlink(state));
  fs::rename(state + ".kept", state);
  fs::rename(place_.path("p"), place_.path("gone"));
  watched_agent again(c);
  again->start();
  EXPECT_FALSE(again->status().highest_lost);
  EXPECT_EQ(again.active().snapshot->version(), version("one"));
}

TEST_F(folder_agent, a_damaged_memory_costs_the_count_and_not_the_policy) {
  bundle("p", "one");
  { watched_agent(config(place_.path("p")))->start(); }
  place_.write("state/state.json", "{\"highest");
  fs::rename(place_.path("p"), place_.path("gone"));
  watched_agent node(config(place_.path("p")));
  node->start();
  EXPECT_EQ(node.active().snapshot->version(), version("one"));
  EXPECT_EQ(node.active().freshness, freshness::stale);
  EXPECT_TRUE(node.until_log("state.json is damaged"));
  EXPECT_TRUE(node.until_event("state", "state.json is damaged"));
  EXPECT_TRUE(node->status().highest_lost);
  // The next number is above all that may have been given.
  fs::rename(place_.path("gone"), place_.path("p"));
  node->reload();
  ASSERT_TRUE(node.until([](const auto& a) { return a.activation.generation == 1; }));
  EXPECT_GT(node.active().activation, (policy::activation{1'000'000, 0}));
  EXPECT_FALSE(node->status().highest_lost);
}

}  // namespace
}  // namespace sluice::store
