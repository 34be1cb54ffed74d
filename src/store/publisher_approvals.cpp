// Second keys: which versions need one, who gave it, and giving it. See publisher.hpp.
#include <algorithm>
#include <map>
#include <utility>

#include "approval.hpp"
#include "publisher_impl.hpp"
#include "ring_scripts.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {

bool publisher::owes_approval(const std::string& version) {
  const auto by = impl_->whom();
  if (!by) return false;
  const auto top = read_top(impl_->redis, impl_->keys);
  const auto manifest = fetch_manifest(impl_->redis, impl_->keys, version, *by, now().wall, {}, top && top->record ? top->record->manifest_of(version) : std::string());
  const auto as = top && top->record ? impl_->live_in(*top->record, version) : std::nullopt;
  return !manifest || store::owes_approval(*manifest, *by, now().wall, as);
}

// As an activation would place it now: after what is live and vouched for, or, of that itself, after what it followed.
result<placing> publisher::impl::place_now(const std::string& version) {
  const auto is = look_at_top();
  if (!is) return std::unexpected(is.error());
  return is->vouched() != nullptr ? placing_in(*is->vouched(), version) : placing{.ring = ring, .over = {}};
}

bool publisher::approved(const std::string& version) {
  const auto by = impl_->whom();
  const auto manifest = by ? fetch_manifest(impl_->redis, impl_->keys, version, *by, now().wall, {}, impl_->pinned_live(version)) : fail(errc::not_found, "");
  const auto as = impl_->place_now(version);
  return manifest && as && check_approval_as(*manifest, *by, now().wall, "it", *as);
}

bool publisher::awaits_approval(const std::string& version) {
  const auto pinned = impl_->pinned(version);
  if (pinned.empty()) return false;
  const auto is = fetch_manifest(impl_->redis, impl_->keys, version, {}, now().wall, {}, pinned);
  const auto newest = fetch_manifest(impl_->redis, impl_->keys, version, {}, now().wall);
  const auto top = read_top(impl_->redis, impl_->keys);
  const auto as = top && top->record ? impl_->live_in(*top->record, version) : std::nullopt;
  return is && newest && impl_->outranks(*newest, *is) && impl_->loses_second_key(*is, *newest, as);
}

// Signed is what was asked about, and nothing is written over what Redis has by then.
result<provenance> publisher::impl::approve_field(const std::string& version, const std::string& field, const approval_place& place, const crypto::signing_key& key) {
  const auto manifest_key = keys.manifest(version);
  auto text = redis.command({"HGET", manifest_key, field});
  if (text && text->kind != redis_reply::kind::text) text = redis.command({"HGET", manifest_key, "manifest"});
  if (!text) return std::unexpected(text.error());
  const auto approved = approve_manifest(text->text, version, "Redis", place, publisher_trust(trusted, {}, {}), key);
  if (!approved) return std::unexpected(approved.error());
  const auto done = redis.command({"EVAL", std::string(approve_script), "1", manifest_key, text->text, approved->text, crypto::sha256_hex(approved->of.signed_as.payload)});
  return done ? result<provenance>(approved->of.how) : std::unexpected(done.error());
}

// What runs beside what is live is promoted with the manifest that it runs by, and activated with the newest: both are signed.
result<publisher::approval> publisher::approve(const std::string& version, const crypto::signing_key& key, const std::optional<std::string>& after) {
  const auto as = impl_->place_now(version);
  if (!as) return std::unexpected(as.error());
  const approval_place place{.ring = impl_->ring, .after = after.value_or(as->over)};
  const auto done = [&](const std::string& field) -> result<approval> {
    auto how = impl_->approve_field(version, field, place, key);
    return how ? result<approval>(approval{.how = std::move(*how), .place = place}) : std::unexpected(how.error());
  };
  const auto live = impl_->pinned_live(version), pinned = impl_->pinned(version);
  if (!live.empty()) return done(awaits_approval(version) ? "manifest" : live);
  if (!pinned.empty()) {
    if (auto first = done(pinned); !first) return first;
  }
  return done("manifest");
}

result<std::vector<second_keys>> publisher::approvals(const std::vector<head_record>& of) {
  const auto by = impl_->whom();
  std::map<std::pair<std::string, std::string>, result<manifest>> known;  // a version's, by its digest: many activations go on with one
  std::vector<second_keys> out;
  for (const auto& each : of) {
    const auto& version = origin_of(each);
    if (version.empty() || !brings_version_in(each.kind)) {
      out.emplace_back();
      continue;
    }
    auto at = known.find({version, each.origin_manifest});
    if (at == known.end()) at = known.emplace(std::pair(version, each.origin_manifest), fetch_manifest(impl_->redis, impl_->keys, version, {}, now().wall, {}, each.origin_manifest)).first;
    const auto& made = at->second;
    const bool unread = !made && (made.error().code == errc::not_found || made.error().code == errc::integrity);
    if (!made && !unread) return std::unexpected(made.error());
    if (!made) {
      out.push_back({.doubt = "its manifest cannot be read: " + made.error().message});
      continue;
    }
    // Nodes asked for the second key when the activation came. One that has expired since had counted, whatever it is worth today; one that has signed
    // since had not. Where an older release made the record, nobody can tell which.
    const auto& stood = each.how.signed_by;
    const auto then = stood ? std::min(parse_time(each.time).value_or(now().wall), now().wall) : now().wall;
    const placing as{.ring = impl_->ring, .over = version == each.version ? each.previous : each.version};
    second_keys those{.keys = second_signatures(by, made->signed_as, then, {.place = place_of(as), .placeless = held_otherwise(*made, as).empty()})};
    for (auto& key : those.keys) {
      if (!key.counts || !stood || std::ranges::find(*stood, key.key) != stood->end()) continue;
      key.counts = false;
      key.doubt = "has signed after this activation";
    }
    out.push_back(std::move(those));
  }
  return out;
}

}  // namespace sluice::store
