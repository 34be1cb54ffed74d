// Which snapshots have to be let go: by age, and by the memory of all of them with what they share counted once.
#include "pinned_snapshots.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sluice::app {
namespace {

class sized final : public policy::snapshot {
 public:
  sized(std::size_t own, std::vector<shared_piece> shared) : bytes_(own), shared_(std::move(shared)) {
    for (const auto& piece : shared_) bytes_ += piece.bytes;
  }
  const std::string& version() const override { return name_; }
  const std::string& bundle_name() const override { return name_; }
  const policy::ruleset& rules_for(const policy::context&) const override { std::abort(); }
  bool denies_all() const override { return false; }
  bool tells_models_apart(std::string_view, std::string_view) const override { return false; }
  bool asks_for_tags() const override { return false; }
  const std::vector<rule_info>& rules() const override { return rules_; }
  std::size_t memory_bytes() const override { return bytes_; }
  std::vector<shared_piece> shared_pieces() const override { return shared_; }

 private:
  std::size_t bytes_;
  std::vector<shared_piece> shared_;
  std::string name_;
  std::vector<rule_info> rules_;
};

mono_time at(int seconds_since) { return mono_time(seconds(seconds_since)); }
std::shared_ptr<const policy::snapshot> made(std::size_t own, std::vector<policy::snapshot::shared_piece> shared = {}) {
  return std::make_shared<const sized>(own, std::move(shared));
}
using pointers = std::vector<pinned_snapshots::pointer>;

TEST(pinned_snapshots, end_when_they_were_out_of_force_for_the_time_and_are_named_once) {
  pinned_snapshots pins(1000, seconds(10));
  const auto a = made(1), b = made(1), c = made(1);
  pins.activate(a, at(0));
  EXPECT_EQ(pins.overdue(at(100)), pointers{}) << "what is in force has no age";
  pins.activate(b, at(100));
  pins.activate(c, at(105));
  EXPECT_EQ(pins.overdue(at(109)), pointers{});
  EXPECT_EQ(pins.overdue(at(110)), pointers{a});
  EXPECT_EQ(pins.overdue(at(111)), pointers{});
  EXPECT_EQ(pins.overdue(at(115)), pointers{b});
}

TEST(pinned_snapshots, end_the_oldest_first_at_the_bound_of_memory) {
  pinned_snapshots pins(100, seconds(10));
  const auto a = made(40), b = made(40), c = made(40), d = made(90);
  pins.activate(a, at(0));
  pins.activate(b, at(1));
  EXPECT_EQ(pins.overdue(at(1)), pointers{});
  pins.activate(c, at(2));
  EXPECT_EQ(pins.overdue(at(2)), pointers{a});
  EXPECT_EQ(pins.now_held().bytes, 120u) << "it is still there";
  pins.activate(d, at(3));
  EXPECT_EQ(pins.overdue(at(3)), (pointers{b, c}));
}

TEST(pinned_snapshots, count_what_they_share_once) {
  pinned_snapshots pins(100, seconds(10));
  const int shard = 0, other = 0;
  pointers all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(made(1, {{&shard, 80}}));
    pins.activate(all.back(), at(0));
    EXPECT_EQ(pins.overdue(at(0)), pointers{}) << i;
  }
  EXPECT_EQ(pins.now_held().bytes, 90u);
  EXPECT_EQ(pins.now_held().snapshots, 9u);
  const auto next = made(1, {{&other, 80}});
  pins.activate(next, at(0));
  EXPECT_EQ(pins.overdue(at(0)).size(), 10u) << "as long as one of them holds the shard, it is there";
}

TEST(pinned_snapshots, that_nobody_holds_are_forgotten_and_one_that_returns_is_in_force) {
  pinned_snapshots pins(100, seconds(10));
  auto a = made(90);
  const auto b = made(90);
  pins.activate(a, at(0));
  pins.activate(b, at(1));
  pins.activate(a, at(2));
  EXPECT_EQ(pins.overdue(at(2)), pointers{b});
  pins.activate(b, at(3));
  EXPECT_EQ(pins.overdue(at(3)), pointers{a});
  a.reset();
  EXPECT_EQ(pins.now_held().snapshots, 0u);
}

TEST(pinned_snapshots, leave_alone_what_is_in_force_whatever_it_needs) {
  pinned_snapshots pins(100, seconds(10));
  const auto huge = made(1000);
  pins.activate(huge, at(0));
  EXPECT_EQ(pins.overdue(at(1000)), pointers{});
}

}  // namespace
}  // namespace sluice::app
