// Whether a node may take a version, by its manifest: who signed it, which gate it passed, whether it is weaker. See ring_layout.hpp.
#include "ring_layout.hpp"

namespace sluice::store {
namespace {

// What a node demands of a version beside its signature.
result<void> check_provenance(const manifest& of, const trust& whom, wall_time now, const std::string& what, const std::optional<placing>& as) {
  // An emergency counts as a passed gate: it has passed what it was asked, and its word and what it skipped are signed and on record.
  if (whom.gate && (of.how.gate_report.empty() || (of.how.gate_verdict != "PASS" && of.how.gate_verdict != "EMERGENCY"))) {
    return fail(errc::integrity, what + (of.how.gate_report.empty() ? " names no gate report" : " did not pass its gate (" + of.how.gate_verdict + ")") +
                                     ", and this node requires one (policy.trust.require_gate); sluice push runs it");
  }
  if (!whom.approval || (as && (as->back || !as->decides))) return {};
  const auto otherwise = as ? held_otherwise(of, *as) : std::string();
  if (!of.how.weaker && otherwise.empty() && !(as && as->weaker)) return {};
  const auto approved = as ? check_approval_as(of, whom, now, what, *as) : check_approval(whom, of.signed_as, now, what);
  if (approved) return {};
  const bool archived = as && as->archived;
  const auto after = as && !as->astray.empty() && !archived ? " VERSION --after " + as->astray.substr(0, 12) : std::string();
  const std::string approve = archived ? "whoever may: sluice approve --archive, and serve that file" : "whoever may: sluice approve" + after;
  if (otherwise.empty()) return fail(approved.error().code, approved.error().message + "; " + approve + (as && as->canary ? ", then push it again with --canary" : ""));
  return fail(approved.error().code, what + " was held against " + otherwise + ", so it may be weaker, and no second key has approved it there (policy.trust.require_approval): " +
                                         (archived ? "sluice pack it --against the archive of what runs here; or " + approve : as && as->canary ? "push it again with --canary, so that it is held against what is live; or " + approve + ", then push it again with --canary" : approve + ", then sluice activate" + (after.empty() ? "; or, where the ring has a version to go back to, sluice rollback, then push it again, so that it is held against what runs" : "")));
}

std::string named(const std::string& version) { return version.empty() ? "nothing" : "version " + version.substr(0, 12); }

}  // namespace

std::string held_otherwise(const manifest& of, const placing& as) {
  if (of.how.ring != as.ring) return "what was live in " + (of.how.ring.empty() ? "no ring" : "ring '" + of.how.ring + "'") + ", and this is ring '" + as.ring + "'";
  if (as.back) return {};
  if (!as.astray.empty() && !as.over.empty()) return named(of.how.against) + ", and nothing that counts leads there from " + named(as.astray) + ", which runs here";
  if (of.how.against != as.over) return named(of.how.against) + ", and follows " + named(as.over);
  return as.over.empty() && !as.first ? "nothing, where something was live before" : std::string();
}

approval_place place_of(const placing& as) {
  if (as.archived) return {.ring = as.ring, .after = std::string(archive_place) + policy::to_string(as.sealed_as)};
  return {.ring = as.ring, .after = as.astray.empty() ? as.over : as.astray};
}

result<void> check_approval_as(const manifest& of, const trust& whom, wall_time now, const std::string& what, const placing& as) {
  return check_approval(whom, of.signed_as, now, what, {.place = place_of(as), .placeless = held_otherwise(of, as).empty()});
}

bool owes_approval(const manifest& of, const trust& whom, wall_time now, const std::optional<placing>& as) {
  if (!of.how.weaker && (!as || (!as->weaker && held_otherwise(of, *as).empty()))) return false;
  return !(as ? check_approval_as(of, whom, now, "it", *as) : check_approval(whom, of.signed_as, now, "it"));
}

result<void> check_manifest(const manifest& of, const trust& whom, wall_time now, const std::optional<placing>& as) {
  const auto what = "the manifest of version " + of.version.substr(0, 12);
  auto passes = check_signatures(whom, of.signed_as, build_purpose, static_cast<unsigned>(key_role::build), now, what);
  return passes ? check_provenance(of, whom, now, what, as) : passes;
}

}  // namespace sluice::store
