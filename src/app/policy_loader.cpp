// See policy_loader.hpp.
#include "policy_loader.hpp"

#include "sluice/policy/build.hpp"

namespace sluice::app {
namespace {

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

policy_loader::policy_loader(const std::string& state_directory, match::compile_limits limits)
    : backend_(match::child_backend("/proc/self/exe", limits)), cache_(state_directory + "/cache") {}

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
  const std::lock_guard lock(mutex_);
  std::erase_if(made_, [](const made& each) { return each.snapshot.expired(); });
  made_.push_back({.snapshot = out.snapshot, .bundle = std::make_shared<const policy::bundle_ast>(std::move(built.bundle))});
  return out;
}

std::shared_ptr<const admin::loaded_bundle> policy_loader::made_of(const std::shared_ptr<const policy::snapshot>& snapshot) const {
  const std::lock_guard lock(mutex_);
  for (const auto& each : made_) {
    if (each.snapshot.lock() != snapshot) continue;
    return std::make_shared<const admin::loaded_bundle>(admin::loaded_bundle{.bundle = each.bundle, .snapshot = snapshot});
  }
  return nullptr;
}

}  // namespace sluice::app
