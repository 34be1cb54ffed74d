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

// KEYS: manifest, versions, then every blob. ARGV: version, manifest, time in ms.
constexpr std::string_view stage_script = R"lua(
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    return redis.error_reply('NOBLOB a file of this version is missing: ' .. KEYS[i])
  end
end
if redis.call('HGET', KEYS[1], 'digest') == ARGV[1] and redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  return 'UNCHANGED'
end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'manifest', ARGV[2])
redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[1])
return 'STAGED'
)lua";

// KEYS: head, log, manifest, versions, revoked, freeze. ARGV: expected epoch, expected generation, new epoch, new generation,
// version, record, channel, kind.
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
local id = ARGV[3] .. '-' .. ARGV[4]
redis.call('XADD', KEYS[2], id, 'kind', ARGV[8], 'version', ARGV[5], 'record', ARGV[6])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'gen', ARGV[4], 'version', ARGV[5], 'record', ARGV[6])
redis.call('PUBLISH', ARGV[7], id)
return id
)lua";

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

}  // namespace

struct publisher::impl {
  redis_client redis;
  std::string ring;
  ring_keys keys;
  impl(redis_client r, const std::string& name) : redis(std::move(r)), ring(name), keys(name) {}

  result<std::string> replication_id() {
    auto info = redis.command({"INFO", "replication"});
    if (!info) return std::unexpected(info.error());
    const auto at = info->text.find("master_replid:");
    if (at == std::string::npos) return std::string();
    return info->text.substr(at + 14, 40);
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
  result<activation_record> next(const activate_request& what, policy::activation& expected, bool& from_nothing) {
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
    auto replid = replication_id();
    if (!replid) return std::unexpected(replid.error());
    activation_record r{.activation = {}, .ring = ring, .version = what.version, .kind = what.kind, .actor = what.actor, .note = what.note,
                        .time = rfc3339(now().wall), .previous = *last ? (*last)->version : "", .replid = *replid};
    // Another server, or one that lost its tail: two contents could get one number, so the epoch is raised.
    const bool other_server = *last && !(*last)->replid.empty() && (*last)->replid != *replid;
    const bool behind = highest > expected;
    r.activation = {highest.epoch + (other_server || behind || what.instead_of ? 1 : 0), highest.generation + 1};
    if (r.activation.epoch == 0) r.activation.epoch = 1;
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
  words.insert(words.end(), {version, manifest_json(source, rfc3339(now().wall)), milliseconds_now()});
  auto staged = x.redis.command(words);
  if (!staged) return fail(staged.error().code, "staging in Redis failed: " + staged.error().message);
  return version;
}

result<head_record> publisher::activate(const activate_request& what) {
  auto& x = *impl_;
  for (int i = 0;; ++i) {
    policy::activation expected;
    bool from_nothing = false;
    auto r = x.next(what, expected, from_nothing);
    if (!r) return std::unexpected(r.error());
    if (what.instead_of && *what.instead_of != expected) return fail(errc::conflict, "another publisher activated " + policy::to_string(expected) + " meanwhile");
    auto done = x.redis.command({"EVAL", std::string(activate_script), "6", x.keys.head(), x.keys.log(), x.keys.manifest(what.version),
                                 x.keys.versions(), x.keys.revoked(), x.keys.freeze(), std::to_string(expected.epoch),
                                 std::to_string(expected.generation), std::to_string(r->activation.epoch),
                                 std::to_string(r->activation.generation), what.version, to_json(*r), x.keys.notify(), what.kind});
    if (done) return head_record{r->activation, r->version, r->kind, r->actor, r->note, r->time, from_nothing};
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

namespace {

head_record to_head(const activation_record& r) { return {r.activation, r.version, r.kind, r.actor, r.note, r.time}; }

}  // namespace

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

result<policy::bundle_source> publisher::fetch(const std::string& version) { return fetch_version(impl_->redis, impl_->keys, version, {}); }

}  // namespace sluice::store
