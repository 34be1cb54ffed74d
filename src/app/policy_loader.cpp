// See policy_loader.hpp.
#include "policy_loader.hpp"

#include <algorithm>

#include "sluice/policy/build.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t kept = 2;      // the version in force, and the candidate that may follow it
constexpr std::size_t shown_max = 5; // diagnostics in a refusal; `sluice check` shows all

void describe_refusal(const policy::diagnostics& found, store::apply_result& out) {
  std::size_t shown = 0, errors = 0;
  for (const auto& d : found) {
    if (d.severity != policy::severity::error) continue;
    ++errors;
    if (out.rule.empty()) out.rule = d.rule;
    if (shown == shown_max) continue;
    auto text = policy::to_text(d);
    while (text.ends_with('\n')) text.pop_back();
    out.message += (shown++ == 0 ? "" : "\n") + text;
  }
  if (errors > shown) out.message += "\nand " + std::to_string(errors - shown) + " more";
}

}  // namespace

policy_loader::policy_loader(const std::string& state_directory)
    : backend_(match::child_backend("/proc/self/exe", {})), cache_(state_directory + "/cache") {}

store::apply_result policy_loader::apply(const policy::bundle_source& source, const std::string&) {
  auto built = policy::build(source, now().wall, *backend_, cache_, policy::expired_exceptions::leave_out);
  store::apply_result out;
  out.phase = policy::to_string(built.reached);
  out.took = built.took;
  if (built.snapshot == nullptr) {
    describe_refusal(built.found, out);
    return out;
  }
  out.snapshot = built.snapshot;
  out.database_bytes = built.snapshot->memory_bytes();
  const auto& wish = built.bundle.on_error;
  if (wish.policy_stale) {
    out.bundle_on_unavailable = *wish.policy_stale == "fail_closed" ? store::on_unavailable::fail_closed
                                                                    : store::on_unavailable::last_known_good;
  }
  out.bundle_max_stale = wish.max_stale;
  out.notes = std::move(built.left_out);
  out.apply_again = built.next_expiry;
  auto made = std::make_shared<admin::loaded_bundle>();
  made->bundle = std::move(built.bundle);
  made->snapshot = std::move(built.snapshot);
  const std::lock_guard lock(mutex_);
  loaded_.push_back(std::move(made));
  // What is in force is not built again, so it may be the oldest: only what nobody else holds goes.
  const auto unused = std::ranges::find_if(loaded_, [](const auto& each) { return each->snapshot.use_count() == 1; });
  if (loaded_.size() > kept && unused != loaded_.end()) loaded_.erase(unused);
  return out;
}

std::shared_ptr<const admin::loaded_bundle> policy_loader::made_of(const policy::snapshot* snapshot) const {
  const std::lock_guard lock(mutex_);
  for (const auto& each : loaded_) {
    if (each->snapshot.get() == snapshot) return each;
  }
  return nullptr;
}

}  // namespace sluice::app
