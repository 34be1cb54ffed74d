// See policy_loader.hpp.
#include "policy_loader.hpp"

#include <atomic>
#include <utility>

#include "sluice/policy/breadth.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t shown_max = 20; // diagnostics in a refusal; `sluice check` shows all

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

std::string spent_in(const policy::build_report& built) {
  std::string out;
  for (std::size_t i = 0; i < built.spent.size(); ++i) {
    const auto tenths = (built.spent[i].count() + 50) / 100;
    out += (i == 0 ? "" : ", ") + std::string(policy::to_string(static_cast<policy::phase>(i))) + " " + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
  }
  return out;
}

// Rules that ask for what this gateway does not have.
void note_missing_vault(const policy::bundle_ast& bundle, std::vector<std::string>& notes) {
  for (const auto& p : bundle.policies) {
    for (const auto& r : p.rules) {
      if (r.action.vault_ttl.count() == 0 || r.enforcement != policy::enforcement::enforce) continue;
      const bool refuses = r.action.on_vault_unavailable == policy::on_vault_unavailable::block;
      notes.push_back("rule " + r.id + " asks for a vault, and sluice.yaml names none ('vault'): " +
                      (refuses ? "conversations with a name are refused" : "what a request does not repeat stays a token"));
    }
  }
}

}  // namespace

// Notes whether the compiler could not be had, or was kept waiting: that is no fault of the patterns.
class policy_loader::noting_backend final : public match::compile_backend {
 public:
  explicit noting_backend(std::unique_ptr<match::compile_backend> of) : of_(std::move(of)) {}
  result<std::string> compile(const match::pattern_set& set) override { return noted(of_->compile(set)); }
  result<void> try_classifier(std::string_view bytes) override { return noted(of_->try_classifier(bytes)); }
  std::uint64_t peak_bytes() const override { return of_->peak_bytes(); }
  void forget_peak() override { of_->forget_peak(); }

  void begin() { missed_.store(false); }
  [[nodiscard]] bool missed() const { return missed_.load(); }

 private:
  template <class Answer>
  Answer noted(Answer answer) {
    if (!answer && (answer.error().code == errc::unavailable || answer.error().code == errc::timeout)) missed_.store(true);
    return answer;
  }
  std::unique_ptr<match::compile_backend> of_;
  std::atomic<bool> missed_{false};
};

policy_loader::~policy_loader() = default;

policy_loader::policy_loader(const std::string& state_directory, match::compile_limits limits, bool has_vault)
    : backend_(std::make_unique<noting_backend>(match::child_backend("/proc/self/exe", limits))), cache_(state_directory + "/cache"), has_vault_(has_vault) {}

store::apply_result policy_loader::apply(const policy::bundle_source& source, store::was_checked checked) {
  backend_->begin();
  const bool is_new = checked == store::was_checked::no;
  auto built = policy::build(source, now().wall, *backend_, cache_, is_new ? policy::expired_exceptions::leave_out_unpublished : policy::expired_exceptions::leave_out);
  if (is_new) (void)policy::hold_against_harmless_texts(built, source, *backend_, cache_);
  store::apply_result out;
  out.phase = policy::to_string(built.reached);
  out.took = built.took;
  out.spent = spent_in(built);
  if (built.snapshot == nullptr) {
    describe_refusal(built.found, out);
    out.transient = backend_->missed();
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
  if (!has_vault_) note_missing_vault(built.bundle, out.notes);
  out.apply_again = built.next_expiry;
  const std::lock_guard lock(mutex_);
  std::erase_if(made_, [](const made& each) { return each.snapshot.expired(); });
  made_.push_back({.snapshot = out.snapshot, .bundle = std::make_shared<const policy::bundle_ast>(std::move(built.bundle))});
  return out;
}

std::shared_ptr<const policy::snapshot> policy_loader::in_shadow(const std::shared_ptr<const policy::snapshot>& of, const std::vector<std::string>& rules) {
  auto changed = policy::in_shadow(*of, rules);
  const auto known = made_of(of);
  if (changed == nullptr || known == nullptr) return changed;
  auto bundle = *known->bundle;
  for (const auto& rule : rules) policy::put_in_shadow(bundle, rule);
  const std::lock_guard lock(mutex_);
  made_.push_back({.snapshot = changed, .bundle = std::make_shared<const policy::bundle_ast>(std::move(bundle))});
  return changed;
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
