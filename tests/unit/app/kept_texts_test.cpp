// Which record of a decision is the one to look at.
#include "kept_texts.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sluice/audit/log.hpp"

#include "../temporary_folder.hpp"

namespace sluice::app {
namespace {

using kind = decltype(audit::record::event);

// The log of a stream that was opened, and then this.
std::string told_of_a_stream_that(kind ended) {
  const sluice::testing::temporary_folder folder;
  audit::log_config config;
  config.directory = folder.path();
  config.node = "n1";
  config.value_key = "a key of the test";
  {
    auto to = audit::log::open(config, 1).value();
    for (const auto each : {kind::opened, ended}) {
      auto* slot = to->claim(0);
      slot->event = each;
      slot->id = "d1";
      to->publish(0);
    }
  }
  return record_of_decision({folder.path()}, "d1").value();
}

TEST(record_of_decision, is_the_one_that_says_how_a_stream_ended) {
  EXPECT_TRUE(told_of_a_stream_that(kind::closed).contains(R"("event":"closed")"));
  EXPECT_TRUE(told_of_a_stream_that(kind::aborted).contains(R"("event":"aborted")"));
}

}  // namespace
}  // namespace sluice::app
