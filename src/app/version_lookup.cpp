// See version_lookup.hpp.
#include "version_lookup.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

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

std::shared_ptr<const built_version> kept_versions::find(const std::string& version, wall_time when) {
  const auto at = std::ranges::find_if(entries_, [&](const entry& e) { return e.version == version && e.same.from <= when && when < e.same.until; });
  if (at == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at);
  return at->built;
}

void kept_versions::keep(const std::string& version, span same, std::shared_ptr<const built_version> built, std::uint64_t bytes) {
  entries_.push_front({.version = version, .same = same, .built = std::move(built), .bytes = bytes});
  bytes_ += bytes;
  while (bytes_ > bytes_max_ && entries_.size() > fewest) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
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
  if (auto known = built_.find(version, when)) return known;
  const auto source = source_of(version);
  if (!source) return std::unexpected(source.error());
  if (!compiler_) compiler_ = make_bundle_compiler();
  auto report = policy::build(*source, when, *compiler_->backend, *compiler_->cache, policy::expired_exceptions::leave_out);
  if (report.snapshot == nullptr) {
    return fail(errc::conflict, "version " + short_version(version) + " is not built by this release: phase " + std::string(policy::to_string(report.reached)) + "\n" +
                                    policy::to_text(report.found));
  }
  const kept_versions::span same{.from = report.last_expiry.value_or(wall_time::min()), .until = report.next_expiry.value_or(wall_time::max())};
  const auto bytes = report.snapshot->memory_bytes();
  auto made = std::make_shared<const built_version>(built_version{.bundle = std::move(report.bundle), .snapshot = std::move(report.snapshot)});
  built_.keep(version, same, made, bytes);
  return made;
}

}  // namespace sluice::app
