// See redis_source.hpp.
#include "redis_source.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "sentinel.hpp"
#include "succession.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {
namespace {

constexpr milliseconds call_timeout{5000};
constexpr milliseconds silence_max{30'000};        // of a subscription that is asked for a sign of life at each poll
constexpr milliseconds rest{10}, rest_after_refusal{250};  // between looks for a notice: whoever may write one may write thousands
constexpr milliseconds back_off_min{200}, back_off_max{5000};
constexpr auto told_before_end = std::chrono::days(14);  // of a key

}  // namespace

result<void> redis_source::connect() {
  auto commands = redis_client::connect(*config_.redis, call_timeout);
  if (!commands) return std::unexpected(commands.error());
  auto subscription = redis_client::connect(*config_.redis, call_timeout);
  if (!subscription) return std::unexpected(subscription.error());
  // Before the head is read: what is activated between the two is then heard.
  if (auto done = subscription->command({"SUBSCRIBE", keys_.notify()}); !done) return std::unexpected(done.error());
  commands_ = std::move(*commands);
  subscription_ = std::move(*subscription);
  pong_ = mono_now();
  next_heartbeat_ = next_nodes_ = {};
  if (auto done = read_clock(); !done) return done;
  node_.log("info", "connected to " + config_.redis->display() + " ring " + config_.ring);
  return {};
}

void redis_source::drop(const std::string& why) {
  commands_.reset();
  subscription_.reset();
  node_.lost(why);
  back_off_ = std::clamp(back_off_ * 2, back_off_min, back_off_max);
  next_connect_ = mono_now() + jittered(back_off_);
}

void redis_source::look() {
  if (!commands_) {
    if (auto done = connect(); !done) return drop(done.error().message);
  }
  auto done = follow_master();
  const auto begin = mono_now();
  if (done) done = check();
  pong_ += mono_now() - begin;  // a version was built, perhaps: while nobody listened, nothing was silent
  if (done && (mono_now() >= next_nodes_ || !in_step_ || std::exchange(revoked_due_, false))) done = read_revoked();
  if (done && mono_now() >= next_heartbeat_) done = heartbeat();
  if (done && mono_now() >= next_nodes_) done = read_nodes();
  if (done) done = keep_alive();
  if (!done) return drop(done.error().message);
  back_off_ = milliseconds(0);  // only what answered in full counts: a server that accepts and hangs up is backed off from
  next_poll_ = mono_now() + jittered(config_.poll);
  if (again_.waits()) next_poll_ = std::min(next_poll_, mono_now() + std::max(again_.left(config_.poll), rest_after_refusal));
  rests_until_ = mono_now() + (unvouched_ ? rest_after_refusal : rest);
}

// After a failover the server that was the master may still answer, as a replica or cut off from those who elected another.
result<void> redis_source::follow_master() {
  if (config_.redis->sentinels.empty()) return {};
  if (auto is = commands_->need_master(); !is) return is;
  if (mono_now() < next_heartbeat_) return {};
  const auto master = find_master(*config_.redis, call_timeout);
  if (!master) return {};  // nobody says otherwise
  const auto named = master->host + ":" + std::to_string(master->port);
  return named == commands_->peer() ? result<void>() : fail(errc::unavailable, "Sentinel names another master, " + named);
}

result<void> redis_source::check() {
  auto head = read_head(*commands_, keys_);
  unvouched_ = !head;
  in_step_ = false;
  if (again_.waits() && (!head || !*head || (*head)->text != refused_)) {
    refuse_nothing();
  }
  if (!head) {
    if (head.error().code != errc::integrity) return std::unexpected(head.error());
    // Redis answers, but with what no publisher wrote: what runs stays.
    node_.reached();
    if (!damage_told_) node_.refuse({}, "", "VERIFY", head.error().message);
    damage_told_ = true;
    return {};
  }
  damage_told_ = false;
  if (!*head && (node_.state().highest > policy::activation{} || node_.state().highest_lost)) {
    node_.behind("HEAD_REGRESSED: the ring is empty" + (node_.state().highest > policy::activation{} ? ", this node has seen " + policy::to_string(node_.state().highest) : std::string()) + "; what runs stays until the next push");
    next_heartbeat_ = {};  // publishers must hear of it, also when heartbeats are lost once more
    return {};
  }
  if (!*head) {
    in_step_ = true;
    node_.contact();
    return {};
  }
  const auto wants = wanted(**head);
  if (!wants) return std::unexpected(wants.error());
  if (!*wants) return {};
  return take(**head);
}

// Whether it is the very record that this node has taken: what it runs was checked then, and a key that ends takes neither that away nor the
// contact with the ring.
bool redis_source::runs_record(const activation_record& record) const {
  const auto& state = node_.state();
  return state.active == record.activation && state.record == digest_of(record) && node_.freshness() != policy::freshness::none;
}

void redis_source::warn_of_end(const activation_record& record) {
  const auto roles = static_cast<unsigned>(key_role::activate) | static_cast<unsigned>(key_role::safety);
  const auto end = counts_until(config_.trust, record.signed_as, roles);
  const auto t = now().wall;
  if (!end || *end > t + told_before_end) return;
  const bool over = t > *end;
  const auto what = "activation " + policy::to_string(record.activation) + " is signed with a key that " + (over ? "expired at " : "expires at ") + rfc3339(*end);
  if (std::exchange(end_told_, what) == what) return;
  node_.log("warn", what + (over ? "; what runs stays, and nothing more of that key is taken" : "") + ". Activate once more with a key that counts longer: sluice activate");
}

// Who cannot sign may withhold what is new, and that shows as staleness: a record nobody vouches for is no contact.
result<bool> redis_source::trusted(const activation_record& record) {
  if (runs_record(record)) {
    warn_of_end(record);
    // What stood in its place for a while had this node's refusal under the same number.
    if (!std::exchange(refused_its_number_, false)) return true;
    const auto told = acknowledge(record, "ACK", "ACTIVE", "");
    return told ? result<bool>(true) : std::unexpected(told.error());
  }
  const auto passes = check_record(record, config_.trust, config_.ring, now().wall);
  if (passes) return true;
  node_.reached();
  unvouched_ = true;
  again_.forget();
  if (refused_ == record.text) return false;
  refused_ = record.text;
  refused_its_number_ = record.activation == node_.state().active;
  if (!node_.refuse(record.activation, record.version, "VERIFY", passes.error().message)) return false;
  // Whoever waits for this node's answer is to learn why it stays with what it has.
  if (auto told = acknowledge(record, "NACK", "VERIFY", passes.error().message); !told) return std::unexpected(told.error());
  return false;
}

// Whether a record is news. A ring that is behind this node, or empty, has lost something: that is no contact with the truth.
result<bool> redis_source::wanted(const activation_record& record) {
  if (const auto may = trusted(record); !may || !*may) return may;
  const auto& state = node_.state();
  if (record.activation < state.highest) {
    node_.behind("HEAD_REGRESSED: Redis is at " + policy::to_string(record.activation) + ", this node has seen " + policy::to_string(state.highest) + "; what runs stays until the next push");
    next_heartbeat_ = {};  // publishers must hear of it, also when heartbeats are lost once more
    return false;
  }
  node_.contact();
  const bool runs_it = state.active == record.activation && node_.freshness() != policy::freshness::none;
  const bool fork = runs_it && (state.version != record.version || (!state.record.empty() && state.record != digest_of(record)));
  in_step_ = !fork;
  if (refused_ == record.text && !again_.due(record.text)) return false;
  if (fork) {
    // One number with two meanings: two servers were written to. Neither may win by chance.
    refused_ = record.text;
    next_heartbeat_ = {};
    const auto why = "this node runs version " + state.version.substr(0, 12) + " under the same number" + (state.version == record.version ? ", by another record" : "") + "; push again";
    node_.refuse(record.activation, record.version, "GEN_FORK", why);
    if (auto told = acknowledge(record, "NACK", "GEN_FORK", why); !told) return std::unexpected(told.error());
    return false;
  }
  if (runs_it && state.record.empty()) node_.note({.record = digest_of(record), .made_live = by_activator(record) ? record.text : std::string()});
  const bool news = !runs_it || node_.unsaved() || !node_.runs(record.with);
  if (!news) node_.agrees();
  return news;
}

result<policy::bundle_source> redis_source::files_of(const std::string& version, const placing& as, const std::string& digest) {
  const auto manifest = fetch_manifest(*commands_, keys_, version, config_.trust, now().wall, as, digest);
  auto stored = node_.stored(version);
  // What runs here, or ran, was checked when it came, and a key that has ended since, or a manifest that was taken away, keeps nobody from it.
  if (!manifest && stored && as.back) return std::move(*stored);
  if (!manifest) return std::unexpected(manifest.error());
  node_.learn(version, manifest->how.benign);
  if (stored) return std::move(*stored);
  return fetch_files(*commands_, keys_, *manifest, node_.stored(node_.version()).value_or(policy::bundle_source{}));
}

bool redis_source::by_activator(const activation_record& record) const { return check_activator(record, config_.trust, config_.ring, now().wall).has_value(); }

// The record by which somebody who may activate last said what is live: this one, or what a record of the role safety goes on with.
result<redis_source::base_record> redis_source::made_live_by(const activation_record& record) {
  if (config_.trust.keys.empty() || by_activator(record)) return base_record{.record = record, .beyond = {}};
  if (runs_record(record)) {  // checked when it was taken
    auto kept = parse_record(node_.state().made_live);
    return base_record{.record = kept ? std::move(*kept) : activation_record{}, .beyond = {}};
  }
  std::optional<activation_record> known;
  if (auto kept = parse_record(node_.state().made_live); kept && kept->activation < record.activation) known = std::move(*kept);
  auto before = made_live_before(*commands_, keys_, record, std::move(known), [&](const activation_record& each) { return by_activator(each); });
  if (!before) return std::unexpected(before.error());
  if (!*before) return base_record{.record = {}, .beyond = "is signed by a key of the role safety, and there is no activation that it could go on with"};
  auto beyond = beyond_safety(record, **before);
  return base_record{.record = std::move(**before), .beyond = std::move(beyond)};
}

// A log that was begun anew after a loss lacks the first record that this node has taken: then its first entry is not the ring's, and something was live before.
result<bool> redis_source::log_is_whole() {
  const auto& state = node_.state();
  if (state.began_record.empty()) return true;
  const auto id = policy::to_string(state.began);
  const auto entry = commands_->command({"XREVRANGE", keys_.log(), id, id, "COUNT", "1"});
  if (!entry) return std::unexpected(entry.error());
  if (entry->items.empty() || entry->items[0].items.size() != 2) return false;
  const auto record = parse_record(entry->items[0].items[1].field("record"));
  return record && digest_of(*record) == state.began_record;
}

// Whoever may activate says what a version follows, and that it is one to go back to. Where a second key may be owed that is not believed: it is
// held against what this node ran itself, and against the log.
result<placing> redis_source::placing_of(const activation_record& record, const activation_record& live) {
  const auto& state = node_.state();
  placing as{.ring = config_.ring, .over = live.previous, .back = live.back, .first = state.highest == policy::activation{}, .weaker = live.weaker};
  const bool remembers = state.active != policy::activation{} && !state.version.empty();
  const bool runs_it = remembers && state.version == record.version && node_.freshness() != policy::freshness::none;
  as.back = runs_it || (live.back && (!config_.trust.approval || node_.was_live(record.version)));
  if (as.back || !config_.trust.approval) return as;
  if (live.back) {
    const auto begins = log_is_whole();
    if (!begins) return std::unexpected(begins.error());
    const auto all = read_succession(*commands_, keys_, record, {}, config_.trust, config_.ring, *begins);
    if (!all) return std::unexpected(all.error());
    as.back = all->live.contains(record.version);
  }
  // Who remembers nothing, and whoever was there when the ring was another, has but the record's word.
  if (as.back || !remembers || live.previous == state.version) return as;
  if (live.previous.empty()) {
    as.astray = state.version;
    return as;
  }
  const auto since = read_succession(*commands_, keys_, record, live_since{.version = state.version, .activation = state.active}, config_.trust, config_.ring);
  if (!since) return std::unexpected(since.error());
  const bool stays = since->version == record.version;
  const bool leads = stays ? since->before == live.previous && since->before_rightly : since->version == live.previous && since->rightly;
  if (!leads) as.astray = state.version;
  return as;
}

result<void> redis_source::take(const activation_record& record) {
  auto base = made_live_by(record);
  if (!base) return std::unexpected(base.error());
  if (!base->beyond.empty()) {
    keep_off(record);
    node_.refuse(record.activation, record.version, "VERIFY", "activation " + policy::to_string(record.activation) + " " + base->beyond);
    return acknowledge(record, "NACK", "VERIFY", base->beyond);
  }
  const node::said said{.record = digest_of(record), .made_live = base->record.text};
  auto with = record.with;
  with.shown = base->record.with.shown;  // a breaker's limit follows from it: that, too, is for whoever may activate
  if (!config_.trust.keys.empty() && !base->record.signed_as.signatures.empty()) with.by_person = by_persons(base->record);
  const auto& unsaved = node_.unsaved();
  const bool again = refused_ == record.text || (unsaved && unsaved->activation == record.activation);  // its answer stands until it changes
  if (auto told = again ? result<void>() : acknowledge(record, "PENDING", "RECEIVED", ""); !told) return told;
  // By the word of whoever may activate: a record of the role safety says nothing of what its version followed.
  const auto& live = base->record.version == record.version ? base->record : record;
  const auto as = placing_of(record, live);
  if (!as) return std::unexpected(as.error());
  auto source = files_of(record.version, *as, live.manifest_of(record.version));
  if (!source) {
    const auto code = source.error().code;
    if (code != errc::integrity && code != errc::not_found) return std::unexpected(source.error());
    keep_off(record);
    node_.refuse(record.activation, record.version, "VERIFY", source.error().message);
    return acknowledge(record, "NACK", "VERIFY", source.error().message);
  }
  if (auto told = again ? result<void>() : acknowledge(record, "PENDING", "VERIFIED", ""); !told) return told;
  const auto done = node_.take(*source, record.version, record.activation, with, said);
  if (done == node::outcome::refused) {
    keep_off(record, node_.last_result().transient);
    return acknowledge(record, "NACK", node_.last_result().phase, node_.last_result().message);
  }
  if (done == node::outcome::unsaved) {
    refuse_nothing();
    const bool runs_it = node_.state().active == record.activation;
    return acknowledge(record, "NACK", "STORE", (runs_it ? std::string(acknowledgement::in_force_unsaved) : "not in force: ") + node_.unsaved_why());
  }
  bool fine = true;
  const auto& canary = record.with.canary;
  if (canary && !node_.concerns(*canary)) {
    node_.leave_canary(*canary);
  } else if (canary && node_.canary() != canary) {
    const bool runs_it = node_.canary() && node_.canary()->version == canary->version;
    auto taken = take_other(record, canary->version, "canary", {.ring = config_.ring, .over = record.version, .back = runs_it, .canary = true}, live.manifest_of(canary->version), [&](const policy::bundle_source& files) { return node_.take_canary(files, *canary); });
    if (!taken) return std::unexpected(taken.error());
    fine = *taken;
  }
  if (const auto& shadow = record.with.shadow; fine && !shadow.empty() && node_.shadow() != shadow) {
    // It decides nothing, so it may be weaker.
    auto taken = take_other(record, shadow, "shadow", {.ring = config_.ring, .over = record.version, .decides = false}, live.manifest_of(shadow), [&](const policy::bundle_source& files) { return node_.take_shadow(files, shadow); });
    if (!taken) return std::unexpected(taken.error());
    fine = *taken;
  }
  if (!fine) return {};
  refuse_nothing();
  if (auto told = acknowledge(record, "ACK", "ACTIVE", ""); !told) return told;
  return heartbeat();
}

// A version beside the one that is live. False: it is refused, and what is live goes on without it.
result<bool> redis_source::take_other(const activation_record& record, const std::string& version, const std::string& what, const placing& as, const std::string& manifest,
                                      const std::function<bool(const policy::bundle_source&)>& take) {
  auto files = files_of(version, as, manifest);
  if (!files && files.error().code != errc::integrity && files.error().code != errc::not_found) return std::unexpected(files.error());
  if (!files) node_.refuse(record.activation, version, "VERIFY", what + ": " + files.error().message);
  if (files && take(*files)) return true;
  keep_off(record, files && node_.last_result().transient);
  auto told = acknowledge(record, "NACK", files ? node_.last_result().phase : "VERIFY", what + ": " + (files ? node_.last_result().message : files.error().message));
  if (!told) return std::unexpected(told.error());
  return false;
}

// Whoever builds holds on to the connection, so that it is not let go here: one that failed answers nothing more, and the next look drops it.
void redis_source::meanwhile() {
  if (!commands_ || mono_now() < next_heartbeat_) return;
  const auto told = heartbeat();
  if (told) return;
  node_.lost(told.error().message);
  next_poll_ = {};
}

// What may never be live again is not what a restart falls back to either.
result<void> redis_source::read_revoked() {
  const auto versions = store::read_revoked(*commands_, keys_);
  if (!versions) return versions.error().code == errc::refused ? result<void>() : std::unexpected(versions.error());
  const auto lost = node_.revoked_lost();
  node_.take_revoked(*versions, in_step_);
  if (node_.revoked_lost() != lost) next_heartbeat_ = {};  // who publishes next must hear of it
  return {};
}

// A subscription hears nothing for weeks; whether it still could is asked.
result<void> redis_source::keep_alive() {
  if (mono_now() - pong_ > std::max(silence_max, config_.poll * 3)) return fail(errc::timeout, "the subscription fell silent");
  return subscription_->send({"PING"});
}

void redis_source::wait(int wake_fd) {
  if (!commands_) {
    // A connection of our own is not there to wait on; the descriptor and the time are.
    const auto left = std::chrono::duration_cast<milliseconds>(next_connect_ - mono_now()).count();
    pollfd fd{wake_fd, POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 1000)));
    if (mono_now() >= next_connect_) look();
    return;
  }
  const auto until = std::min(next_poll_, next_heartbeat_);
  const auto left = std::chrono::duration_cast<milliseconds>(until - mono_now()) + milliseconds(1);
  auto heard = subscription_->next(std::clamp(left, milliseconds(0), config_.poll * 2), wake_fd);
  if (!heard && heard.error().code != errc::timeout) return drop(heard.error().message);
  const bool news = heard && !heard->items.empty() && heard->items[0].text == "message";
  if (news && heard->items.size() > 2 && heard->items[2].text == stops_notice) revoked_due_ = true;
  if (heard) pong_ = mono_now();
  if (news && mono_now() < rests_until_) next_poll_ = std::min(next_poll_, rests_until_);
  else if (news || mono_now() >= until) look();
}

}  // namespace sluice::store
