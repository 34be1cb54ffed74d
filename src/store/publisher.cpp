// See publisher.hpp.
#include "sluice/store/publisher.hpp"

#include <algorithm>
#include <thread>

#include "publisher_impl.hpp"
#include "ring_scripts.hpp"
#include "sentinel.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {
namespace {

constexpr int activate_tries = 25;  // each lost race means that another publisher got through

constexpr const char* replicas_wait_ms = "1000";
constexpr milliseconds failover_max{30'000}, ask_sentinels_every{200};

std::string milliseconds_now() {
  return std::to_string(std::chrono::duration_cast<milliseconds>(now().wall.time_since_epoch()).count());
}

// While Sentinels elect a master they name one that is gone, or none. Where none of them answers there is nothing to wait for.
result<redis_client> connect_in_time(const redis_endpoint& to, milliseconds timeout) {
  const auto end = mono_now() + failover_max;
  for (;;) {
    auto made = redis_client::connect(to, timeout);
    if (made || to.sentinels.empty() || made.error().code == errc::refused || mono_now() >= end) return made;
    if (!find_master(to, timeout)) return made;
    std::this_thread::sleep_for(ask_sentinels_every);
  }
}

}  // namespace

policy::activation believed(std::string_view heartbeat, policy::activation top) {
  const auto said = parse_activation(heartbeat).value_or(policy::activation{});
  return jumps(said, top) ? policy::activation{} : said;
}

bool publisher::impl::failed_over(const error& why) const {
  if (!redis.usable()) return true;
  if (to.sentinels.empty()) return false;
  const bool by_redis = why.message.starts_with("READONLY") || why.message.starts_with("LOADING") || why.message.starts_with("MASTERDOWN");
  return why.code == errc::refused ? by_redis : why.code == errc::closed || why.code == errc::io || why.code == errc::timeout || why.code == errc::unavailable;
}

result<void> publisher::impl::reconnect() {
  auto again = connect_in_time(to, timeout);
  if (!again) return std::unexpected(again.error());
  redis = std::move(*again);
  return {};
}

bool publisher::impl::still_master() {
  if (to.sentinels.empty()) return true;
  const auto named = find_master(to, timeout);
  return !named || named->host + ":" + std::to_string(named->port) == redis.peer();
}

result<publisher::impl::replication> publisher::impl::replicates() {
  auto info = redis.command({"INFO", "replication"});
  if (!info) return std::unexpected(info.error());
  replication out;
  if (const auto at = info->text.find("master_replid:"); at != std::string::npos) out.id = info->text.substr(at + 14, 40);
  if (const auto at = info->text.find("connected_slaves:"); at != std::string::npos) out.replicas = std::strtoull(info->text.c_str() + at + 17, nullptr, 10);
  return out;
}

result<std::vector<publisher::impl::report>> publisher::impl::reports() {
  auto ids = heartbeats();
  const auto says = [&](std::string_view what) { return !ids && ids.error().code == errc::refused && ids.error().message.starts_with(what); };
  if (says("NOPERM") || says("WRONGTYPE")) return std::vector<report>();  // of any other failure nobody knows what nodes have seen
  if (!ids) return std::unexpected(ids.error());
  std::vector<redis_command> asks;
  for (const auto& [id, at] : *ids) asks.push_back({"HMGET", keys.node(id), "highest", "activation", "version", "shown", "record", "revoked_lost"});
  auto seen = redis.pipeline(asks);
  if (!seen) return std::unexpected(seen.error());
  std::vector<report> out;
  for (std::size_t i = 0; i < seen->size(); ++i) {
    if ((*seen)[i].items.size() == 6) out.push_back({(*ids)[i].first, std::move((*seen)[i])});
  }
  return out;
}

shown_blocks publisher::impl::shown_of(const std::string& version, const std::vector<report>& reports, const std::optional<activation_record>& last) {
  std::vector<shown_blocks> nodes;
  for (const auto& one : reports) {
    const auto told = shown_by_version_from(one.fields.items[3].text);
    if (const auto at = told.find(version); at != told.end()) nodes.push_back(at->second);
  }
  const auto out = together(nodes);
  if (!last) return out;
  const auto before = last->with.shown.find(version);
  return before != last->with.shown.end() && before->second.all.of > out.all.of ? before->second : out;
}

result<void> publisher::impl::write(const activation_record& r, const activate_request& what, const activate_context& seen) {
  const auto done = redis.command({"EVAL", std::string(activate_script), "6", keys.head(), keys.log(), keys.manifest(what.version), keys.versions(), keys.revoked(),
                                   keys.freeze(), seen.epoch, seen.generation, std::to_string(r.activation.epoch),
                                   std::to_string(r.activation.generation), what.version, r.text, keys.notify(), what.kind, what.canary ? what.canary->version : "", what.shadow});
  return done ? result<void>() : std::unexpected(done.error());
}

namespace {

void rearm(activation_record& r, const std::string& rule) {
  if (rule.empty()) {
    r.with.rearmed = r.activation;
    r.with.rearmed_rules.clear();
    return;
  }
  std::erase_if(r.with.rearmed_rules, [&](const rearming& each) { return each.rule == rule; });
  r.with.rearmed_rules.push_back({.version = r.version, .rule = rule, .at = r.activation});
  if (r.with.canary) r.with.rearmed_rules.push_back({.version = r.with.canary->version, .rule = rule, .at = r.activation});
}

}  // namespace

// By the very manifest that the activation goes by, and whether what that says of it holds where it is to be live.
result<provenance> publisher::impl::made(const activate_request& what, const placing& as, const std::string& digest, const std::optional<activation_record>& last) {
  const auto& subject = origin_of(what);
  const auto manifest = fetch_manifest(redis, keys, subject, {}, now().wall, {}, digest);
  if (!manifest) {
    const bool takes_harm_away = what.kind == "abort" || what.kind == "demote" || what.kind == "rollback";
    const auto& why = manifest.error();
    const bool goes_on = last && subject == last->version && last->kind != "canary" && last->kind != "shadow";  // those are about another
    if (why.code == errc::integrity && takes_harm_away && goes_on) return last->how;
    if (why.code == errc::not_found || (why.code == errc::integrity && takes_harm_away)) return provenance{};
    return fail(why.code, "how version " + subject.substr(0, 12) + " came to be cannot be read, so nothing was changed: " + why.message + (why.code == errc::integrity ? ". Push the bundle again" : ""));
  }
  // A head that no node takes would be the measure of what comes next.
  if (const auto by = trusted && brings_version_in(what.kind) ? whom() : std::nullopt) {
    const auto built = check_signatures(*by, manifest->signed_as, build_purpose, static_cast<unsigned>(key_role::build), now().wall, "the manifest of version " + subject.substr(0, 12));
    if (!built) return fail(errc::refused, built.error().message + ", so nodes would refuse it; nothing was changed. Push it again with a key that may build: --build-key");
  }
  auto out = manifest->how;
  const bool elsewhere = !held_otherwise(*manifest, as).empty();
  auto& ids = out.signed_by.emplace();
  for (const auto& each : manifest->signed_as.signatures) {
    if (each.place ? *each.place == place_of(as) : !elsewhere || &each == &manifest->signed_as.signatures.front()) ids.push_back(each.key_id);
  }
  const bool otherwise = what.weaker ? *what.weaker : !out.gate_report.empty() && elsewhere;
  out.weaker = out.weaker || otherwise;
  if (elsewhere) out.approved_by.clear();  // somebody agreed to another comparison
  return out;
}

result<activation_record> publisher::impl::next(const activate_request& what, activate_context& context) {
  auto is = look_at_top();
  if (!is) return std::unexpected(is.error());
  const auto* top = &is->top;
  if (top->no_next) return std::unexpected(nothing_follows(*top, top->damage));
  if (is->jumps) return std::unexpected(nothing_follows(*top, "activation " + policy::to_string(top->record->activation) + " is signed with a key of the role safety, far above what it goes on with"));
  context.epoch = top->epoch;
  context.generation = top->generation;
  context.doubt = is->doubt;
  context.head = top->record ? top->record->activation : policy::activation{};
  auto seen = reports();
  if (!seen) return std::unexpected(seen.error());
  // Only what somebody vouches for is gone on with.
  auto last = is->vouched() != nullptr ? std::move(is->top.record) : std::nullopt;
  auto highest = std::max(top->number, last ? last->activation : policy::activation{});
  for (const auto& one : *seen) highest = std::max(highest, believed(one.fields.items[0].text, top->number));
  context.from_nothing = highest == policy::activation{};
  auto server = replicates();
  if (!server) return std::unexpected(server.error());
  context.replicas = server->replicas;
  activation_record r{.activation = {}, .with = {.canary = what.canary, .shadow = what.shadow}, .ring = ring, .version = what.version, .kind = what.kind, .actor = what.actor, .note = what.note,
                      .time = rfc3339(now().wall), .previous = {}, .back = what.kind == "rollback", .replid = server->id};
  // While a version stays, what it followed stays: what is done beside it makes nothing of it good.
  const bool stays = last && last->version == what.version;
  if (last) r.previous = stays ? last->previous : last->version;
  if (stays) r.back = last->back;
  r.weaker = (stays && last->weaker) || (origin_of(what) == what.version && what.weaker.value_or(false));
  // The history says how the version came to be whatever becomes of its manifest.
  if (auto pinned = pin_manifests(r, what, last); !pinned) return std::unexpected(pinned.error());
  const auto& subject = origin_of(what);
  auto how = made(what, placing_in(r, subject), r.manifest_of(subject), last);
  if (!how) return std::unexpected(how.error());
  r.how = std::move(*how);
  r.how.benign = {};
  if (!brings_version_in(what.kind)) r.how.approved_by.clear();  // of what takes harm away nobody was asked
  if (!what.approved_by.empty()) r.how.approved_by = what.approved_by;
  // Nodes that have left what Redis has lost the revocation of are not led back to it by what takes harm away: they stay, and the others follow.
  const bool takes_away = what.kind == "abort" || what.kind == "demote";
  if (const auto lost = takes_away && highest > top->head ? revoked_before() : std::vector<remembered>(); !lost) return std::unexpected(lost.error());
  else if (std::ranges::find(*lost, what.version, &remembered::version) != lost->end()) highest = std::max(top->number, last ? last->activation : policy::activation{});
  // Another server, or one that lost its tail: two contents could get one number, so the epoch is raised.
  const bool other_server = last && !last->replid.empty() && last->replid != server->id;
  const bool behind = highest > top->head || top->lost();
  context.lost = behind;
  r.activation = {highest.epoch + (other_server || behind || what.instead_of ? 1 : 0), highest.generation + 1};
  if (r.activation.epoch == 0) r.activation.epoch = 1;
  if (r.activation.epoch > number_max || r.activation.generation > number_max) return std::unexpected(nothing_follows(*top, "ring " + ring + " has come to the last number there is, " + policy::to_string(highest)));
  // A demotion belongs to its version and ends with it; activations of the same one leave it until it is armed again.
  if (what.demoted) r.with.demoted = *what.demoted;
  else if (last) r.with.demoted = last->with.demoted;
  std::erase_if(r.with.demoted, [&](const rule_demotion& d) { return d.version != what.version && (!what.canary || d.version != what.canary->version); });
  // So does what it showed before it was live.
  for (const auto& version : {what.version, what.canary ? what.canary->version : std::string()}) {
    if (auto shown = shown_of(version, *seen, last); shown.all.of > 0) r.with.shown[version] = std::move(shown);
  }
  if (last) {
    r.with.rearmed = last->with.rearmed;
    r.with.rearmed_rules = last->with.rearmed_rules;
  }
  if (what.rearm) rearm(r, what.rearm_rule);
  std::erase_if(r.with.rearmed_rules, [&](const rearming& d) { return d.version != what.version && (!what.canary || d.version != what.canary->version); });
  return r;
}

result<bool> publisher::impl::in_log(const activation_record& r) {
  const auto id = policy::to_string(r.activation);
  const auto entry = redis.command({"XREVRANGE", keys.log(), id, id, "COUNT", "1"});
  if (!entry) return std::unexpected(entry.error());
  return !entry->items.empty() && entry->items[0].items.size() == 2 && entry->items[0].items[1].field("record") == r.text;
}

// A script whose reply was lost was run or not: the log says so, also where somebody has gone on since.
result<bool> publisher::impl::was_written(const activation_record& r, const error& why) {
  const auto unknown = [&](const std::string& more) {
    return fail(errc::unavailable, "Redis did not say whether " + policy::to_string(r.activation) + " is live (" + why.message + more + "), so it may be: see sluice history before you try again");
  };
  if (auto again = reconnect(); !again) return unknown("; " + again.error().message);
  auto there = in_log(r);
  if (!there) return unknown("; " + there.error().message);
  // Elected after a failover, a server has it or never will; the same one may still be on the way to it.
  if (!*there && to.sentinels.empty()) return unknown("; it is not in the log yet");
  return there;
}

// Outside of the scripts, where it does not wait. A server that forbids WAIT is one whose replicas nobody can vouch for.
std::size_t publisher::impl::wait_for(std::size_t replicas) {
  if (replicas == 0) return 0;
  const auto have = redis.command({"WAIT", std::to_string(replicas), replicas_wait_ms});
  return have ? static_cast<std::size_t>(have->integer) : 0;
}

result<publisher::replicated> publisher::replicated_to() {
  const auto there = impl_->replicates();
  if (!there) return std::unexpected(there.error());
  const replicated out{.replicas = there->replicas, .have_it = impl_->wait_for(there->replicas)};
  if (impl_->still_master()) return out;
  return fail(errc::conflict, "the server is not the master any more: what was written to it is lost");
}

publisher::publisher(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
publisher::publisher(publisher&&) noexcept = default;
publisher::~publisher() = default;

result<publisher> publisher::connect(const redis_endpoint& to, std::string ring, milliseconds timeout) {
  auto redis = connect_in_time(to, timeout);
  if (!redis) return std::unexpected(redis.error());
  return publisher(std::make_unique<impl>(to, timeout, std::move(*redis), std::move(ring)));
}

result<std::string> publisher::stage(const policy::bundle_source& source, const provenance& how) {
  return impl_->through_failover([&] { return impl_->stage(source, how); });
}

result<std::string> publisher::impl::stage(const policy::bundle_source& source, const provenance& how) {
  auto version = policy::version_of(source);
  std::vector<std::string> words = {"EVAL", std::string(stage_script), std::to_string(source.files.size() + 2), keys.manifest(version), keys.versions()};
  std::vector<redis_command> reads, writes;
  for (const auto& f : source.files) {
    words.push_back(keys.blob(f.sha256));
    reads.push_back({"GET", words.back()});
  }
  // What nodes will read is what must be right, whoever wrote it first; only what is missing or wrong is sent.
  auto there = redis.pipeline(reads);
  if (!there) return std::unexpected(there.error());
  for (std::size_t i = 0; i < source.files.size(); ++i) {
    const auto& f = source.files[i];
    if ((*there)[i].kind == redis_reply::kind::error) return fail(errc::refused, "staging in Redis failed: " + (*there)[i].text);
    if (crypto::sha256_hex((*there)[i].text) != f.sha256 || (*there)[i].kind != redis_reply::kind::text) writes.push_back({"SET", keys.blob(f.sha256), f.bytes});
  }
  auto written = redis.pipeline(writes);
  if (!written) return std::unexpected(written.error());
  for (const auto& reply : *written) {
    if (reply.kind == redis_reply::kind::error) return fail(errc::refused, "staging in Redis failed: " + reply.text);
  }
  auto manifest = manifest_json(source, rfc3339(now().wall), how);
  if (build_key) manifest = sign_text(build_purpose, manifest, *build_key);
  constexpr int tries = 10;  // each time another publisher staged the same version meanwhile
  for (int i = 0; i < tries; ++i) {
    const auto there_now = redis.command({"HGET", keys.manifest(version), "manifest"});
    if (!there_now) return fail(there_now.error().code, "staging in Redis failed: " + there_now.error().message);
    const bool keep = is_live(there_now->text, version, how) || says_more(there_now->text, version, how);
    const auto& stays = keep ? there_now->text : manifest;
    const auto opened = read_signed(stays);
    auto call = words;
    call.insert(call.end(), {version, stays, milliseconds_now(), opened && !opened->signatures.empty() ? "signed" : "", there_now->text});
    auto staged = redis.command(call);
    if (!staged) return fail(staged.error().code, "staging in Redis failed: " + staged.error().message);
    if (staged->text != "CHANGED") return version;
  }
  return fail(errc::conflict, "other publishers kept staging the same version; try again");
}

head_record to_head(const activation_record& r) {
  head_record out{.record = digest_of(r), .activation = r.activation, .version = r.version, .kind = r.kind, .actor = r.actor, .note = r.note, .time = r.time, .previous = r.previous, .how = r.how, .canary = r.with.canary, .shadow = r.with.shadow, .demoted = r.with.demoted, .shown = r.with.shown, .back = r.back, .manifest = r.manifest_of(r.version)};
  out.origin_manifest = r.manifest_of(origin_of(out));
  const auto rule = std::ranges::find(r.with.rearmed_rules, r.activation, &rearming::at);
  out.rearmed = r.with.rearmed == r.activation || rule != r.with.rearmed_rules.end();
  if (rule != r.with.rearmed_rules.end()) out.rearmed_rule = rule->rule;
  for (const auto& s : r.signed_as.signatures) out.signed_by += (out.signed_by.empty() ? "" : ",") + s.key_id;
  return out;
}

void publisher::trust_only(std::vector<trusted_key> keys) { impl_->trusted = std::move(keys); }

void publisher::sign_with(std::optional<crypto::signing_key> build, std::optional<crypto::signing_key> activate) {
  impl_->build_key = std::move(build);
  impl_->activate_key = std::move(activate);
}

std::string publisher::signs_as() const { return impl_->activate_key ? crypto::key_id(impl_->activate_key->public_key()) : std::string(); }

namespace {

// What makes another version live goes on with nothing but numbers; all else is about what is live already.
bool goes_on(const std::string& kind) { return kind != "activate" && kind != "rollback"; }

error explained(const error& why) {
  const auto& said = why.message;
  if (said.starts_with("FROZEN")) return {errc::refused, "the ring is frozen (" + said.substr(7) + "); only what takes harm away passes: a rollback to a version that was made live before the one that is, an abort, a demotion; sluice freeze --lift ends it"};
  if (said.starts_with("REVOKED version ")) return {errc::refused, "version " + said.substr(16, 12) + " is revoked and may not be activated, so nothing was changed; to take the revocation back: sluice unrevoke " + said.substr(16, 12)};
  if (said.starts_with("NOTSTAGED")) return {errc::not_found, "the version is not in Redis; push it again"};
  if (said.starts_with("NOREPLICAS")) return {errc::refused, "Redis has too few replicas to keep it (min-replicas-to-write), so it was not activated: " + said};
  if (said.starts_with("OOM")) return {errc::refused, "Redis has no memory left (maxmemory), so nothing was changed; what is live stays: " + said};
  return why;
}

}  // namespace

result<head_record> publisher::activate(const activate_request& what) {
  auto& x = *impl_;
  std::vector<std::string> revoked_again;
  for (int i = 0;; ++i) {
    activate_context seen;
    auto r = x.through_failover([&] { return x.next(what, seen); });
    if (!r) return std::unexpected(r.error());
    if (what.only_after && *what.only_after != seen.head) return fail(errc::conflict, "another publisher activated " + policy::to_string(seen.head) + " meanwhile; look again: sluice status");
    if (what.instead_of && *what.instead_of != seen.head) return fail(errc::conflict, "another publisher activated " + policy::to_string(seen.head) + " meanwhile");
    if (!seen.doubt.empty() && goes_on(what.kind)) return std::unexpected(cannot_go_on(x.ring, seen.doubt));
    r->text = r->signed_as.payload = to_json(*r);
    if (x.activate_key) r->text = sign_text(activation_purpose, r->text, *x.activate_key);
    // A head that nobody takes would stop the ring: a key may have expired since it was read.
    if (const auto why = x.own_doubt(*r); !why.empty()) return fail(errc::refused, why + ", so nodes would refuse it; nothing was changed. Sign with a key that counts: --key");
    // What takes harm away waits for nobody's word of what was revoked: heartbeats are signed by nobody.
    if (auto again = seen.lost && (brings_version_in(what.kind) || what.kind == "rearm") ? x.revoke_again(what.actor, revoked_again) : result<void>(); !again) return std::unexpected(again.error());
    auto done = x.write(*r, what, seen);
    if (!done && x.failed_over(done.error())) {
      const auto written = x.was_written(*r, done.error());
      if (!written) return std::unexpected(written.error());
      if (*written) done.emplace();
      else if (i + 1 < activate_tries) continue;
    }
    if (done) {
      auto head = to_head(*r);
      head.from_nothing = seen.from_nothing;
      head.lost = seen.lost;
      head.revoked_again = std::move(revoked_again);
      head.replicas = seen.replicas;
      head.passed_over = seen.doubt;
      head.signed_by = signs_as();
      head.replicas_have_it = x.wait_for(seen.replicas);
      if (x.still_master() || i + 1 >= activate_tries) return head;
      if (auto again = x.reconnect(); !again) return std::unexpected(again.error());
      if (x.in_log(*r).value_or(false)) return head;
      continue;
    }
    // Another publisher was first: look again and follow it.
    const bool lost_race = done.error().message.starts_with("CONFLICT") || done.error().message.find("equal or smaller") != std::string::npos;
    if (lost_race && i + 1 < activate_tries) continue;
    if (lost_race) return fail(errc::conflict, "other publishers kept activating at the same time; try again");
    auto why = explained(done.error());
    if (std::ranges::find(revoked_again, what.version) != revoked_again.end()) why.message += ". It was revoked before Redis lost it, as nodes remember";
    return std::unexpected(std::move(why));
  }
}

}  // namespace sluice::store
