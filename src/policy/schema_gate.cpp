// Keys of documents: what a bundle demands of its gate and of its breaker.
#include "schema.hpp"

namespace sluice::policy {
namespace {

constexpr field gate_fields[] = {
    {.key = "require", .holds = holds::word_list, .doc = "Golden sets that must be there; without one the evidence is insufficient.", .known = golden_set_words},
    {.key = "floors", .holds = holds::number_by_name, .doc = "Lowest recall by slice of set `attack`, to be shown with 95 % confidence."},
    {.key = "false_positives", .holds = holds::mapping, .doc = "Highest rates of benign cases changed or blocked, to be shown with 95 % confidence.",
     .of = &gate_rates_shape},
    {.key = "cost", .holds = holds::mapping, .doc = "What the version may cost.", .of = &gate_cost_shape},
    {.key = "waivers", .holds = holds::mappings, .doc = "Checks set aside by a person, for a reason, until a day.", .of = &waiver_shape},
};

constexpr field gate_rates_fields[] = {
    {.key = "total", .holds = holds::real, .doc = "Of all cases; 0.005 by default.", .max = 1},
    {.key = "slice", .holds = holds::real, .doc = "Of each slice with at least 300 cases; 0.01 by default.", .max = 1},
    {.key = "rule", .holds = holds::real, .doc = "Of each enforced rule that changes or blocks; 0.001 by default.", .max = 1},
};

constexpr field gate_cost_fields[] = {
    {.key = "compile", .holds = holds::duration, .doc = "Compiling it from nothing; 60s by default."},
    {.key = "compile_bytes", .holds = holds::whole, .doc = "Memory that the compiler holds at most; 2 GiB by default.", .min = 1, .max = 64.0 * (1u << 30)},
    {.key = "database_bytes", .holds = holds::whole, .doc = "Compiled; `limits.max_db_bytes` by default.", .min = 1, .max = 4.0 * (1u << 30)},
    {.key = "rule_us", .holds = holds::whole, .doc = "Microseconds of one rule on a case of set `perf`, 99 in 100; `limits.rule_cpu_us_p99` by default.", .min = 1,
     .max = 1e9},
    {.key = "slower", .holds = holds::real, .doc = "Times the active version's p99 on set `perf`; 1.2 by default.", .min = 1, .max = 100},
};

constexpr field waiver_fields[] = {
    {.key = "check", .holds = holds::word, .doc = "The check of the gate.", .required = true, .known = waivable_words},
    {.key = "of", .holds = holds::text, .doc = "A slice or a rule of it; without it, the whole check."},
    {.key = "by", .holds = holds::text, .doc = "Who answers for it.", .required = true},
    {.key = "reason", .holds = holds::text, .doc = "Why.", .required = true},
    {.key = "expires", .holds = holds::date, .doc = "The last day on which it counts.", .required = true},
};

constexpr field breaker_fields[] = {
    {.key = "on", .holds = holds::boolean, .doc = "`true` by default."},
    {.key = "rule", .holds = holds::real, .doc = "Highest share of users that a rule may block that says no `max_block_rate`; less where shadow or the gate showed less. 0.1 by default.", .max = 1},
    {.key = "version", .holds = holds::real, .doc = "The same of all rules together; 0.3 by default.", .max = 1},
    {.key = "users_min", .holds = holds::whole, .doc = "Users that must have been seen before anything is concluded; 20 by default.", .min = 5, .max = 10'000},
};

}  // namespace

constinit const shape breaker_shape = {.name = "breaker", .what = "the breaker", .fields = breaker_fields};
constinit const shape gate_shape = {.name = "gate", .what = "the gate", .fields = gate_fields};
constinit const shape gate_rates_shape = {.name = "gate_rates", .what = "false_positives", .fields = gate_rates_fields};
constinit const shape gate_cost_shape = {.name = "gate_cost", .what = "cost", .fields = gate_cost_fields};
constinit const shape waiver_shape = {.name = "waiver", .what = "a waiver", .fields = waiver_fields};

}  // namespace sluice::policy
