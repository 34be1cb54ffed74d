// See version_lookup.hpp.
#include "version_lookup.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "sluice/store/directory.hpp"
#include "sluice/store/stored_versions.hpp"

namespace sluice::app {

void add_version_options(CLI::App& command, version_options& options) {
  command.add_option("--state", options.states, "A gateway's state directory, which keeps its last versions; may be repeated");
  command.add_option("--bundle", options.bundles, "A folder with bundle.yaml, such as a checkout of that time; may be repeated");
  add_optional_ring(command, options.ring, "which keeps every version that was pushed");
}

built_version in_shadow(const built_version& of, const std::vector<std::string>& rules) {
  built_version out{.bundle = of.bundle, .snapshot = policy::in_shadow(*of.snapshot, rules)};
  for (const auto& rule : rules) policy::put_in_shadow(out.bundle, rule);
  return out;
}

result<policy::bundle_source> version_lookup::source_of(const std::string& version) {
  std::string looked;
  const auto add = [&looked](const std::string& where) { looked += (looked.empty() ? "" : ", ") + where; };
  for (const auto& state : where_.states) {
    auto found = store::load_stored_version(state, version);
    if (found || found.error().code == errc::integrity) return found;
    add(state);
  }
  for (const auto& bundle : where_.bundles) {
    auto found = store::load_directory(bundle, {});
    if (!found) return found;
    if (policy::version_of(*found) == version) return found;
    add(bundle + " (which is " + short_version(policy::version_of(*found)) + ")");
  }
  if (!where_.ring.url.empty()) {
    auto ring = connect_ring(where_.ring);
    if (!ring) return fail(errc::unavailable, "Redis was not asked for version " + short_version(version));
    auto found = ring->fetch(version);
    if (found) return found;
    add("ring " + where_.ring.ring + " (" + found.error().message + ")");
  }
  return fail(errc::not_found, "the files of version " + short_version(version) + " were not found" + (looked.empty() ? "" : " in " + looked) +
                                   "; name a state directory (--state), a bundle of that version (--bundle) or Redis (--redis)");
}

result<std::shared_ptr<const built_version>> version_lookup::find(const std::string& version, wall_time when) {
  const auto day = version + rfc3339(when).substr(0, 10);
  const auto known = std::ranges::find(built_, day, [](const auto& each) { return each.first; });
  if (known != built_.end()) return known->second;
  const auto source = source_of(version);
  if (!source) return std::unexpected(source.error());
  if (!compiler_) compiler_ = make_bundle_compiler();
  auto report = policy::build(*source, when, *compiler_->backend, *compiler_->cache, policy::expired_exceptions::leave_out);
  if (report.snapshot == nullptr) {
    return fail(errc::conflict, "version " + short_version(version) + " is not built by this release: phase " + std::string(policy::to_string(report.reached)) + "\n" +
                                    policy::to_text(report.found));
  }
  auto made = std::make_shared<built_version>(built_version{.bundle = std::move(report.bundle), .snapshot = std::move(report.snapshot)});
  built_.emplace_back(day, made);
  return std::shared_ptr<const built_version>(made);
}

}  // namespace sluice::app
