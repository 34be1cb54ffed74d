// Reads the syntax of a pattern that PCRE2 has accepted, for two things that PCRE2 does not tell: the widest text it can match,
// and a simpler byte pattern for Hyperscan that matches at least wherever the original does.
//
// The superset drops what Hyperscan lacks or pays dearly for (assertions, word boundaries, Unicode classes, atomic groups,
// large bounded repeats): any code point above U+007F becomes "some bytes above 0x7f". It only has to say "look closer".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/match/rare_bytes.hpp"

namespace sluice::match {

struct regex_shape {
  std::uint32_t width_max = 0;  // code points; 0xffffffff: unbounded
  std::string superset;         // empty: no useful filter, always look closer
  rare_bytes needs;             // every match holds so many
};

[[nodiscard]] regex_shape read_shape(std::string_view pattern);

}  // namespace sluice::match
