// What ends in the versions that run while they run: they are applied once more. See node.hpp.
#include <utility>

#include "node.hpp"

namespace sluice::store {

void node::apply_what_ended() {
  const auto t = now().wall;
  const auto over = [&](const apply_result& of) { return of.snapshot && of.apply_again && t >= *of.apply_again; };
  if (over(applied_)) apply_again();
  if (over(canary_applied_) && canary_) apply_again(canary_applied_, canary_->version, "canary");
  if (over(shadow_applied_)) apply_again(shadow_applied_, shadow_, "version in shadow");
}

void node::apply_again(apply_result& of, const std::string& version, const std::string& what) {
  of.apply_again.reset();
  const auto files = ending_.find(version);
  auto applied = files != ending_.end() ? apply(files->second, version) : apply_result{};
  if (!applied.snapshot) {
    log("error", "the " + what + ", version " + version.substr(0, 12) + ", has an exception that expired; it stays in force, because the version does not build any more: " + applied.message);
    return;
  }
  of = std::move(applied);
  publish();
  for (const auto& note : of.notes) calls_.event("state", state_.active, version, std::string(to_string(freshness_)), note);
}

void node::keep_ending(const apply_result& of, const policy::bundle_source& source, const std::string& version) {
  forget_ended();
  if (of.apply_again) ending_[version] = source;
}

void node::forget_ended() {
  std::erase_if(ending_, [&](const auto& each) { return each.first != shadow_ && !(canary_ && each.first == canary_->version); });
}

void node::apply_again() {
  applied_.apply_again.reset();
  if (unsaved_) last_result_.snapshot.reset();  // is built anew when it is tried again
  const auto source = stored(state_.version);
  auto applied = source ? apply(*source, state_.version) : apply_result{};
  if (!applied.snapshot) {
    log("error", "version " + state_.version.substr(0, 12) + " has an exception that expired; it stays in force, because " +
                     (source ? "the version does not build any more: " + applied.message : "its files are not in policy.state_directory"));
    return;
  }
  adopt(applied, state_.version);
  publish();
  for (const auto& note : applied.notes) calls_.event("state", state_.active, state_.version, std::string(to_string(freshness_)), note);
}

}  // namespace sluice::store
