// The vault against a real Redis: what one node keeps another recalls, in the same conversation, until its time is over; nothing of it can
// be read there; and a Redis that is away, slow or full is told at once and never waited for.
#include "sluice/store/vault.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>

#include "redis_server.hpp"
#include "ring_layout.hpp"
#include "vault_entries.hpp"

namespace sluice::store {
namespace {

using namespace testing;
using policy::kept_value;
using policy::vault_answer;
using policy::vault_question;

const crypto::digest secret = crypto::sha256("the fleet's");

// A node's vault, and the answers it gave.
class node {
 public:
  explicit node(const redis_endpoint& redis, crypto::digest of = secret, milliseconds timeout = seconds(5))
      : vault({.redis = redis, .ring = "test", .timeout = timeout, .secret = of},
              {.answered = [this](unsigned worker, std::uint64_t ticket, vault_answer answer) { take(worker, ticket, std::move(answer)); },
               .log = [](const std::string&, const std::string&) {}}) {}
  ~node() { vault.stop(); }

  // Nothing: the vault said at once that it is away.
  std::optional<vault_answer> ask(const std::string& tenant, const std::string& conversation, std::vector<kept_value> keep = {}) {
    const auto ticket = ++last_;
    if (!vault.ask(3, ticket, {.tenant = tenant, .conversation = conversation, .keep = std::move(keep)})) return std::nullopt;
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return answers_.contains(ticket); }));
    return answers_[ticket];
  }
  std::map<std::string, std::string> values(const std::string& tenant, const std::string& conversation) {
    std::map<std::string, std::string> out;
    const auto got = ask(tenant, conversation);
    EXPECT_TRUE(got && got->available);
    if (got) {
      for (const auto& each : got->values) out.emplace(each.token, each.value);
    }
    return out;
  }

 private:
  void take(unsigned worker, std::uint64_t ticket, vault_answer answer) {
    EXPECT_EQ(worker, 3u);
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(answers_.emplace(ticket, std::move(answer)).second) << "answered twice";
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, vault_answer> answers_;
  std::uint64_t last_ = 0;

 public:
  store::vault vault;
};

class vault_in_redis : public ::testing::Test {
 protected:
  void SetUp() override {
    SLUICE_NEEDS_REDIS();
    redis_.emplace();
  }
  std::string all_of_redis() {
    std::string out;
    for (const auto& key : redis_->run({"KEYS", "*"}).items) {
      out += key.text;
      for (const auto& each : redis_->run({"HGETALL", key.text}).items) out += each.text;
    }
    return out;
  }
  std::optional<redis_server> redis_;
};

const kept_value account{.token = "<ACCOUNT_bcdf>", .value = "ACC-123456", .ttl = std::chrono::hours(1)};

TEST_F(vault_in_redis, what_one_node_keeps_another_recalls_in_the_same_conversation_only) {
  node a(redis_->endpoint()), b(redis_->endpoint());
  const auto kept = a.ask("acme", "c1", {account});
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->available);
  EXPECT_TRUE(kept->values.empty()) << "of earlier requests there was none";
  EXPECT_EQ(b.values("acme", "c1"), (std::map<std::string, std::string>{{account.token, account.value}}));
  EXPECT_TRUE(b.values("acme", "c2").empty());
  EXPECT_TRUE(b.values("other", "c1").empty());
  EXPECT_TRUE(b.values("acmec", "1").empty()) << "names that read alike when put together";
  EXPECT_TRUE(b.values("", "acmec1").empty());
  EXPECT_EQ(a.vault.stats().kept, 1u);
  EXPECT_EQ(b.vault.stats().recalled, 1u);
  const auto text = all_of_redis();
  EXPECT_GT(text.size(), 64u);
  for (const char* clear : {"ACC-123456", "123456", "ACCOUNT", "acme"}) EXPECT_EQ(text.find(clear), std::string::npos) << clear;
}

TEST_F(vault_in_redis, an_entry_ends_with_its_time_although_others_of_the_conversation_go_on) {
  node a(redis_->endpoint()), b(redis_->endpoint());
  ASSERT_TRUE(a.ask("t", "c", {account, {.token = "<S_x>", .value = "short", .ttl = milliseconds(300)}}));
  EXPECT_EQ(b.values("t", "c").size(), 2u);
  const auto end = mono_now() + seconds(10);
  while (b.values("t", "c").size() == 2 && mono_now() < end) {
  }
  EXPECT_EQ(b.values("t", "c"), (std::map<std::string, std::string>{{account.token, account.value}}));
  const auto name = vault_entries("test", secret).name_of("t", "c");
  EXPECT_EQ(redis_->run({"HLEN", name}).integer, 1) << "what is over goes with the next look";
  const auto lives = redis_->run({"PTTL", name}).integer;
  EXPECT_GT(lives, 3'500'000);
  EXPECT_LE(lives, 3'600'000);
}

TEST_F(vault_in_redis, a_conversation_that_ended_leaves_nothing) {
  node a(redis_->endpoint());
  ASSERT_TRUE(a.ask("t", "c", {{.token = "<S_x>", .value = "short", .ttl = milliseconds(200)}}));
  const auto end = mono_now() + seconds(10);
  while (!redis_->run({"KEYS", "*"}).items.empty() && mono_now() < end) {
  }
  EXPECT_TRUE(redis_->run({"KEYS", "*"}).items.empty());
}

TEST_F(vault_in_redis, saying_a_value_again_renews_it) {
  node a(redis_->endpoint());
  const kept_value brief{.token = "<S_x>", .value = "short", .ttl = milliseconds(400)};
  ASSERT_TRUE(a.ask("t", "c", {brief}));
  ASSERT_TRUE(a.ask("t", "c", {{.token = brief.token, .value = brief.value, .ttl = std::chrono::hours(1)}}));
  const auto got = a.ask("t", "c");
  ASSERT_TRUE(got && got->values.size() == 1);
  EXPECT_GT(got->values[0].ttl, std::chrono::minutes(59));
}

TEST_F(vault_in_redis, more_than_a_conversation_may_have_is_told_and_displaces_nothing) {
  node a(redis_->endpoint());
  std::vector<kept_value> many;
  for (std::size_t i = 0; i < vault::entries_max; ++i) many.push_back({.token = "<A_" + std::to_string(i) + ">", .value = "v", .ttl = seconds(60)});
  EXPECT_TRUE(a.ask("t", "c", many)->available);
  const auto full = a.ask("t", "c", {account});
  EXPECT_FALSE(full->available);
  EXPECT_EQ(full->values.size(), vault::entries_max) << "what it knows it says all the same";
  EXPECT_TRUE(a.ask("t", "c", {many.front()})->available) << "one that is there is renewed";
  EXPECT_FALSE(a.ask("t", "d", {{.token = "<A_1>", .value = std::string(vault::value_bytes_max + 1, 'x'), .ttl = seconds(60)}})->available);
  many.push_back(account);
  EXPECT_FALSE(a.ask("t", "e", many)->available);
  EXPECT_EQ(a.vault.stats().unavailable, 3u);
}

TEST_F(vault_in_redis, what_redis_moves_alters_or_makes_last_does_not_open) {
  node a(redis_->endpoint()), stranger(redis_->endpoint(), crypto::sha256("another secret"));
  ASSERT_TRUE(a.ask("t", "c", {account}));
  EXPECT_TRUE(stranger.values("t", "c").empty());
  const vault_entries entries("test", secret);
  const auto from = entries.name_of("t", "c"), to = entries.name_of("t", "other");
  const auto field = entries.field_of(from, account.token);
  auto bytes = redis_->run({"HGET", from, field}).text;
  (void)redis_->run({"HSET", to, field, bytes, entries.field_of(to, account.token), bytes});
  EXPECT_TRUE(a.values("t", "other").empty());
  EXPECT_EQ(a.vault.stats().unreadable, 2u);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  (void)redis_->run({"HSET", from, field, bytes});
  EXPECT_TRUE(a.values("t", "c").empty());
}

TEST_F(vault_in_redis, a_redis_that_is_away_is_told_at_once_and_found_again) {
  node a(redis_->endpoint());
  ASSERT_TRUE(a.ask("t", "c", {account}));
  redis_->kill();
  const auto first = a.ask("t", "c");  // shows that it is gone
  EXPECT_TRUE(!first || !first->available);
  EXPECT_FALSE(a.ask("t", "c")) << "known to be away";
  EXPECT_FALSE(a.vault.stats().connected);
  redis_->start();
  const auto end = mono_now() + seconds(15);
  while (!a.vault.stats().connected && mono_now() < end) {
  }
  EXPECT_TRUE(a.ask("t", "c", {account})->available);
  EXPECT_EQ(a.values("t", "c").size(), 1u);
}

TEST_F(vault_in_redis, a_redis_that_restarted_while_nobody_asked_costs_no_question) {
  node a(redis_->endpoint());
  ASSERT_TRUE(a.ask("t", "c", {account}));
  redis_->kill();
  redis_->start();
  EXPECT_TRUE(a.ask("t", "c", {account})->available);
}

TEST_F(vault_in_redis, a_redis_that_says_nothing_is_given_up_in_time) {
  node a(redis_->endpoint(), secret, milliseconds(200));
  ASSERT_TRUE(a.ask("t", "c", {account}));
  (void)redis_->run({"CLIENT", "PAUSE", "3000", "ALL"});
  const auto begin = mono_now();
  const auto late = a.ask("t", "c");
  EXPECT_TRUE(!late || !late->available);
  EXPECT_LT(mono_now() - begin, seconds(2));
}

TEST_F(vault_in_redis, a_redis_that_refuses_is_unavailable_and_stays_connected) {
  node a(redis_->endpoint());
  (void)redis_->run({"SET", vault_entries("test", secret).name_of("t", "c"), "not a hash"});
  EXPECT_FALSE(a.ask("t", "c", {account})->available);
  EXPECT_TRUE(a.ask("t", "d", {account})->available);
  EXPECT_TRUE(a.vault.stats().connected);
}

}  // namespace
}  // namespace sluice::store
