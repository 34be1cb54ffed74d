// The passes, one call each: parse → check → compile → self-test. Control plane only; the data plane sees snapshot.hpp.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::policy {

// parse.cpp: files to AST. Every problem of every file at once.
[[nodiscard]] bundle_ast parse(const bundle_source& source, diagnostics& found);
// The same; files that the bundle before had are not read again.
class document_cache;
[[nodiscard]] bundle_ast parse(const bundle_source& source, diagnostics& found, document_cache& known);

// Who publishes must not rely on an exception that has expired; a node must go on enforcing a version that was good when it was
// published, and does so without it, for that is the strict direction. It also goes on with what only a newer release refuses. What a node finds
// in a folder and nobody has published (`leave_out_unpublished`) is refused as who publishes is, but for exceptions.
enum class expired_exceptions : unsigned char { refuse, leave_out, leave_out_unpublished };

// check.cpp: what a parser cannot see: references, duplicates, patterns, widths, expiry, tests present. `today` decides expiry.
// What was asked of PCRE2 about a pattern is kept in `known`, where there is one.
void check(bundle_ast& bundle, wall_time today, diagnostics& found, expired_exceptions how = expired_exceptions::refuse, shard_cache* known = nullptr);

// compile.cpp: AST to snapshot. `backend` runs Hyperscan (in a child process, or in this one for tests); unchanged pattern
// sets come from `cache`.
[[nodiscard]] std::shared_ptr<const snapshot> compile(const bundle_ast& bundle, match::compile_backend& backend,
                                                      shard_cache& cache, diagnostics& found);

// demotion.cpp: the same version with some of its rules in shadow, made from the compiled one without compiling anything. Ids that it
// does not enforce mean nothing. Null: `of` was not made by compile().
[[nodiscard]] std::shared_ptr<const snapshot> in_shadow(const snapshot& of, const std::vector<std::string>& rule_ids);
// The same of what a snapshot was made of.
void put_in_shadow(bundle_ast& bundle, const std::string& rule_id);
// Whether the action comes out as a block of some text: what changes a match blocks where it cannot be changed, and what adds text may say that it does
// where that has no place.
[[nodiscard]] bool may_block(const action_spec& what);
// The ids of the rules that nobody but a person demotes: those that say `never_demote` themselves, or as an overlay makes them, and those without
// which such a rule would not do what it does: what sets a tag for which its policy or an overlay of it asks, and what adds to the same sum as it.
[[nodiscard]] std::set<std::string> never_demoted_rules(const bundle_ast& bundle);
// Whether the rule is one of those.
[[nodiscard]] bool never_demoted(const snapshot& of, std::string_view rule_id);
[[nodiscard]] bool never_demoted(const bundle_ast& bundle, std::string_view rule_id);
[[nodiscard]] bool has_rule(const bundle_ast& bundle, std::string_view rule_id);

// selftest.cpp: a context in which the policy is in force, by its own scope and one of its binds. None: there is no such context.
[[nodiscard]] std::optional<context> context_of(const policy_ast& of);
// Inline tests. `self_test` runs each rule's own positive examples in the full snapshot (they must be found);
// `run_tests` runs all inline tests as design says: the rule's own policy alone, as if bound.
struct test_result {
  std::string policy, rule, test;
  policy::place place;
  bool passed = false;
  bool of_suite = false;  // `rule` is the name of a TestSuite
  std::string what;  // expected and got, when it failed
};
// `compiled`: of this very bundle; otherwise it is compiled first.
[[nodiscard]] std::vector<test_result> run_tests(const bundle_ast& bundle, const std::shared_ptr<const snapshot>& compiled, diagnostics& found);
[[nodiscard]] std::vector<test_result> run_tests(const bundle_ast& bundle, match::compile_backend& backend, shard_cache& cache,
                                                 diagnostics& found);
void self_test(const bundle_ast& bundle, const snapshot& compiled, diagnostics& found);

enum class phase : unsigned char { parse, check, compile, selftest, done };
std::string_view to_string(phase p);

struct build_report {
  std::shared_ptr<const policy::snapshot> snapshot;  // null when refused
  std::shared_ptr<const policy::snapshot> untrusted;  // when only its own tests refuse it: to ask why, never to enforce
  bundle_ast bundle;
  diagnostics found;      // errors when refused, warnings otherwise; in the order of the files
  policy::phase reached = policy::phase::parse;  // the phase that refused, or done
  milliseconds took{0};
  std::array<std::chrono::microseconds, 4> spent{};  // of that: in parse, check, compile, selftest
  std::vector<std::string> left_out;       // for each exception that has expired and is not in force: which, and since when
  std::optional<wall_time> next_expiry;    // when the first of those in force ends
  std::optional<wall_time> last_expiry = {};  // when the last of those that have expired did: between the two every day gives the same
};

// All passes, as every node and every command does it. Never throws; hostile input ends as a diagnostic.
[[nodiscard]] build_report build(const bundle_source& source, wall_time today, match::compile_backend& backend,
                                 shard_cache& cache, expired_exceptions how = expired_exceptions::refuse);

}  // namespace sluice::policy
