// The block `gate` of bundle.yaml: what it holds, and what is refused with its place.
#include <gtest/gtest.h>

#include "sources.hpp"

namespace sluice::policy {
namespace {

using testing::clean;
using testing::parsed;
using testing::says;

bundle_source with_gate(const std::string& gate) {
  auto source = testing::one_policy(testing::rule_with("{keywords: [needle]}"));
  source.files[0] = make_source_file("bundle.yaml", source.files[0].bytes + "gate:\n" + gate);
  return source;
}

TEST(gate_terms, are_read) {
  bundle_ast bundle;
  ASSERT_TRUE(clean(parsed(with_gate("  require: [must_block, benign]\n  floors: {jailbreak: 0.9}\n  false_positives: {total: 0.01}\n"
                                     "  cost: {compile: 5s, rule_us: 40, slower: 2}\n"
                                     "  waivers:\n    - {check: recall, of: jailbreak, by: Ada, reason: new model, expires: 2026-12-31}\n"),
                           &bundle)));
  ASSERT_TRUE(bundle.gate.has_value());
  EXPECT_EQ(bundle.gate->require, (std::vector<std::string>{"must_block", "benign"}));
  EXPECT_EQ(bundle.gate->floors.at("jailbreak"), 0.9);
  EXPECT_EQ(bundle.gate->false_positives_total, 0.01);
  EXPECT_EQ(bundle.gate->false_positives_slice, 0.01);
  EXPECT_EQ(bundle.gate->false_positives_rule, 0.001);
  EXPECT_EQ(bundle.gate->compile_max.count(), 5000);
  EXPECT_EQ(bundle.gate->rule_us_max, 40u);
  ASSERT_EQ(bundle.gate->waivers.size(), 1u);
  EXPECT_EQ(bundle.gate->waivers[0].of, "jailbreak");
}

TEST(gate_terms, of_a_bundle_without_the_block_are_none) {
  bundle_ast bundle;
  ASSERT_TRUE(clean(parsed(testing::one_policy(testing::rule_with("{keywords: [needle]}")), &bundle)));
  EXPECT_FALSE(bundle.gate.has_value());
}

TEST(gate_terms, are_refused_with_a_reason) {
  EXPECT_TRUE(says(parsed(with_gate("  require: [must_blok]\n")), "must_block"));
  EXPECT_TRUE(says(parsed(with_gate("  floors: {jailbreak: 1}\n")), "above 0 and below 1"));
  EXPECT_TRUE(says(parsed(with_gate("  floors: [jailbreak]\n")), "must be a mapping"));
  EXPECT_TRUE(says(parsed(with_gate("  false_positives: {total: 0}\n")), "must be above 0"));
  EXPECT_TRUE(says(parsed(with_gate("  false_positives: {rate: 0.1}\n")), "unknown key 'rate'"));
  EXPECT_TRUE(says(parsed(with_gate("  waivers: [{check: weakening, by: Ada, reason: r, expires: 2026-12-31}]\n")), "weakening"));
  EXPECT_TRUE(says(parsed(with_gate("  waivers: [{check: recall, reason: r, expires: 2026-12-31}]\n")), "'by'"));
  EXPECT_TRUE(says(parsed(with_gate("  waivers: [{check: recall, by: Ada, reason: r, expires: never}]\n")), "YYYY-MM-DD"));
}

}  // namespace
}  // namespace sluice::policy
