// Where a class of a pattern ends, as PCRE2 reads it: one place for all that walk over patterns, because who takes a class to be longer than it is
// sees nothing of what stands behind it.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice::match {

// Bytes of the `[:alpha:]` that stands in a class at a place; 0: none does. Of `[:` that nothing but a name and `:]` follows PCRE2 takes no other
// sense, and refuses a name that it does not know, as it does `[.a.]` and `[=a=]`; whatever else begins so is a bracket and a sign.
[[nodiscard]] std::size_t posix_class_size(std::string_view pattern, std::size_t at);

// Bytes of the class that begins with the bracket at a place, with the bracket that ends it. Without (?xx), where blanks before a first `]` count
// for nothing.
[[nodiscard]] std::size_t class_size(std::string_view pattern, std::size_t at);

}  // namespace sluice::match
