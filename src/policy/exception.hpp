// What an exception's own match sees: the text that its rule found. Private to the compiling pass and the judge.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "program.hpp"
#include "sluice/policy/shard_cache.hpp"

namespace sluice::policy {

// compile_exception.cpp. `error` gets what does not compile; the checker has refused what an exception cannot ask.
[[nodiscard]] compiled_exception compile_exception(const exception_spec& from, shard_cache& cache, const std::function<void(const place&, std::string)>& error);

// exception.cpp. The exception that suppresses a match of `rule` in this ruleset, or null. `matched`: the text as the rule saw it.
[[nodiscard]] const compiled_exception* suppressing(const ruleset& rules, std::uint32_t rule, std::string_view matched, match::match_state& state);

}  // namespace sluice::policy
