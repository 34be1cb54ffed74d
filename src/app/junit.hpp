// Results of `sluice test` as JUnit XML, which CI systems show.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/policy/build.hpp"
#include "sluice/policy/golden.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::app {

class junit_report {
 public:
  void add(std::span<const policy::test_result> tests, const std::string& suite);
  void add(std::span<const policy::golden_result> cases, const std::string& suite);
  void add(std::span<const rollout::check_row> rows, const std::string& suite);
  // Of a bundle that was refused: each error is a failure.
  void add(const policy::diagnostics& found);
  [[nodiscard]] std::string xml() const;

 private:
  struct test_case {
    std::string group, name, place, failure;  // failure: empty when it passed
    std::string skipped = {}, said = {};      // why it was not judged; what it warns of
  };
  struct suite {
    std::string name;
    std::vector<test_case> cases;
  };
  std::vector<suite> suites_;
};

}  // namespace sluice::app
