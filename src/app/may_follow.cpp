// See may_follow.hpp.
#include "may_follow.hpp"

#include <algorithm>
#include <iostream>
#include <optional>

#include "bundle_input.hpp"
#include "gate_run.hpp"
#include "ring_options.hpp"
#include "sluice/app/command.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/rollout/gate.hpp"

namespace sluice::app {
namespace {

struct judged {
  std::string why;    // it may be weaker, for people; "" when it is not
  bool known = true;  // false: nobody can tell
};

// Whether a version that was held against another one may be weaker than what counts now.
judged weaker_than(store::publisher& ring, const store::head_record& live, const std::string& version) {
  const auto parsed = [&](const std::string& of) -> std::optional<policy::bundle_ast> {
    const auto source = ring.fetch(of);
    policy::diagnostics found;
    if (!source) return std::nullopt;
    auto out = policy::parse(*source, found);
    policy::check(out, now().wall, found, policy::expired_exceptions::leave_out);
    return policy::has_errors(found) ? std::nullopt : std::optional(std::move(out));
  };
  const auto was = parsed(live.version), is = parsed(version);
  if (!was || !is) return {.why = "nobody can tell whether it is weaker than version " + short_version(live.version) + ", which is live: one of the two cannot be read or does not pass its checks here", .known = false};
  return {.why = rollout::weaker(*was, *is) ? "it is weaker than version " + short_version(live.version) + ", which is live, or may be" : ""};
}

// A version from Redis, compiled here. Nothing: it cannot be read, or is not built here any more.
std::optional<bundle_input> built(store::publisher& ring, const std::string& version, bundle_compiler& compiler) {
  auto source = ring.fetch(version);
  if (!source) return std::nullopt;
  auto out = build_published("version " + short_version(version), std::move(*source), compiler);
  return out.report.snapshot != nullptr ? std::optional(std::move(out)) : std::nullopt;
}

// What is live promised more than rules: its tests and golden sets, which were not asked when the version was pushed. As a push asks, where one
// of the two has a `gate` block. `must`: what cannot be compared stops it. False: it was complained about.
bool passes_gate(store::publisher& ring, const follower& of, const std::string& actor, const store::head_record& live, bool must) {
  const auto& version = of.version;
  auto compiler = make_bundle_compiler();
  const auto was = built(ring, live.version, compiler), is = built(ring, version, compiler);
  if (!was || !is) {
    if (!must) return true;
    complain("version " + short_version(version) + " cannot be held against version " + short_version(live.version) + ", which is live: one of the two cannot be read or is not built here", "push it again");
    return false;
  }
  if (!was->report.bundle.gate && !is->report.bundle.gate) return true;
  gate_request asked;
  asked.actor = actor;
  asked.approved_by = of.approved_by;
  asked.from_nothing = false;
  const auto run = run_gate(*is, &*was, asked, now().wall, compiler);
  if (!run) return false;
  // Whether it is weaker is asked behind this, of whoever activates.
  const auto stops = [](const rollout::check_row& row) { return row.check != "weakening" && row.status >= rollout::status::insufficient; };
  if (std::ranges::none_of(run->report.rows, stops)) return true;
  print_checks(*run, std::cerr);
  complain("the gate says " + std::string(rollout::to_string(run->report.verdict)) + " of version " + short_version(version) + " against version " + short_version(live.version) + ", which is live and is not what it was held against when it was pushed; nothing was changed",
           "push it again, with what its gate asks for");
  return false;
}

}  // namespace

bool may_follow(store::publisher& ring, const follower& of, const result<store::head_record>& live, store::activate_request& asked) {
  const auto& version = of.version;
  asked.only_after = live ? live->activation : policy::activation{};  // what is compared below, and nothing that came after it
  const auto origin = ring.origin(version);
  if (!origin) return complain_ring(origin.error()), false;
  if (!live && live.error().code == errc::not_found) return true;
  const bool vouched = live && live->doubt.empty();
  const auto measured = measure_of(ring, live);
  if (!measured) return complain_ring(measured.error()), false;
  const auto& against = *measured;
  if (!vouched) {
    asked.weaker = true;
    complain("whether it is weaker than what is live, nobody can tell (" + (live ? live->doubt : live.error().message) + "), so it counts as weaker", "nodes with require_approval want a second key: sluice approve. --trust FILE names the keys that count");
  }
  if (!against || against->version == version) return true;
  if (vouched && origin->ring == of.ring && origin->against == against->version) return true;
  if (!origin->emergency && !passes_gate(ring, of, asked.actor, *against, vouched)) return false;
  const auto [why, known] = weaker_than(ring, *against, version);
  asked.weaker = !why.empty() || !vouched;
  if (why.empty() || !of.approved_by.empty() || (!vouched && !known)) return true;  // what nobody vouches for stops no repair
  if (ring.approved(version)) return complain(why, "a second key has approved that version " + short_version(version) + " follows it: see sluice history"), true;
  complain("version " + short_version(version) + " was held against " + (origin->against.empty() ? "nothing" : "version " + short_version(origin->against)) + " when it was pushed, and " + why,
           "push it again, so that its gate sees what changes; or let a second person agree: --approved-by. Nodes with require_approval want sluice approve");
  return false;
}

}  // namespace sluice::app
