// What ends in the versions that run while they run: they are applied once more. See node.hpp.
#include <optional>
#include <utility>

#include "node.hpp"

namespace sluice::store {

namespace {

constexpr std::chrono::minutes again_after_ended{1};  // where it did not build for a reason of the moment

}  // namespace

void node::apply_what_ended() {
  const auto t = now().wall;
  const auto over = [&](const apply_result& of) { return of.snapshot && of.apply_again && t >= *of.apply_again; };
  if (over(applied_)) apply_again(applied_, state_.version, "");
  if (over(canary_applied_) && canary_) apply_again(canary_applied_, canary_->version, "the canary, ");
  if (over(shadow_applied_)) apply_again(shadow_applied_, shadow_, "the version in shadow, ");
}

void node::apply_again(apply_result& of, const std::string& version, const std::string& what) {
  const bool live = &of == &applied_;
  of.apply_again.reset();
  if (live && unsaved_) last_result_.snapshot.reset();  // is built anew when it is tried again
  const auto kept = ending_.find(version);
  const auto source = live ? stored(version) : kept != ending_.end() ? std::optional(kept->second) : std::nullopt;
  auto applied = source ? apply(*source, version, state_.active) : apply_result{};
  if (!applied.snapshot) {
    if (source && applied.transient) of.apply_again = now().wall + again_after_ended;
    log("error", what + "version " + version.substr(0, 12) + (live ? "" : ",") + " has an exception that expired; it stays in force, because " +
                     (source ? "the version does not build " + std::string(applied.transient ? "now, which is tried again: " : "any more: ") + applied.message : "its files are not in policy.state_directory"));
    return;
  }
  const auto notes = applied.notes;
  live ? adopt(applied, version) : void(of = std::move(applied));
  publish();
  for (const auto& note : notes) calls_.event("state", state_.active, version, std::string(to_string(freshness_)), note);
}

void node::keep_ending(const apply_result& of, const policy::bundle_source& source, const std::string& version) {
  forget_ended();
  if (of.apply_again) ending_[version] = source;
}

void node::forget_ended() {
  std::erase_if(ending_, [&](const auto& each) { return each.first != shadow_ && !(canary_ && each.first == canary_->version); });
}

}  // namespace sluice::store
