// See node.hpp.
#include "node.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sluice/base/threads.hpp"

namespace sluice::store {
namespace {

constexpr milliseconds meanwhile_every{50};
constexpr int refusals_at_once = 30;
constexpr seconds refusals_every{10};  // beyond those

void remember_live(std::vector<std::string>& names, const std::string& version) {
  std::erase(names, version);
  names.insert(names.begin(), version);
  if (names.size() > state_store::names_kept) names.resize(state_store::names_kept);
}

}  // namespace

node::node(const agent_config& config, const agent::callbacks& calls)
    : config_(config), calls_(calls), disk_(config.state_directory), max_stale_(config.max_stale), on_unavailable_(config.on_unavailable) {
  published_.state = "NONE";
  published_.source = config.redis ? config.redis->display() + " ring " + config.ring : config.download ? config.download_from : "directory " + config.directory;
}

void node::restore() {
  auto opened = disk_.open();
  if (!opened) {
    disk_fault_ = opened.error().message;
    log("error", disk_fault_);
    publish();
    return;
  }
  restored_ = mono_now();
  // A clock that was set back says nothing: then the age begins here.
  if (const auto& last = opened->state.last_contact) age_restored_ = std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(now().wall - *last));
  disk_works_ = !opened->unreadable;
  if (!disk_works_) disk_fault_ = opened->damage;
  state_ = std::move(opened->state);
  const auto source = config_.redis ? "ring " + config_.ring : config_.download ? "ring " + config_.ring + " by HTTPS" : std::string("directory");
  if (!opened->damage.empty()) {
    log("error", opened->damage);
    state_.source = source;
    // So that the next start, too, knows that the mark was lost.
    if (disk_works_) {
      if (const auto saved = disk_.save(state_); !saved) log("error", saved.error().message);
    }
  }
  if (state_.source != source) {
    // Its files are still the best there is until the source answers.
    if (!state_.source.empty()) log("info", "the policy source was " + state_.source + " and is now " + source + "; counting begins anew");
    state_.source = source;
    state_.highest = state_.active = state_.began = {};
    state_.began_record.clear();
    state_.record = state_.made_live = {};
    state_.was_live.clear();
    state_.revoked.clear();
    state_.highest_lost = false;
    for (auto& h : state_.healthy) h.activation = {};
  }
  const auto wanted = state_.version;
  auto candidates = state_.healthy;
  std::erase_if(candidates, [&](const auto& h) { return h.version == wanted; });
  if (!wanted.empty()) candidates.insert(candidates.begin(), {wanted, state_.active});
  crashed_before_ = state_.highest;
  // What the process died of comes last: with nothing else it is still better than to deny everything.
  std::vector<healthy_version> last;
  std::ranges::copy_if(candidates, std::back_inserter(last), [&](const auto& h) { return crashes(h.version); });
  std::erase_if(candidates, [&](const auto& h) { return crashes(h.version); });
  candidates.insert(candidates.end(), last.begin(), last.end());
  for (const auto& each : candidates) {
    if (!try_stored(each.version, each.activation)) continue;
    if (each.version != wanted) log("warn", "fell back to the older version " + each.version.substr(0, 12));
    if (crashes(wanted)) downgraded_from(wanted);
    break;
  }
  tick();
  publish();
  if (snapshot_) tell_standing_demotions(state_.version);
  if (!opened->damage.empty()) calls_.event("state", state_.active, state_.version, std::string(to_string(freshness_)), opened->damage);
}

bool node::try_stored(const std::string& version, policy::activation as) {
  const auto source = disk_.load_version(version);
  if (!source) {
    log("warn", source.error().message);
    return false;
  }
  auto applied = calls_.apply(*source, version, as, was_checked::yes);
  if (!applied.snapshot) {
    log("warn", "version " + version.substr(0, 12) + " on disk does not build any more: " + applied.message);
    return false;
  }
  state_.version = version;
  state_.active = as;
  adopt(applied, version);
  return true;
}

std::optional<policy::bundle_source> node::stored(const std::string& version) const {
  const bool known = disk_works_ && std::ranges::any_of(state_.healthy, [&](const auto& h) { return h.version == version; });
  if (!known) return std::nullopt;
  auto source = disk_.load_version(version);
  return source ? std::optional(std::move(*source)) : std::nullopt;
}

bool node::was_live(const std::string& version) const {
  const auto ran = [&](const healthy_version& h) { return h.version == version && h.activation != policy::activation{}; };
  return std::ranges::find(state_.was_live, version) != state_.was_live.end() || std::ranges::any_of(state_.healthy, ran);
}

std::string node::last_live() const {
  if (!state_.was_live.empty()) return state_.was_live.front();
  return state_.active == policy::activation{} ? std::string() : state_.version;
}

void node::adopt(const apply_result& applied, const std::string& version) {
  snapshot_ = applied.snapshot;
  applied_ = applied;
  // A bundle may only make its node stricter.
  max_stale_ = applied.bundle_max_stale ? std::min(config_.max_stale, *applied.bundle_max_stale) : config_.max_stale;
  on_unavailable_ = config_.on_unavailable;
  if (applied.bundle_on_unavailable == on_unavailable::fail_closed) on_unavailable_ = on_unavailable::fail_closed;
  if (notes_of_ != version) live_since_ = mono_now();
  if (notes_of_ != version) notes_told_.clear();
  notes_of_ = version;
  for (const auto& note : applied.notes) {
    if (std::ranges::find(notes_told_, note) != notes_told_.end()) continue;
    notes_told_.push_back(note);
    log("warn", "version " + version.substr(0, 12) + ": " + note);
  }
}

node::outcome node::take(const policy::bundle_source& source, const std::string& version, policy::activation as, const beside& with, const said& by) {
  {
    const std::scoped_lock hold(lock_);
    published_.last_attempt = now().wall;
  }
  std::future<result<void>> writing;
  if (still_avoids(version, as)) {
    if (downgrade_.empty()) downgraded_from(version);
    last_result_ = crash_loop(downgrade_);
  } else {
    writing = write_ahead(source, version);
    last_result_ = built(source, version, as);
  }
  if (!last_result_.snapshot) {
    if (writing.valid()) writing.wait();
    disk_.discard_version(version);
    unsaved_.reset();
    refuse_build(as, version, "");
    return outcome::refused;
  }
  const auto demotions = demotions_with(version, with);
  const auto activated = now().wall;
  const auto before_saving = mono_now();
  const auto saved = remember(std::move(writing), version, as, with, demotions, activated, by);
  const auto stored_in = std::chrono::duration_cast<milliseconds>(mono_now() - before_saving);
  if (!saved) {
    could_not_save({version, as}, saved.error().message);
    const bool runs_already = snapshot_ == last_result_.snapshot && state_.active == as;
    if (runs_already || (runs_what_is_stored() && !only_takes_away(version, with))) return outcome::unsaved;
  } else {
    unsaved_.reset();
  }
  if (told_for_now_.starts_with(version)) told_for_now_.clear();
  state_.highest = std::max(state_.highest, as);
  state_.active = as;
  if (state_.began == policy::activation{}) state_.began = as, state_.began_record = by.record;
  state_.version = version;
  state_.last_activation = activated;
  remember_live(state_.was_live, version);
  state_.record = by.record;
  state_.made_live = by.made_live;
  keep_evidence(state_, with);
  const auto demoted_before = std::exchange(state_.demotions, demotions);
  const auto canary_before = canary_applied_.snapshot ? canary_ : std::nullopt;
  const auto shadow_before = shadow_;
  go_on_beside(with);
  const bool canary_ended = canary_before && (!canary_ || canary_->version != canary_before->version);  // also where it is for other nodes now
  downgrade_.clear();
  adopt(last_result_, version);
  contact();
  freshness_ = freshness_now();
  refuse_all_ = refuses_all();
  {
    const std::scoped_lock hold(lock_);
    if (published_.last_refusal && saved) published_.last_refusal->stands = false;
  }
  publish();
  log("info", "version " + version.substr(0, 12) + " is in force as " + policy::to_string(as) + " from " + published_.source + ", built in " +
                  std::to_string(last_result_.took.count()) + " ms" + (last_result_.spent.empty() ? "" : " (" + last_result_.spent + ")") + ", stored in " +
                  std::to_string(stored_in.count()) + " ms");
  calls_.event("activated", as, version, std::string(to_string(freshness_)), saved ? "" : "not on disk: " + unsaved_why_);
  if (canary_ended) calls_.event("canary", as, "", std::string(to_string(freshness_)), "ended");
  if (canary_ && canary_ != canary_before) tell_canary();
  if (!shadow_.empty() && shadow_ != shadow_before) tell_shadow();
  tell_demotions(demoted_before);
  return saved ? outcome::accepted : outcome::unsaved;
}

// What runs beside the version already goes on at once, as the activation wants it: a canary that grows lets go of nobody meanwhile. What has to
// be built comes with take_canary() and take_shadow().
void node::go_on_beside(const beside& with) {
  const auto running = [&](const std::string& version) {
    if (canary_ && canary_->version == version && canary_applied_.snapshot) return canary_applied_;
    return shadow_ == version ? shadow_applied_ : apply_result{};
  };
  auto canary = with.canary && concerns(*with.canary) ? running(with.canary->version) : apply_result{};
  auto shadow = with.shadow.empty() ? apply_result{} : running(with.shadow);
  canary_ = canary.snapshot ? with.canary : std::nullopt;
  elsewhere_.reset();
  canary_applied_ = std::move(canary);
  shadow_ = shadow.snapshot ? with.shadow : std::string();
  shadow_applied_ = std::move(shadow);
  forget_ended();
}

// What is in force already, for everybody or for some, is not built again.
apply_result node::built(const policy::bundle_source& source, const std::string& version, policy::activation as) const {
  if (unsaved_ && unsaved_->version == version && last_result_.snapshot) return last_result_;
  for (const auto& [known, of] : {std::pair(&applied_, state_.version), {&canary_applied_, canary_ ? canary_->version : ""}, {&shadow_applied_, shadow_}}) {
    if (!known->snapshot || of != version || (known->apply_again && now().wall >= *known->apply_again)) continue;
    auto again = *known;
    again.took = milliseconds(0);
    again.spent.clear();
    return again;
  }
  return apply(source, version, as);
}

// A build takes up to a minute and more, and a rule that runs wild is not left in force for so long.
apply_result node::apply(const policy::bundle_source& source, const std::string& version, policy::activation as) const {
  const auto checked = config_.directory.empty() || was_live(version) ? was_checked::yes : was_checked::no;
  if (!meanwhile_ || !snapshot_) return calls_.apply(source, version, as, checked);
  // Deferred where no thread is to be had: then it is built on this one.
  auto building = std::async(std::launch::async | std::launch::deferred, [&] {
    const fault_stack here;
    return calls_.apply(source, version, as, checked);
  });
  while (building.wait_for(meanwhile_every) == std::future_status::timeout) meanwhile_();
  return building.get();
}

bool node::take_canary(const policy::bundle_source& source, const canary_version& share) {
  auto applied = crashes(share.version) ? crash_loop("the process died of it") : built(source, share.version, state_.active);
  if (!applied.snapshot) {
    last_result_ = applied;
    refuse_build(state_.active, share.version, "as a canary: ");
    return false;
  }
  canary_ = share;
  keep_ending(applied, source, share.version);
  canary_applied_ = std::move(applied);
  publish();
  tell_canary();
  tell_standing_demotions(share.version);
  return true;
}

std::future<result<void>> node::write_ahead(const policy::bundle_source& source, const std::string& version) const {
  if (!disk_works_ || stored(version)) return {};
  // Deferred where no thread is to be had: then it is written once it is built.
  return std::async(std::launch::async | std::launch::deferred, [this, &source, version] { return disk_.write_version(version, source); });
}

// Before it is in force: what a node acknowledges survives its restart.
result<void> node::remember(std::future<result<void>> writing, const std::string& version, policy::activation as, const beside& with, const std::vector<demotion>& demotions, wall_time activated, const said& by) {
  if (!disk_works_) return fail(errc::io, disk_fault_);
  auto next = state_;
  next.demotions = demotions;
  const auto known = std::ranges::find(next.healthy, version, &healthy_version::version);
  const bool listed = known != next.healthy.end();
  const bool proven = listed && known->proven;
  if (listed) next.healthy.erase(known);
  next.healthy.insert(next.healthy.begin(), {version, as, proven});
  if (next.healthy.size() > state_store::versions_kept) {
    // Three that fail one after the other must leave one to fall back to.
    const auto good = std::ranges::find_if(next.healthy, [&](const healthy_version& h) { return h.proven && !crashes(h.version); });
    const auto last = next.healthy.begin() + state_store::versions_kept - 1;
    if (good != next.healthy.end() && good > last) *last = *good;
    next.healthy.resize(state_store::versions_kept);
  }
  next.highest = std::max(next.highest, as);
  next.highest_lost = false;
  next.active = as;
  if (next.began == policy::activation{}) next.began = as, next.began_record = by.record;
  next.version = version;
  next.last_activation = activated;
  remember_live(next.was_live, version);
  next.record = by.record;
  next.made_live = by.made_live;
  keep_evidence(next, with);
  const bool is_new = writing.valid();
  auto saved = is_new ? writing.get() : disk_.mark_used(version);
  if (saved && is_new) saved = disk_.keep_version(version);
  if (saved) saved = disk_.save(next);
  if (!saved) {
    // What was kept before is what a restart will have: it stays, list and files, and the list names nothing else.
    if (!listed && !disk_.in_doubt()) disk_.remove_version(version);
    return saved;
  }
  state_.healthy = std::move(next.healthy);
  state_.highest_lost = false;
  disk_.prune(state_.healthy);
  return {};
}

// Told once for each version and cause: it is tried again at each look.
void node::could_not_save(const healthy_version& what, const std::string& why) {
  const bool news = !unsaved_ || unsaved_->version != what.version || unsaved_why_ != why;
  unsaved_ = what;
  unsaved_why_ = why;
  if (news) refuse(what.activation, what.version, "STORE", why + "; it is tried again until it can be kept");
}

// Whether a restart without the source would have what is in force now.
bool node::runs_what_is_stored() const {
  return snapshot_ && disk_works_ && !state_.healthy.empty() && std::ranges::any_of(state_.healthy, [&](const auto& h) { return h.version == state_.version; });
}

policy::activation node::next_number() const {
  // A mark that was lost is not guessed: seconds since 1970 are above every epoch that was counted up.
  if (state_.highest_lost) return {static_cast<std::uint64_t>(std::chrono::duration_cast<seconds>(now().wall.time_since_epoch()).count()), 1};
  return {std::max<std::uint64_t>(1, state_.highest.epoch), state_.highest.generation + 1};
}

bool node::refuse(policy::activation as, const std::string& version, const std::string& phase, const std::string& message) {
  {
    const std::scoped_lock hold(lock_);
    published_.last_refusal = agent_status::refusal{now().wall, policy::to_string(as), version, phase, message};
    ++published_.refusals;
  }
  const auto t = mono_now();
  if (refusals_paid_until_ > t + (refusals_at_once - 1) * refusals_every) {
    ++refusals_untold_;
    return false;
  }
  refusals_paid_until_ = std::max(refusals_paid_until_, t) + refusals_every;
  const auto before = std::exchange(refusals_untold_, 0);
  const auto told = phase + ": " + message + (before == 0 ? "" : " (and " + std::to_string(before) + " refusals before it, too many to tell each)");
  log("error", "refused " + (version.empty() ? std::string("what the source has") : "version " + version.substr(0, 12) + " as " + policy::to_string(as)) + " (" + phase + ")" + told.substr(phase.size()));
  calls_.event("refused", as, version, std::string(to_string(freshness_)), told);
  return true;
}

// Each trial that fails for a reason of the moment is counted; the logs are told once.
void node::refuse_build(policy::activation as, const std::string& version, const std::string& what) {
  auto& of = last_result_;
  if (of.transient) of.message += "; that may pass, and this node tries again until it does";
  const auto message = what + of.message;
  const auto told = std::exchange(told_for_now_, of.transient ? version + message : std::string());
  if (!of.transient || told != told_for_now_) return void(refuse(as, version, of.phase, message));
  const std::scoped_lock hold(lock_);
  published_.last_refusal = agent_status::refusal{now().wall, policy::to_string(as), version, of.phase, message};
  ++published_.refusals;
}

void node::spend(policy::activation number) {
  state_.highest = std::max(state_.highest, number);
  state_.highest_lost = false;
  if (!disk_works_) return;
  if (const auto saved = disk_.save(state_); !saved) log("error", "the number " + policy::to_string(number) + " may be used again: " + saved.error().message);
}

void node::agrees() {
  if (unsaved_ && unsaved_->version != state_.version) {
    spend(unsaved_->activation);
    unsaved_.reset();
  }
  {
    const std::scoped_lock hold(lock_);
    if (!published_.last_refusal || !published_.last_refusal->stands) return;
    published_.last_refusal->stands = false;
  }
  log("info", "the source has what is in force again, version " + state_.version.substr(0, 12) + ": nothing that was refused stands");
}

}  // namespace sluice::store
