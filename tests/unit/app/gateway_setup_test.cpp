// What a gateway makes for itself at its first start, and finds at the next one.
#include "gateway_setup.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../temporary_folder.hpp"

namespace sluice::app {
namespace {

using folder = sluice::testing::temporary_folder;

TEST(gateway_setup, a_secret_is_made_once) {
  const folder in;
  const auto made = kept_secret(in.path() + "/secret").value();
  EXPECT_EQ(made.size(), 64u);
  EXPECT_EQ(kept_secret(in.path() + "/secret").value(), made);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(in.path()), {}), 1);
}

TEST(gateway_setup, what_a_first_start_left_empty_when_it_was_torn_is_made_anew) {
  const folder in;
  in.write("gateway.lock", "12\n");
  in.write("secret", "");
  std::filesystem::create_directory(in.path() + "/audit");
  in.write("audit/writer.lock", "12\n");
  EXPECT_EQ(kept_secret(in.path() + "/secret").value().size(), 64u);
  in.write("node-suffix", "");
  EXPECT_FALSE(kept_node_id(in.path()).value().ends_with("-"));
}

TEST(gateway_setup, what_is_empty_where_the_gateway_has_run_is_an_error_that_says_what_to_do) {
  for (const char* trace : {"state.json", "audit-key.pub", "audit/n1-1-000001.jsonl"}) {
    const folder in;
    std::filesystem::create_directory(in.path() + "/audit");
    in.write("secret", "\n");
    in.write(trace, "x");
    const auto secret = kept_secret(in.path() + "/secret");
    ASSERT_FALSE(secret) << trace;
    EXPECT_EQ(secret.error().code, errc::integrity);
    EXPECT_TRUE(secret.error().message.contains(in.path() + "/secret is empty")) << secret.error().message;
    EXPECT_TRUE(secret.error().message.contains("Put it back from a backup; without one remove it")) << secret.error().message;
  }
}

}  // namespace
}  // namespace sluice::app
