// Golden sets: labelled exchanges, one JSON object a line, held against a whole bundle. Sets `must_block` and
// `must_pass` allow no miss; a case of another set is judged when it says what it expects and only counted when it does
// not. Control plane only. Values returned own their text.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/policy/ast.hpp"
#include "sluice/policy/diagnostic.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/snapshot.hpp"
#include "sluice/policy/source.hpp"

namespace sluice::policy {

struct golden_case {
  std::string id, set;
  std::vector<std::string> slice;
  context who;
  std::vector<test_spec::message> request;  // empty: none
  std::optional<std::string> response;
  std::map<std::string, double> given;  // scores that classifiers are taken to give, others 0; empty: they are asked
  struct {
    std::optional<policy::action> action_at_least, action_at_most;
    std::vector<std::string> rules_any, rules_none, text_absent, text_present;
  } expect;
  policy::place place;
};

// Lines that are no case become diagnostics; the others are returned. Empty lines are skipped.
[[nodiscard]] std::vector<golden_case> parse_golden(const std::string& file, std::string_view bytes,
                                                    diagnostics& found);
// All golden files of a bundle. Two cases with one id are an error.
[[nodiscard]] std::vector<golden_case> golden_of(const bundle_source& source, diagnostics& found);

// Inline tests as cases, by rule, each in a context in which its rule is in force: what there is to measure a rule by where no golden case has it.
// Tests of rules that are off, or that no context has, are left out.
[[nodiscard]] std::map<std::string, std::vector<golden_case>> cases_of_tests(const bundle_ast& bundle);

// What a case holds in one direction, as evaluate() takes it; views into `each`. Empty: nothing.
[[nodiscard]] std::vector<text_part> parts_of(const golden_case& each, direction which);

struct golden_result {
  std::string id, set;
  policy::place place;
  bool judged = false;  // false: counted only
  bool passed = true;                             // false: `what` or `stream` says why
  std::string what = {};                          // expected and got
  std::string stream = {};                        // how the answer ends otherwise when it comes in pieces
  policy::action action = policy::action::allow;  // the strongest enforced, of request and response
  std::vector<std::string> rules = {}, shadow = {};
  std::vector<std::string> blocked_by = {};  // of the rules
  std::vector<std::string> texts = {};  // of each message of the request, then of the response, after edits, as they were where blocked; not for printing
};
// How an answer is also run as a stream: in tokens and cut in two; and code point by code point, which costs as much as a hundred whole runs:
// each in which a rule finds something, and of the others one in so many, which its id picks.
struct golden_streams {
  bool on = true;
  std::size_t single_one_in = 1;
};
// A response is also run as a stream: of single code points, of tokens of some, and cut in two at places that its id decides. All must
// give the same. Thread-safe; each call allocates working memory of its own, so give it more than one case.
[[nodiscard]] std::vector<golden_result> run_golden(std::span<const golden_case> cases,
                                                    const std::shared_ptr<const snapshot>& with, golden_streams streams = {});

}  // namespace sluice::policy
