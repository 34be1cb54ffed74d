// What a publisher forbids a ring, and the journal of it. See publisher.hpp.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "publisher_impl.hpp"
#include "ring_scripts.hpp"
#include "state_store.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::store {
using nlohmann::json;
namespace {

std::string to_json(const ring_stop& stop) {
  return json{{"kind", stop.kind}, {"version", stop.version}, {"actor", stop.actor}, {"note", stop.note}, {"time", stop.time}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string entry_of(std::string kind, std::string version, std::string actor, std::string note = {}) {
  return to_json({.kind = std::move(kind), .version = std::move(version), .actor = std::move(actor), .note = std::move(note), .time = rfc3339(now().wall)});
}

}  // namespace

result<std::string> publisher::freeze(const std::string& note, const std::string& actor) {
  const auto& x = *impl_;
  const auto shown = actor.empty() ? note : note + " (" + actor + ")";
  const auto done = impl_->redis.command({"EVAL", std::string(freeze_script), "2", x.keys.freeze(), x.keys.stops(), shown, entry_of("freeze", "", actor, note)});
  return done ? result<std::string>(done->text) : std::unexpected(done.error());
}

result<void> publisher::thaw(const std::string& actor, const std::string& note) {
  const auto& x = *impl_;
  const auto gone = impl_->redis.command({"EVAL", std::string(thaw_script), "2", x.keys.freeze(), x.keys.stops(), entry_of("thaw", "", actor, note)});
  if (!gone) return std::unexpected(gone.error());
  return gone->integer == 1 ? result<void>() : fail(errc::not_found, "ring " + x.ring + " is not frozen");
}

result<std::optional<std::string>> publisher::frozen() {
  const auto why = impl_->redis.command({"GET", impl_->keys.freeze()});
  if (!why) return std::unexpected(why.error());
  return why->kind == redis_reply::kind::text ? std::optional(why->text) : std::nullopt;
}

result<void> publisher::revoke(const std::string& version, const std::string& actor, const std::string& note) {
  const auto& keys = impl_->keys;
  const auto done =
      impl_->redis.command({"EVAL", std::string(revoke_script), "4", keys.head(), keys.versions(), keys.revoked(), keys.stops(), version, entry_of("revoke", version, actor, note), keys.notify(), std::string(stops_notice)});
  if (done) return {};
  const auto& why = done.error().message;
  if (why.starts_with("LIVE")) return fail(errc::conflict, "version " + version.substr(0, 12) + " is live; leave it first: sluice rollback --revoke, or sluice abort where it is a canary or in shadow");
  if (why.starts_with("NOTSTAGED")) return fail(errc::not_found, "version " + version.substr(0, 12) + " is not in this ring; see: sluice history");
  return std::unexpected(done.error());
}

result<void> publisher::unrevoke(const std::string& version, const std::string& actor, const std::string& note) {
  const auto& keys = impl_->keys;
  const auto gone = impl_->redis.command({"EVAL", std::string(unrevoke_script), "2", keys.revoked(), keys.stops(), version, entry_of("unrevoke", version, actor, note), keys.notify(), std::string(stops_notice)});
  if (!gone) return std::unexpected(gone.error());
  return gone->integer == 1 ? result<void>() : fail(errc::not_found, "version " + version.substr(0, 12) + " is not revoked");
}

result<std::vector<std::string>> publisher::revoked_before_loss() {
  const auto before = impl_->revoked_before();
  if (!before) return std::unexpected(before.error());
  std::vector<std::string> out;
  for (const auto& each : *before) out.push_back(each.version);
  return out;
}

result<std::vector<std::string>> publisher::revoked() { return read_revoked(impl_->redis, impl_->keys); }

result<std::vector<ring_stop>> publisher::stops(std::size_t limit) { return impl_->stops_of(limit); }

result<std::vector<ring_stop>> publisher::impl::stops_of(std::size_t limit) {
  std::vector<ring_stop> out;
  const auto done = newest(keys.stops(), limit, [&](const std::string&, const redis_reply& fields) {
    const auto j = parse_bounded<json>(fields.field("stop"));
    if (!j.is_object()) return;
    out.push_back({.kind = word(j, "kind"), .version = word(j, "version"), .actor = word(j, "actor"), .note = word(j, "note"), .time = word(j, "time")});
  });
  if (!done) return std::unexpected(done.error());
  return out;
}

result<std::vector<publisher::impl::remembered>> publisher::impl::revoked_before() {
  constexpr std::size_t most = state_store::revoked_kept, who_bytes_max = 200;
  const auto seen = reports();
  if (!seen) return std::unexpected(seen.error());
  std::map<std::string, remembered> known;
  for (const auto& one : *seen) {
    const auto lost = parse_bounded<json>(one.fields.items[5].text);
    if (!lost.is_array() || lost.size() > most) continue;
    for (const auto& version : lost) {
      if (!version.is_string() || !policy::is_version(version.get_ref<const std::string&>())) continue;
      auto& of = known[version.get<std::string>()];
      ++of.nodes;
      if (of.who.size() < who_bytes_max) of.who += (of.who.empty() ? "" : ", ") + clipped(one.node, who_bytes_max);
    }
  }
  std::vector<remembered> out;
  if (known.empty()) return out;
  const auto since = stops_of(0);
  if (!since) return std::unexpected(since.error());
  for (auto& [version, of] : known) {
    const auto last = std::ranges::find(*since, version, &ring_stop::version);
    if (last != since->end() && last->kind == "unrevoke") continue;
    of.version = version;
    out.push_back(std::move(of));
  }
  std::ranges::sort(out, [](const remembered& a, const remembered& b) { return std::tie(b.nodes, a.version) < std::tie(a.nodes, b.version); });
  if (out.size() > most) out.resize(most);
  return out;
}

result<void> publisher::impl::revoke_again(const std::string& actor, std::vector<std::string>& done) {
  const auto before = revoked_before();
  if (!before) return std::unexpected(before.error());
  std::vector<redis_command> words;
  for (const auto& each : *before) {
    words.push_back({"EVAL", std::string(revoke_again_script), "2", keys.revoked(), keys.stops(), each.version, entry_of("revoke", each.version, actor, "it was revoked before Redis lost it, as nodes remember: " + each.who), keys.notify(), std::string(stops_notice)});
  }
  const auto replies = redis.pipeline(words);
  if (!replies) return std::unexpected(replies.error());
  for (std::size_t i = 0; i < replies->size(); ++i) {
    const auto& version = (*before)[i].version;
    if ((*replies)[i].kind == redis_reply::kind::error) return fail(errc::refused, "version " + version.substr(0, 12) + " was revoked before Redis lost it, as nodes remember, and revoking it again failed, so nothing was activated: " + (*replies)[i].text);
    if ((*replies)[i].integer == 1) done.push_back(version);
  }
  return {};
}

}  // namespace sluice::store
