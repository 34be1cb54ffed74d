// Databases are divided by whose text their rules look at. Goal: whatever else is in the bundle, a rule looks at each kind of text that it names, of
// either direction, and at no other.
#include <gtest/gtest.h>

#include <set>

#include "built.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {
namespace {

struct looking {
  std::string id, direction;
  std::set<part_kind> kinds;  // empty: every one
  [[nodiscard]] bool at(policy::direction way, part_kind kind) const {
    return (direction == "both" || direction == to_string(way)) && (kinds.empty() || kinds.contains(kind));
  }
  [[nodiscard]] std::string yaml(const std::string& match) const {
    std::string where;
    for (const auto kind : kinds) where += (where.empty() ? "" : ", ") + std::string(to_string(kind));
    return "  - id: " + id + "\n    direction: " + direction + "\n" + (where.empty() ? "" : "    where: {parts: [" + where + "]}\n") + "    match: " + match + "\n    action: {type: flag}\n";
  }
};

std::vector<looking> rules(const std::string& prefix) {
  std::vector<looking> out;
  for (const std::string way : {"request", "response", "both"}) {
    for (const std::set<part_kind>& kinds : {std::set<part_kind>{}, {part_kind::text}, {part_kind::tool_call}, {part_kind::text, part_kind::tool_result}, {part_kind::name}}) {
      out.push_back({prefix + std::to_string(out.size()), way, kinds});
    }
  }
  return out;
}

TEST(text_sides, a_rule_looks_where_it_says_and_nowhere_else) {
  // Words, and regexes of each class of need: nothing, a long word, digits, an @, and one in the view that folds.
  const std::vector<std::pair<std::string, std::string>> matches = {{"w", "{keywords: [needle]}"},
                                                                   {"p", "{regex: 'thorn [a-z]{2}'}"},
                                                                   {"l", "{regex: 'key-[a-zA-Z0-9]{20}'}"},
                                                                   {"d", "{regex: '[0-9]{6}'}"},
                                                                   {"m", "{regex: 'me@here'}"},
                                                                   {"f", "{phrase: spare the rod}"}};
  const std::string text = "a needle, thorn ab, key-abcdefghijKLMNOPQRST, 123456, me@here, spare the rod";
  std::string yaml;
  std::vector<looking> all;
  for (const auto& [prefix, match] : matches) {
    for (const auto& each : rules(prefix)) {
      yaml += each.yaml(match);
      all.push_back(each);
    }
  }
  // Compiled as it is parsed: inline tests would say nothing here.
  diagnostics found_wrong;
  const auto source = testing::source_of({{"bundle.yaml", testing::bundle_file("  - {use: p, bind: {scope: global}}\n")}, {"p.yaml", testing::policy_file("p", yaml)}});
  const auto backend = match::in_process_backend();
  shard_cache cache{""};
  const auto made = compile(parse(source, found_wrong), *backend, cache, found_wrong);
  ASSERT_FALSE(made == nullptr || has_errors(found_wrong)) << to_text(found_wrong);
  scratch working;
  for (const auto way : {direction::request, direction::response}) {
    for (std::size_t k = 0; k < part_kind_count; ++k) {
      const auto kind = static_cast<part_kind>(k);
      const text_part part{way == direction::request ? role::user : role::assistant, kind, true, true, text};
      const auto got = evaluate(made->rules_for({}), {&part, 1}, {.direction = way}, working);
      std::set<std::string> found, wanted;
      for (const auto& each : got.findings) found.insert(made->rules()[each.rule].id);
      for (const auto& each : all) {
        if (each.at(way, kind)) wanted.insert(each.id);
      }
      EXPECT_EQ(found, wanted) << to_string(way) << " " << to_string(kind);
    }
  }
}

}  // namespace
}  // namespace sluice::policy
