// See publisher.hpp. Both scripts check everything before their first write: Redis runs a script alone, but takes nothing back.
#include "sluice/store/publisher.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ring_layout.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {
using nlohmann::json;
namespace {

constexpr int activate_tries = 25;  // each lost race means that another publisher got through

// KEYS: manifest, versions, then every blob. ARGV: version, manifest, time in ms, "signed" when the manifest carries a signature: it then
// takes the place of one that may carry none.
constexpr std::string_view stage_script = R"lua(
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    return redis.error_reply('NOBLOB a file of this version is missing: ' .. KEYS[i])
  end
end
if redis.call('HGET', KEYS[1], 'digest') == ARGV[1] and redis.call('ZSCORE', KEYS[2], ARGV[1]) and ARGV[4] == '' then
  return 'UNCHANGED'
end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'manifest', ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[1])
return 'STAGED'
)lua";

// KEYS: head, log, manifest, versions, revoked, freeze. ARGV: expected epoch, expected generation, new epoch, new generation,
// version, record, channel, kind, canary version or nothing, version in shadow or nothing.
constexpr std::string_view activate_script = R"lua(
local passes_freeze = { rollback = true, abort = true, demote = true }
if redis.call('EXISTS', KEYS[6]) == 1 and not passes_freeze[ARGV[8]] then
  return redis.error_reply('FROZEN ' .. (redis.call('GET', KEYS[6]) or ''))
end
local head = redis.call('HMGET', KEYS[1], 'epoch', 'gen')
local epoch, gen = tonumber(head[1] or '0'), tonumber(head[2] or '0')
if epoch ~= tonumber(ARGV[1]) or gen ~= tonumber(ARGV[2]) then
  return redis.error_reply('CONFLICT the head is ' .. epoch .. '-' .. gen)
end
local new_epoch, new_gen = tonumber(ARGV[3]), tonumber(ARGV[4])
if new_epoch < epoch or (new_epoch == epoch and new_gen ~= gen + 1) then
  return redis.error_reply('ORDER ' .. ARGV[3] .. '-' .. ARGV[4] .. ' does not follow ' .. epoch .. '-' .. gen)
end
if redis.call('HGET', KEYS[3], 'digest') ~= ARGV[5] or not redis.call('ZSCORE', KEYS[4], ARGV[5]) then
  return redis.error_reply('NOTSTAGED version ' .. ARGV[5])
end
if redis.call('SISMEMBER', KEYS[5], ARGV[5]) == 1 then
  return redis.error_reply('REVOKED version ' .. ARGV[5])
end
if ARGV[9] ~= '' then
  if not redis.call('ZSCORE', KEYS[4], ARGV[9]) then return redis.error_reply('NOTSTAGED version ' .. ARGV[9]) end
  if redis.call('SISMEMBER', KEYS[5], ARGV[9]) == 1 then return redis.error_reply('REVOKED version ' .. ARGV[9]) end
end
if ARGV[10] ~= '' and not redis.call('ZSCORE', KEYS[4], ARGV[10]) then return redis.error_reply('NOTSTAGED version ' .. ARGV[10]) end
local id = ARGV[3] .. '-' .. ARGV[4]
redis.call('XADD', KEYS[2], id, 'kind', ARGV[8], 'version', ARGV[5], 'record', ARGV[6])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'gen', ARGV[4], 'version', ARGV[5], 'record', ARGV[6], 'canary', ARGV[9])
redis.call('PUBLISH', ARGV[7], id)
return id
)lua";

// KEYS: head, versions, revoked. ARGV: version.
constexpr std::string_view revoke_script = R"lua(
if redis.call('HGET', KEYS[1], 'version') == ARGV[1] or redis.call('HGET', KEYS[1], 'canary') == ARGV[1] then return redis.error_reply('LIVE the version is the head') end
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return redis.error_reply('NOTSTAGED version ' .. ARGV[1]) end
return redis.call('SADD', KEYS[3], ARGV[1])
)lua";

// KEYS: controller. ARGV: who, for how many ms.
constexpr std::string_view lead_script = R"lua(
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
)lua";

constexpr const char* replicas_wait_ms = "1000";

std::string milliseconds_now() {
  return std::to_string(std::chrono::duration_cast<milliseconds>(now().wall.time_since_epoch()).count());
}

milliseconds age_of(std::int64_t ms) {
  const auto t = std::chrono::duration_cast<milliseconds>(now().wall.time_since_epoch()).count();
  return milliseconds(std::max<std::int64_t>(0, t - ms));
}

std::string text(const json& j, const char* name) {
  const auto it = j.find(name);
  return it != j.end() && it->is_string() ? it->get<std::string>() : std::string();
}

head_record to_head(const activation_record& r) {
  head_record out{.activation = r.activation, .version = r.version, .kind = r.kind, .actor = r.actor, .note = r.note, .time = r.time, .canary = r.with.canary, .shadow = r.with.shadow, .demoted = r.with.demoted};
  for (const auto& s : r.signed_as.signatures) out.signed_by += (out.signed_by.empty() ? "" : ",") + s.key_id;
  return out;
}

std::vector<rule_demotion> demotions_from(const std::string& heartbeat) {
  std::vector<rule_demotion> out;
  const auto j = json::parse(heartbeat, nullptr, false);
  if (!j.is_array()) return out;
  for (const auto& each : j) {
    if (each.is_object()) out.push_back({text(each, "version"), text(each, "rule"), text(each, "why")});
  }
  return out;
}

}  // namespace

struct publisher::impl {
  redis_client redis;
  std::string ring;
  ring_keys keys;
  std::optional<crypto::signing_key> build_key, activate_key;
  impl(redis_client r, const std::string& name) : redis(std::move(r)), ring(name), keys(name) {}

  struct replication {
    std::string id;
    std::size_t replicas = 0;
  };
  result<replication> replicates() {
    auto info = redis.command({"INFO", "replication"});
    if (!info) return std::unexpected(info.error());
    replication out;
    if (const auto at = info->text.find("master_replid:"); at != std::string::npos) out.id = info->text.substr(at + 14, 40);
    if (const auto at = info->text.find("connected_slaves:"); at != std::string::npos) out.replicas = std::strtoull(info->text.c_str() + at + 17, nullptr, 10);
    return out;
  }

  // Each living node's highest and active activation, and its version.
  result<std::vector<redis_reply>> reports() {
    auto ids = redis.command({"ZRANGE", keys.nodes(), "0", "-1"});
    if (!ids) return std::unexpected(ids.error());
    std::vector<redis_command> asks;
    for (const auto& id : ids->items) asks.push_back({"HMGET", keys.node(id.text), "highest", "activation", "version"});
    auto seen = redis.pipeline(asks);
    if (seen) std::erase_if(*seen, [](const auto& one) { return one.items.size() != 3; });
    return seen;
  }

  // What follows the highest activation that anybody has seen.
  result<activation_record> next(const activate_request& what, policy::activation& expected, bool& from_nothing, std::size_t& replicas) {
    auto head = redis.command({"HMGET", keys.head(), "epoch", "gen"});
    if (!head) return std::unexpected(head.error());
    expected = parse_activation(head->items[0].text + "-" + head->items[1].text).value_or(policy::activation{});
    auto last = read_head(redis, keys);
    if (!last) return std::unexpected(last.error());
    auto highest = std::max(expected, *last ? (*last)->activation : policy::activation{});
    auto seen = reports();
    if (!seen) return std::unexpected(seen.error());
    for (const auto& one : *seen) highest = std::max(highest, parse_activation(one.items[0].text).value_or(policy::activation{}));
    from_nothing = highest == policy::activation{};
    auto server = replicates();
    if (!server) return std::unexpected(server.error());
    replicas = server->replicas;
    activation_record r{.activation = {}, .with = {.canary = what.canary, .shadow = what.shadow}, .ring = ring, .version = what.version, .kind = what.kind, .actor = what.actor, .note = what.note,
                        .time = rfc3339(now().wall), .previous = *last ? (*last)->version : "", .replid = server->id};
    // Another server, or one that lost its tail: two contents could get one number, so the epoch is raised.
    const bool other_server = *last && !(*last)->replid.empty() && (*last)->replid != server->id;
    const bool behind = highest > expected;
    r.activation = {highest.epoch + (other_server || behind || what.instead_of ? 1 : 0), highest.generation + 1};
    if (r.activation.epoch == 0) r.activation.epoch = 1;
    // A demotion belongs to its version, and stays with it until it is armed again.
    if (what.demoted) r.with.demoted = *what.demoted;
    else if (*last) r.with.demoted = (*last)->with.demoted;
    std::erase_if(r.with.demoted, [&](const rule_demotion& d) { return d.version != what.version && (!what.canary || d.version != what.canary->version); });
    r.with.rearmed = what.rearm ? r.activation : *last ? (*last)->with.rearmed : policy::activation{};
    return r;
  }
};

publisher::publisher(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
publisher::publisher(publisher&&) noexcept = default;
publisher::~publisher() = default;

result<publisher> publisher::connect(const redis_endpoint& to, std::string ring, milliseconds timeout) {
  auto redis = redis_client::connect(to, timeout);
  if (!redis) return std::unexpected(redis.error());
  return publisher(std::make_unique<impl>(std::move(*redis), std::move(ring)));
}

result<std::string> publisher::stage(const policy::bundle_source& source) {
  auto& x = *impl_;
  auto version = policy::version_of(source);
  std::vector<std::string> words = {"EVAL", std::string(stage_script), std::to_string(source.files.size() + 2), x.keys.manifest(version), x.keys.versions()};
  std::vector<redis_command> reads, writes;
  for (const auto& f : source.files) {
    words.push_back(x.keys.blob(f.sha256));
    reads.push_back({"GET", words.back()});
  }
  // What nodes will read is what must be right, whoever wrote it first; only what is missing or wrong is sent.
  auto there = x.redis.pipeline(reads);
  if (!there) return std::unexpected(there.error());
  for (std::size_t i = 0; i < source.files.size(); ++i) {
    const auto& f = source.files[i];
    if ((*there)[i].kind == redis_reply::kind::error) return fail(errc::refused, "staging in Redis failed: " + (*there)[i].text);
    if (crypto::sha256_hex((*there)[i].text) != f.sha256 || (*there)[i].kind != redis_reply::kind::text) writes.push_back({"SET", x.keys.blob(f.sha256), f.bytes});
  }
  auto written = x.redis.pipeline(writes);
  if (!written) return std::unexpected(written.error());
  for (const auto& reply : *written) {
    if (reply.kind == redis_reply::kind::error) return fail(errc::refused, "staging in Redis failed: " + reply.text);
  }
  auto manifest = manifest_json(source, rfc3339(now().wall));
  if (x.build_key) manifest = sign_text(build_purpose, manifest, *x.build_key);
  words.insert(words.end(), {version, std::move(manifest), milliseconds_now(), x.build_key ? "signed" : ""});
  auto staged = x.redis.command(words);
  if (!staged) return fail(staged.error().code, "staging in Redis failed: " + staged.error().message);
  return version;
}

void publisher::sign_with(std::optional<crypto::signing_key> build, std::optional<crypto::signing_key> activate) {
  impl_->build_key = std::move(build);
  impl_->activate_key = std::move(activate);
}

result<head_record> publisher::activate(const activate_request& what) {
  auto& x = *impl_;
  for (int i = 0;; ++i) {
    policy::activation expected;
    bool from_nothing = false;
    std::size_t replicas = 0;
    auto r = x.next(what, expected, from_nothing, replicas);
    if (!r) return std::unexpected(r.error());
    if (what.only_after && *what.only_after != expected) return fail(errc::conflict, "another publisher activated " + policy::to_string(expected) + " meanwhile; look again: sluice status");
    if (what.instead_of && *what.instead_of != expected) return fail(errc::conflict, "another publisher activated " + policy::to_string(expected) + " meanwhile");
    r->text = to_json(*r);
    if (x.activate_key) r->text = sign_text(activation_purpose, r->text, *x.activate_key);
    auto done = x.redis.command({"EVAL", std::string(activate_script), "6", x.keys.head(), x.keys.log(), x.keys.manifest(what.version),
                                 x.keys.versions(), x.keys.revoked(), x.keys.freeze(), std::to_string(expected.epoch),
                                 std::to_string(expected.generation), std::to_string(r->activation.epoch),
                                 std::to_string(r->activation.generation), what.version, r->text, x.keys.notify(), what.kind, what.canary ? what.canary->version : "", what.shadow});
    if (done) {
      auto head = to_head(*r);
      head.from_nothing = from_nothing;
      head.replicas = replicas;
      if (x.activate_key) head.signed_by = crypto::key_id(x.activate_key->public_key());
      // Outside of the script, where it does not wait. A server that forbids WAIT is one whose replicas nobody can vouch for.
      if (replicas > 0) {
        const auto have = x.redis.command({"WAIT", std::to_string(replicas), replicas_wait_ms});
        head.replicas_have_it = have ? static_cast<std::size_t>(have->integer) : 0;
      }
      return head;
    }
    const auto& why = done.error().message;
    // Another publisher was first: look again and follow it.
    const bool lost_race = why.starts_with("CONFLICT") || why.find("equal or smaller") != std::string::npos;
    if (lost_race && i + 1 < activate_tries) continue;
    if (why.starts_with("FROZEN")) return fail(errc::refused, "the ring is frozen (" + why.substr(7) + "); only a rollback passes");
    if (why.starts_with("REVOKED")) return fail(errc::refused, "the version is revoked and may not be activated");
    if (why.starts_with("NOTSTAGED")) return fail(errc::not_found, "the version is not in Redis; push it again");
    if (lost_race) return fail(errc::conflict, "other publishers kept activating at the same time; try again");
    return std::unexpected(done.error());
  }
}

result<head_record> publisher::head() {
  auto last = read_head(impl_->redis, impl_->keys);
  if (!last) return std::unexpected(last.error());
  if (!*last) return fail(errc::not_found, "nothing was ever activated in ring " + impl_->ring + "; push a bundle first");
  return to_head(**last);
}

result<std::vector<head_record>> publisher::history(std::size_t limit) {
  auto entries = impl_->redis.command({"XREVRANGE", impl_->keys.log(), "+", "-", "COUNT", std::to_string(limit == 0 ? 1'000'000 : limit)});
  if (!entries) return std::unexpected(entries.error());
  std::vector<head_record> out;
  for (const auto& e : entries->items) {
    if (e.items.size() != 2) continue;
    auto record = parse_record(e.items[1].field("record"));
    if (!record) return std::unexpected(record.error());
    out.push_back(to_head(*record));
  }
  return out;
}

result<std::vector<node_status>> publisher::nodes() {
  auto ids = impl_->redis.command({"ZRANGE", impl_->keys.nodes(), "0", "-1", "WITHSCORES"});
  if (!ids) return std::unexpected(ids.error());
  std::vector<redis_command> asks;
  for (std::size_t i = 0; i + 1 < ids->items.size(); i += 2) asks.push_back({"HGETALL", impl_->keys.node(ids->items[i].text)});
  auto fields = impl_->redis.pipeline(asks);
  if (!fields) return std::unexpected(fields.error());
  std::vector<node_status> out;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    const auto& f = (*fields)[i];
    node_status n;
    n.id = ids->items[2 * i].text;
    n.heartbeat_age = age_of(std::strtoll(ids->items[2 * i + 1].text.c_str(), nullptr, 10));
    n.activation = f.field("activation");
    n.version = f.field("version");
    n.state = f.field("state");
    n.build = f.field("build");
    n.shadow = f.field("shadow");
    n.arms = f.field("arms");
    n.demoted = demotions_from(f.field("demoted"));
    n.alive = !n.activation.empty();  // its hash expires when heartbeats stop: Redis' clock decides, not ours
    out.push_back(std::move(n));
  }
  return out;
}

result<policy::activation> publisher::ahead_of(const head_record& head) {
  auto seen = impl_->reports();
  if (!seen) return std::unexpected(seen.error());
  policy::activation out;
  for (const auto& one : *seen) {
    const auto highest = parse_activation(one.items[0].text).value_or(policy::activation{});
    const bool fork = parse_activation(one.items[1].text) == head.activation && one.items[2].text != head.version;
    if (highest > head.activation || fork) out = std::max(out, highest);
  }
  if (out == policy::activation{}) return out;
  // Read after the reports: what nodes have taken from this Redis is at most its head.
  auto last = read_head(impl_->redis, impl_->keys);
  if (!last) return std::unexpected(last.error());
  return *last && (*last)->activation == head.activation ? out : policy::activation{};
}

result<std::vector<acknowledgement>> publisher::acknowledgements(policy::activation of) {
  auto all = impl_->redis.command({"HGETALL", impl_->keys.ack(of)});
  if (!all) return std::unexpected(all.error());
  std::vector<acknowledgement> out;
  for (std::size_t i = 0; i + 1 < all->items.size(); i += 2) {
    const auto j = json::parse(all->items[i + 1].text, nullptr, false);
    if (!j.is_object()) continue;
    acknowledgement a{all->items[i].text, text(j, "state"), text(j, "phase"), text(j, "message"), text(j, "rule"), text(j, "version")};
    a.compile = milliseconds(j.value("compile_ms", 0));
    a.age = age_of(j.value("ts", std::int64_t{0}));
    out.push_back(std::move(a));
  }
  return out;
}

// A lease for the sake of quiet: what it decides is fenced by the activation that it saw, so that two of them do no harm.
result<bool> publisher::lead(const std::string& who, milliseconds how_long) {
  const auto done = impl_->redis.command({"EVAL", std::string(lead_script), "1", impl_->keys.controller(), who, std::to_string(how_long.count())});
  if (!done) return std::unexpected(done.error());
  return done->integer == 1;
}

result<void> publisher::freeze(const std::string& why) {
  const auto done = impl_->redis.command({"SET", impl_->keys.freeze(), why});
  return done ? result<void>() : std::unexpected(done.error());
}

result<void> publisher::thaw() {
  const auto gone = impl_->redis.command({"DEL", impl_->keys.freeze()});
  if (!gone) return std::unexpected(gone.error());
  return gone->integer == 1 ? result<void>() : fail(errc::not_found, "ring " + impl_->ring + " is not frozen");
}

result<std::optional<std::string>> publisher::frozen() {
  const auto why = impl_->redis.command({"GET", impl_->keys.freeze()});
  if (!why) return std::unexpected(why.error());
  return why->kind == redis_reply::kind::text ? std::optional(why->text) : std::nullopt;
}

result<void> publisher::revoke(const std::string& version) {
  const auto done = impl_->redis.command({"EVAL", std::string(revoke_script), "3", impl_->keys.head(), impl_->keys.versions(), impl_->keys.revoked(), version});
  if (done) return {};
  const auto& why = done.error().message;
  if (why.starts_with("LIVE")) return fail(errc::conflict, "version " + version.substr(0, 12) + " is live; leave it first: sluice rollback --revoke, or sluice abort where it is a canary");
  if (why.starts_with("NOTSTAGED")) return fail(errc::not_found, "version " + version.substr(0, 12) + " is not in this ring; see: sluice history");
  return std::unexpected(done.error());
}

result<void> publisher::unrevoke(const std::string& version) {
  const auto gone = impl_->redis.command({"SREM", impl_->keys.revoked(), version});
  if (!gone) return std::unexpected(gone.error());
  return gone->integer == 1 ? result<void>() : fail(errc::not_found, "version " + version.substr(0, 12) + " is not revoked");
}

result<std::vector<std::string>> publisher::revoked() {
  const auto members = impl_->redis.command({"SMEMBERS", impl_->keys.revoked()});
  if (!members) return std::unexpected(members.error());
  std::vector<std::string> out;
  for (const auto& m : members->items) out.push_back(m.text);
  return out;
}

result<std::vector<std::string>> publisher::staged() {
  const auto members = impl_->redis.command({"ZREVRANGE", impl_->keys.versions(), "0", "-1"});
  if (!members) return std::unexpected(members.error());
  std::vector<std::string> out;
  for (const auto& m : members->items) out.push_back(m.text);
  return out;
}

result<policy::bundle_source> publisher::fetch(const std::string& version) {
  const auto manifest = fetch_manifest(impl_->redis, impl_->keys, version, {}, now().wall);
  if (!manifest) return std::unexpected(manifest.error());
  return fetch_files(impl_->redis, impl_->keys, *manifest, {});
}

}  // namespace sluice::store
