// Which manifest a version is live by. The newest one of a version stands in the field "manifest" of its hash and is replaced when the version is staged
// once more; an activation keeps its own under that one's digest, which its record names. See publisher.hpp.
#include <algorithm>
#include <utility>

#include "publisher_impl.hpp"
#include "ring_scripts.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::store {
namespace {

constexpr int pin_tries = 10;  // each time another publisher staged the same version meanwhile

int rank_of(const provenance& how) {
  if (how.gate_report.empty()) return 0;
  if (how.emergency) return how.gate_verdict == "PASS" || how.gate_verdict == "EMERGENCY" ? 2 : 1;
  return how.gate_verdict == "PASS" ? 3 : 1;
}

// Who was not told which keys count sees only that there is one.
bool built_by_who_may(const manifest& of, const std::optional<trust>& by, bool told) {
  if (!by) return true;
  return told ? check_signatures(*by, of.signed_as, build_purpose, static_cast<unsigned>(key_role::build), now().wall, "it").has_value() : !of.signed_as.signatures.empty();
}

bool has_more_than_its_builder(const manifest& of) { return of.signed_as.signatures.size() > 1; }

// The same of a signature that says no other place than the one where it was held against what was live.
bool has_another_for(const manifest& of, const approval_place& place) {
  return std::ranges::any_of(of.signed_as.signatures, [&, first = true](const signature& each) mutable {
    return !std::exchange(first, false) && (!each.place || each.place == place);
  });
}

}  // namespace

// Whether the manifest that is there says more for its version than a new one would. Only a signed one that counts does: whoever writes in Redis
// could keep any other there.
bool publisher::impl::says_more(const std::string& text, const std::string& version, const provenance& how) const {
  const auto by = whom();
  const auto old = text.empty() ? fail(errc::not_found, "") : parse_manifest(text);
  if (!by || !old || old->version != version || old->signed_as.signatures.empty()) return false;
  if (!check_signatures(*by, old->signed_as, build_purpose, static_cast<unsigned>(key_role::build), now().wall, "it")) return false;
  // Who was not told which keys approve cannot tell whether one more signature does, and takes none away. An approval holds for what it was given for: where
  // the new one was held against something else, that is what is to be looked at.
  const approval_place place{.ring = how.ring, .after = how.against};
  const bool same = old->how.ring == how.ring && old->how.against == how.against;
  const bool approved = trusted ? check_approval(*by, old->signed_as, now().wall, "it", {.place = place, .placeless = same}).has_value() : same && has_another_for(*old, place);
  if (rank_of(how) > rank_of(old->how)) return false;
  return approved || (!old->how.weaker && how.weaker) || rank_of(how) < rank_of(old->how);
}

bool publisher::impl::is_live(const std::string& text, const std::string& version, const provenance& how) {
  const auto is = look_at_top();
  const auto* live = is ? is->vouched() : nullptr;
  if (live == nullptr || live->version != version) return false;
  const auto old = text.empty() ? fail(errc::not_found, "") : parse_manifest(text);
  if (!old || old->version != version || !built_by_who_may(*old, whom(), trusted.has_value())) return false;
  if (rank_of(how) <= rank_of(old->how)) return true;
  // A second key has signed these very bytes. Where the record names them they are kept for it, and one that has passed more comes to stand beside them;
  // a record of an older release names none.
  return has_more_than_its_builder(*old) && live->manifest_of(version).empty();
}

bool publisher::impl::outranks(const manifest& next, const manifest& is) const {
  return next.version == is.version && built_by_who_may(next, whom(), trusted.has_value()) && rank_of(next.how) > rank_of(is.how);
}

bool publisher::impl::loses_second_key(const manifest& is, const manifest& next, const std::optional<placing>& as) const {
  if (!has_more_than_its_builder(is)) return false;
  const bool elsewhere = as ? !held_otherwise(next, *as).empty() : next.how.ring != is.how.ring || next.how.against != is.how.against;
  const bool owed = next.how.weaker || elsewhere;
  const auto by = whom();
  const placing where = as ? *as : placing{.ring = next.how.ring, .over = next.how.against};
  return owed && !(by && trusted ? check_approval_as(next, *by, now().wall, "it", where).has_value() : has_more_than_its_builder(next));
}

std::string publisher::impl::pinned(const std::string& version) {
  const auto top = read_top(redis, keys);
  return top && top->record ? top->record->manifest_of(version) : std::string();
}

std::string publisher::impl::pinned_live(const std::string& version) {
  const auto top = read_top(redis, keys);
  return top && top->record && top->record->version == version ? top->record->manifest_of(version) : std::string();
}

result<std::string> publisher::impl::pin(const std::string& version) {
  for (int i = 0;; ++i) {
    const auto text = redis.command({"HGET", keys.manifest(version), "manifest"});
    if (!text) return std::unexpected(text.error());
    const auto made = text->kind == redis_reply::kind::text ? parse_manifest(text->text) : fail(errc::not_found, "");
    if (!made) return std::string();  // the script that activates says that it is not there; nodes say that it is damaged
    auto digest = crypto::sha256_hex(made->signed_as.payload);
    const auto done = redis.command({"EVAL", std::string(pin_script), "1", keys.manifest(version), text->text, digest});
    if (done) return digest;
    if (!done.error().message.starts_with("CONFLICT") || i + 1 == pin_tries) return std::unexpected(done.error());
  }
}

// Whether a version is to stay with the manifest that it was activated with: it is there and counts, and the newest one says no more, or would lack its second key.
bool publisher::impl::stays_pinned(const std::string& version, const std::string& digest, const std::optional<placing>& as) {
  const auto is = fetch_manifest(redis, keys, version, {}, now().wall, {}, digest);
  if (!is || !built_by_who_may(*is, whom(), trusted.has_value())) return false;
  const auto newest = fetch_manifest(redis, keys, version, {}, now().wall);
  if (!newest) return true;
  if (is->signed_as.signatures.empty() && !newest->signed_as.signatures.empty()) return false;
  return !outranks(*newest, *is) || loses_second_key(*is, *newest, as);
}

result<void> publisher::impl::pin_manifests(activation_record& r, const activate_request& what, const std::optional<activation_record>& last) {
  const bool begins = what.kind == "canary" || what.kind == "shadow";
  const bool goes_on = what.kind != "activate" && what.kind != "rollback";
  for (const auto& version : {r.version, what.canary ? what.canary->version : std::string(), what.shadow}) {
    if (version.empty() || r.manifests.contains(version)) continue;
    auto digest = version == what.version ? what.manifest : std::string();
    const bool stays = last && (last->version == version || (goes_on && !(begins && version == origin_of(what))));
    if (stays) digest = last->manifest_of(version);
    if (digest.empty() || !stays_pinned(version, digest, live_in(r, version))) {
      auto made = pin(version);
      if (!made) return std::unexpected(made.error());
      digest = std::move(*made);
    }
    if (!digest.empty()) r.manifests[version] = std::move(digest);
  }
  return {};
}

}  // namespace sluice::store
