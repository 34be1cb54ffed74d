// The ledger against a real Redis: what one node keeps another knows, for the same tenant and dialect, until its time is over; a last word
// stays; how many there are has a bound; nothing of it can be read there; and a Redis that is away is told at once and never waited for.
#include "sluice/store/ledger.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "redis_server.hpp"

namespace sluice::store {
namespace {

using namespace testing;

const crypto::digest secret = crypto::sha256("the fleet's");

// A node's ledger, and the answers it gave.
class node {
 public:
  explicit node(const redis_endpoint& redis, ledger_config with = {}, crypto::digest of = secret)
      : ledger({.redis = redis, .ring = "test", .timeout = with.timeout, .ttl = with.ttl, .handles_max = with.handles_max, .secret = of},
               {.answered = [this](unsigned, std::uint64_t ticket, ledger_answer answer) { take(ticket, std::move(answer)); },
                .log = [](const std::string&, const std::string&) {}}) {}
  ~node() { ledger.stop(); }

  // Nothing: the ledger said at once that it is away.
  std::optional<ledger_answer> ask(ledger_question question, std::vector<std::string>* as_stored = nullptr) {
    const auto ticket = ++last_;
    if (!ledger.ask(3, ticket, std::move(question), as_stored)) return std::nullopt;
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return answers_.contains(ticket); }));
    return answers_[ticket];
  }
  bool keep(const std::string& handle, const std::string& entry, bool last_word = false) {
    const auto done = ask({.tenant = "acme", .dialect = "openai", .recall = {}, .keep = {{handle, entry, last_word}}});
    return done && done->available;
  }
  // "" where it is not known; "-" where the ledger is away.
  std::string known(const std::string& handle, const std::string& tenant = "acme", const std::string& dialect = "openai") {
    const auto got = ask({.tenant = tenant, .dialect = dialect, .recall = {handle}, .keep = {}});
    return got && got->available ? got->found.at(0) : "-";
  }

 private:
  void take(std::uint64_t ticket, ledger_answer answer) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(answers_.emplace(ticket, std::move(answer)).second) << "answered twice";
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, ledger_answer> answers_;
  std::uint64_t last_ = 0;

 public:
  store::ledger ledger;
};

class ledger_in_redis : public ::testing::Test {
 protected:
  void SetUp() override {
    SLUICE_NEEDS_REDIS();
    redis_.emplace();
  }
  std::vector<std::string> keys() {
    std::vector<std::string> out;
    for (const auto& key : redis_->run({"KEYS", "{sluice:test}:ledger:*"}).items) out.push_back(key.text);
    return out;
  }
  std::optional<redis_server> redis_;
};

TEST_F(ledger_in_redis, what_one_node_keeps_another_knows_for_the_same_tenant_and_dialect_only) {
  node a(redis_->endpoint()), b(redis_->endpoint());
  EXPECT_EQ(b.known("resp_1"), "");
  EXPECT_TRUE(a.keep("resp_1", "allowed by v1"));
  EXPECT_EQ(b.known("resp_1"), "allowed by v1");
  EXPECT_TRUE(b.keep("resp_1", "allowed by v2"));
  EXPECT_EQ(a.known("resp_1"), "allowed by v2");
  EXPECT_EQ(b.known("resp_1", "other"), "");
  EXPECT_EQ(b.known("resp_1", ""), "");
  EXPECT_EQ(b.known("resp_1", "acme", "gemini"), "");
  EXPECT_EQ(b.known("1", "acme", "openairesp_"), "");
  const auto both = a.ask({.tenant = "acme", .dialect = "openai", .recall = {"resp_9", "resp_1", "resp_2"}, .keep = {{"resp_2", "x", false}, {"resp_3", "y", false}}});
  ASSERT_TRUE(both && both->available);
  EXPECT_EQ(both->found, (std::vector<std::string>{"", "allowed by v2", ""})) << "it is asked before it is told";
  EXPECT_EQ(b.known("resp_3"), "y");
  EXPECT_EQ(a.ledger.stats().kept, 3u);
  EXPECT_EQ(b.ledger.stats().recalled, 2u);
  std::string all;
  for (const auto& key : keys()) all += key + redis_->run({"GET", key}).text;
  EXPECT_EQ(keys().size(), 3u);
  for (const char* clear : {"acme", "openai:", "resp_1", "allowed"}) EXPECT_EQ(all.find(clear), std::string::npos) << clear;
}

TEST_F(ledger_in_redis, a_last_word_stays_whatever_others_keep) {
  node a(redis_->endpoint()), b(redis_->endpoint());
  EXPECT_TRUE(a.keep("conv_1", "allowed"));
  EXPECT_TRUE(b.keep("conv_1", "blocked", true));
  EXPECT_TRUE(a.keep("conv_1", "allowed"));
  EXPECT_EQ(a.known("conv_1"), "blocked");
}

// Of two that saw the same, one has its mark there; and what stands instead of that mark is the word of who set it.
TEST_F(ledger_in_redis, an_entry_is_kept_instead_of_what_was_seen_and_of_nothing_else) {
  node a(redis_->endpoint()), b(redis_->endpoint());
  EXPECT_TRUE(a.keep("conv_1", "whole"));
  const auto seen = [&](node& by) { return by.ask({.tenant = "acme", .dialect = "openai", .recall = {"conv_1"}, .keep = {}})->as_stored.at(0); };
  const auto of_a = seen(a), of_b = seen(b);
  EXPECT_EQ(of_a, of_b);
  const auto keeps = [](node& by, const std::string& entry, const std::string& instead_of, std::vector<std::string>& as_stored, bool last_word = false) {
    const auto done = by.ask({.tenant = "acme", .dialect = "openai", .recall = {}, .keep = {{"conv_1", entry, last_word, instead_of}, {"resp_" + entry, "x"}}}, &as_stored);
    EXPECT_TRUE(done && done->available);
    EXPECT_EQ(by.known("resp_" + entry), "x") << "each by itself";
    return !done->missed;
  };
  std::vector<std::string> mark_of_a, mark_of_b, none;
  EXPECT_TRUE(keeps(a, "marked by a", of_a, mark_of_a));
  EXPECT_FALSE(keeps(b, "marked by b", of_b, mark_of_b));
  EXPECT_EQ(b.known("conv_1"), "marked by a");
  EXPECT_EQ(seen(b), mark_of_a.at(0)) << "known before there was an answer";
  EXPECT_FALSE(keeps(b, "as it was", mark_of_b.at(0), none));
  EXPECT_EQ(a.known("conv_1"), "marked by a");
  EXPECT_TRUE(keeps(a, "whole again", mark_of_a.at(0), none));
  EXPECT_EQ(b.known("conv_1"), "whole again");
  EXPECT_FALSE(keeps(b, "nothing there", "gone", none));
  EXPECT_TRUE(b.keep("conv_1", "blocked", true));
  EXPECT_FALSE(keeps(a, "late", mark_of_a.at(0), none));
  EXPECT_EQ(a.known("conv_1"), "blocked");
}

TEST_F(ledger_in_redis, an_entry_ends_with_its_time_and_leaves_nothing) {
  node a(redis_->endpoint(), {.redis = {}, .ttl = milliseconds(300)});
  EXPECT_TRUE(a.keep("resp_1", "x"));
  EXPECT_EQ(a.known("resp_1"), "x");
  const auto from = keys().at(0);
  const auto bytes = redis_->run({"GET", from}).text;
  const auto end = mono_now() + seconds(15);
  while (redis_->run({"EXISTS", "{sluice:test}:ledger"}).integer != 0 && mono_now() < end) {
  }
  EXPECT_TRUE(redis_->run({"KEYS", "*"}).items.empty());
  // Who makes it last by hand does not make it true: the end of its time is in the seal.
  (void)redis_->run({"SET", from, bytes});
  EXPECT_EQ(a.known("resp_1"), "");
  EXPECT_EQ(a.ledger.stats().unreadable, 0u);
}

TEST_F(ledger_in_redis, takes_a_bounded_room_and_the_oldest_goes_first) {
  node a(redis_->endpoint(), {.redis = {}, .handles_max = 100});
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(a.keep("resp_" + std::to_string(i), "x"));
  EXPECT_EQ(keys().size(), 100u);
  EXPECT_EQ(redis_->run({"ZCARD", "{sluice:test}:ledger"}).integer, 100);
  EXPECT_EQ(a.known("resp_0"), "");
  EXPECT_EQ(a.known("resp_299"), "x");
  ledger_question many{.tenant = "acme", .dialect = "openai", .recall = {}, .keep = {}};
  for (std::size_t i = 0; i <= ledger::handles_max; ++i) many.keep.push_back({std::to_string(i), "x", false});
  EXPECT_FALSE(a.ask(many)) << "one question has a bound, too";
  many.keep.pop_back();
  EXPECT_TRUE(a.ask(many)->available);
  EXPECT_EQ(keys().size(), 100u);
}

TEST_F(ledger_in_redis, what_redis_moves_or_alters_and_another_secret_does_not_open) {
  node a(redis_->endpoint()), stranger(redis_->endpoint(), {}, crypto::sha256("another"));
  EXPECT_TRUE(a.keep("resp_1", "x"));
  const auto from = keys().at(0);
  EXPECT_TRUE(a.keep("resp_2", "y"));
  const auto all = keys();
  const auto to = all[0] == from ? all[1] : all[0];
  auto bytes = redis_->run({"GET", from}).text;
  (void)redis_->run({"SET", to, bytes});
  EXPECT_EQ(a.known("resp_2"), "");
  EXPECT_EQ(a.known("resp_1"), "x");
  bytes[0] = '1';  // as if it were a last word
  (void)redis_->run({"SET", from, bytes});
  EXPECT_EQ(a.known("resp_1"), "");
  EXPECT_EQ(a.ledger.stats().unreadable, 2u);
  EXPECT_EQ(stranger.known("resp_1"), "");
}

TEST_F(ledger_in_redis, a_redis_that_is_away_or_refuses_is_told_at_once_and_found_again) {
  node a(redis_->endpoint());
  ASSERT_TRUE(a.keep("resp_1", "x"));
  const auto name = keys().at(0);
  (void)redis_->run({"DEL", name});
  (void)redis_->run({"DEL", "{sluice:test}:ledger"});
  (void)redis_->run({"SET", "{sluice:test}:ledger", "no sorted set"});
  EXPECT_FALSE(a.keep("resp_1", "x"));
  EXPECT_TRUE(a.ledger.stats().connected);
  redis_->kill();
  EXPECT_EQ(a.known("resp_1"), "-");
  EXPECT_FALSE(a.ask({.tenant = "t", .dialect = "d", .recall = {"h"}, .keep = {}})) << "known to be away";
  redis_->start();
  const auto end = mono_now() + seconds(15);
  while (!a.ledger.stats().connected && mono_now() < end) {
  }
  EXPECT_EQ(a.known("resp_1"), "");
  EXPECT_TRUE(a.keep("resp_1", "x"));
}

}  // namespace
}  // namespace sluice::store
