// A regex with the bytes it can begin with: what a rule needs of PCRE2, kept across versions by its pattern.
#pragma once

#include "sluice/match/regex.hpp"
#include "sluice/match/start_filter.hpp"

namespace sluice::policy {

struct regex_program {
  match::regex regex;
  match::start_set starts;
};

}  // namespace sluice::policy
