// What the parts of the checking pass share.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::policy {

struct check_pass {
  bundle_ast& bundle;
  wall_time today;
  diagnostics& found;
  shard_cache& cache;
  expired_exceptions how = expired_exceptions::refuse;
  std::uint64_t patterns = 0;  // words and regexes so far, lists counted at each use
  std::string rule = {};       // the rule at hand
  std::unordered_map<std::string, policy::place> rule_ids = {};
  std::map<std::string, policy::place> exception_ids = {};

  void error(const place& at, std::string message, std::string advice = {});
  void warn(const place& at, std::string message, std::string advice = {});
};

// check_pattern.cpp. check_match resolves `list` into words.
void check_words(check_pass& pass, const keyword_match& words, const place& at);
void check_match(check_pass& pass, match_spec& match, const rule& of, bool releases_early);
// check_support.cpp
void refuse_unsupported(check_pass& pass, const rule& checked);
// check_rule.cpp
void check_rule(check_pass& pass, const policy_ast& owner, rule& checked);
// A score that a test gives and no rule asks for would be ignored. For rules whose labels are known to be there.
void check_given(const bundle_ast& bundle, diagnostics& found);
// check_tags.cpp. Tags that lead back to themselves, and tags that nothing sets.
void check_tags(check_pass& pass);
// What overlays make of a rule: as sound as any rule, and not weaker unless the rule says relaxable.
void check_variant(check_pass& pass, const policy_ast& owner, rule_variant& checked);
// The day after `date` (YYYY-MM-DD), so that a date counts to its end; the epoch when it is no date.
[[nodiscard]] wall_time end_of_day(const std::string& date);

}  // namespace sluice::policy
