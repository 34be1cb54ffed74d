// A node whose versions come as archives: what a manifest says of "weaker" holds for what this node runs itself.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <thread>

#include "sluice/store/archive.hpp"
#include "../temporary_folder.hpp"
#include "trust_fixture.hpp"

namespace sluice::store {
namespace {

using namespace testing;

class web_server {
 public:
  void serve(const std::string& bytes) {
    const std::scoped_lock hold(lock_);
    body_ = bytes;
    etag_ = std::to_string(++count_);
  }
  downloaded answer(const std::string& etag) {
    const std::scoped_lock hold(lock_);
    if (etag == etag_) return {.unchanged = true, .body = {}, .etag = etag};
    return {.unchanged = false, .body = body_, .etag = etag_};
  }

 private:
  std::mutex lock_;
  std::string body_, etag_;
  int count_ = 0;
};

class fetching : public ::testing::Test {
 protected:
  static std::optional<signing_key> copy_of(const signing_key& key) { return signing_key::from_pem(key.to_pem()).value(); }
  agent_config config(const std::string& node = "n1") {
    agent_config c;
    c.download = [this](const std::string& etag, milliseconds, int) -> result<downloaded> { return server_.answer(etag); };
    c.download_from = "a server";
    c.ring = "test";
    c.poll = milliseconds(20);
    c.state_directory = place_.path(node);
    c.node_id = node;
    c.trust = {.keys = {trusted("one", builder_, build_role | activate_role), trusted("lead", lead_, static_cast<unsigned>(key_role::approve))}, .required = true, .approval = true};
    return c;
  }
  // A version under a number, as if the gate had held it against `against`.
  std::string packed(const std::string& text, policy::activation as, const std::string& against, bool weaker = false) {
    const sealing how{.ring = "test", .activation = as, .actor = "me", .note = "", .how = {.gate_report = std::string(64, 'a'), .gate_verdict = "PASS", .weaker = weaker, .ring = "test", .against = against}};
    return sealed_archive(bundle_of(text), how, copy_of(builder_), copy_of(builder_)).value();
  }
  std::string approved(const std::string& bytes) {
    auto archive = read_archive(bytes, {}).value();
    EXPECT_TRUE(approve_archive(archive, publisher_trust(config().trust.keys, {}, {}), lead_));
    return write_archive(archive).value();
  }
  static std::string version(const std::string& text) { return policy::version_of(bundle_of(text)); }
  static std::string first_digits(const std::string& text) { return version(text).substr(0, 12); }
  temporary_folder place_;
  web_server server_;
  const signing_key builder_ = signing_key::generate(), lead_ = signing_key::generate();
};

TEST_F(fetching, what_an_archive_was_held_against_has_to_be_what_runs_here) {
  server_.serve(packed("strong", {1, 1}, ""));
  watched_agent node(config());
  node->start();
  ASSERT_TRUE(node.until_version(version("strong")));
  // A first archive is no weaker than nothing, and one that is held against it no weaker than itself.
  const auto weak = packed("weak", {1, 50}, version("weak"));
  server_.serve(weak);
  EXPECT_TRUE(node.until_event("refused", "was held against version " + first_digits("weak") + ", and follows version " + first_digits("strong")));
  EXPECT_TRUE(node.until_event("refused", "sluice approve --archive"));
  server_.serve(packed("first", {1, 51}, ""));
  EXPECT_TRUE(node.until_event("refused", "was held against nothing, and follows version " + first_digits("strong")));
  EXPECT_EQ(node->status().version, version("strong"));
  server_.serve(approved(weak));
  EXPECT_TRUE(node.until_version(version("weak"))) << "the second key says more than any comparison";
  server_.serve(packed("next", {1, 51}, version("weak")));
  EXPECT_TRUE(node.until_version(version("next")));
}

TEST_F(fetching, back_is_to_what_ran_here_and_what_runs_is_asked_nothing_anew) {
  server_.serve(packed("one", {1, 1}, ""));
  watched_agent node(config());
  node->start();
  ASSERT_TRUE(node.until_version(version("one")));
  server_.serve(packed("two", {1, 2}, version("one")));
  ASSERT_TRUE(node.until_version(version("two")));
  const auto back = packed("one", {1, 3}, version("two"), true);
  server_.serve(back);
  EXPECT_TRUE(node.until_version(version("one")));
  server_.serve(packed("one", {1, 4}, "", true));
  EXPECT_TRUE(node.until([](const policy::active_policy& p) { return p.activation == policy::activation{1, 4}; })) << "the same once more, under another number";
  server_.serve(packed("other", {1, 5}, version("one"), true));
  EXPECT_TRUE(node.until_event("refused", "is weaker than the version that was live when it was made"));
  // Who did not run it asks for the second key.
  server_.serve(back);
  watched_agent young(config("n2"));
  young->start();
  EXPECT_TRUE(young.until_event("refused", "no second key has approved it"));
  server_.serve(approved(back));
  EXPECT_TRUE(young.until_version(version("one")));
}

TEST_F(fetching, a_key_that_ended_takes_nothing_from_what_runs_also_after_a_restart) {
  server_.serve(packed("one", {1, 1}, ""));
  {
    watched_agent node(config());
    node->start();
    ASSERT_TRUE(node.until_version(version("one")));
  }
  auto later = config();
  later.trust.keys[0].not_after = now().wall;  // it counted when the version was taken
  watched_agent node(later);
  node->start();
  EXPECT_TRUE(node.until_state(policy::freshness::fresh));
  EXPECT_EQ(node->status().version, version("one"));
  EXPECT_FALSE(node.had_event("refused", ""));
  server_.serve(packed("two", {1, 2}, version("one")));
  EXPECT_TRUE(node.until_event("refused", "expired"));
  EXPECT_EQ(node->status().version, version("one"));
}

TEST_F(fetching, a_server_that_went_back_is_told_of_each_time_and_what_it_served_before_does_not_stand) {
  const auto first = packed("one", {1, 1}, ""), second = packed("two", {1, 2}, version("one"));
  server_.serve(first);
  watched_agent node(config());
  node->start();
  ASSERT_TRUE(node.until_version(version("one")));
  server_.serve(second);
  ASSERT_TRUE(node.until_version(version("two")));
  server_.serve("no archive");
  ASSERT_TRUE(node.until_event("refused", "archive"));
  const std::string why = "HEAD_REGRESSED: the server is at 1-1, this node has seen 1-2; what runs stays";
  for (const std::size_t times : {1u, 2u}) {
    server_.serve(first);
    ASSERT_TRUE(node.until([&](const auto&) { return node->status().source_error == why; }));
    server_.serve(first);  // under another ETag
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_EQ(node->status().source_error, why) << "also while it answers the same again";
    EXPECT_TRUE(node->status().connected);
    EXPECT_FALSE(node->status().last_refusal->stands);
    EXPECT_EQ(node.logged(why), times);
    server_.serve(second);
    ASSERT_TRUE(node.until([&](const auto&) { return node->status().source_error.empty(); }));
  }
}

TEST_F(fetching, who_missed_an_archive_asks_for_the_second_key) {
  server_.serve(packed("one", {1, 1}, ""));
  {
    watched_agent node(config());
    node->start();
    ASSERT_TRUE(node.until_version(version("one")));
  }
  const auto three = packed("three", {1, 3}, version("two"));
  server_.serve(three);
  watched_agent node(config()), young(config("n2"));
  node->start();
  young->start();
  EXPECT_TRUE(node.until_event("refused", "was held against version " + first_digits("two")));
  EXPECT_TRUE(young.until_version(version("three"))) << "a new node has nothing else to go by";
  server_.serve(approved(three));
  EXPECT_TRUE(node.until_version(version("three")));
}

TEST_F(fetching, what_it_died_of_was_live_here_all_the_same) {
  server_.serve(packed("one", {1, 1}, ""));
  {
    watched_agent node(config());
    node->start();
    ASSERT_TRUE(node.until_version(version("one")));
    server_.serve(packed("deadly", {1, 2}, version("one")));
    ASSERT_TRUE(node.until_version(version("deadly")));
  }
  auto c = config();
  c.crashes[version("deadly")] = 2;
  watched_agent node(c);
  node->start();
  ASSERT_TRUE(node.until_version(version("one")));
  server_.serve(packed("repaired", {1, 3}, version("deadly")));
  EXPECT_TRUE(node.until_version(version("repaired")));
}

TEST_F(fetching, what_did_not_build_for_a_reason_of_the_moment_is_asked_for_again) {
  server_.serve(packed("one", {1, 1}, ""));
  auto c = config();
  c.again_after = milliseconds(20);
  watched_agent node(c);
  node->start();
  ASSERT_TRUE(node.until_version(version("one")));
  node.fails_for_now = 3;
  server_.serve(packed("two", {1, 2}, version("one")));
  ASSERT_TRUE(node.until_version(version("two")));
  EXPECT_EQ(node->status().refusals, 3u);
}

TEST_F(fetching, an_archive_without_a_manifest_owes_the_second_key) {
  auto c = config();
  c.trust.required = false;
  server_.serve(write_archive({.source = bundle_of("plain"), .manifest = {}, .activation = {}}).value());
  watched_agent node(c);
  node->start();
  EXPECT_TRUE(node.until_event("refused", "no second key has approved it"));
}

TEST_F(fetching, only_another_key_approves_what_somebody_built_who_may) {
  const auto whom = publisher_trust(config().trust.keys, {}, {});
  const auto said = [&](bundle_archive archive, const signing_key& key) {
    const auto done = approve_archive(archive, whom, key);
    return done ? std::string() : done.error().message;
  };
  const auto good = read_archive(packed("weak", {1, 2}, version("one"), true), {}).value();
  EXPECT_EQ(said(good, lead_), "");
  EXPECT_NE(said(good, builder_).find("a second one is wanted"), std::string::npos);
  auto other = good;
  other.source = bundle_of("other");
  EXPECT_NE(said(other, lead_).find("is the manifest of version"), std::string::npos);
  auto bare = good;
  bare.manifest.clear();
  EXPECT_NE(said(bare, lead_).find("holds no .sluice/manifest.json"), std::string::npos);
  auto stranger = good;
  stranger.manifest = sign_text(build_purpose, read_signed(good.manifest)->payload, signing_key::generate());
  EXPECT_NE(said(stranger, lead_).find("does not trust"), std::string::npos);
}

}  // namespace
}  // namespace sluice::store
