// A regex with the bytes it can begin with and whether it explodes: what a rule needs of PCRE2, kept across versions by its pattern.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/match/regex.hpp"
#include "sluice/match/start_filter.hpp"

namespace sluice::policy {

struct regex_program {
  match::regex regex;
  match::start_set starts;
  // The characters of which a text that goes on makes the engine pass its limits; none when no such text was found.
  std::optional<std::string> explodes_on = {};
};

// check_steps.cpp: regex_program::explodes_on.
[[nodiscard]] std::optional<std::string> exploding_text(std::string_view pattern, const match::regex& of);

}  // namespace sluice::policy
