// See approval.hpp.
#include "approval.hpp"

#include <algorithm>

namespace sluice::store {

result<approved_manifest> approve_manifest(const std::string& text, const std::string& version, const std::string& where, const approval_place& place, const std::optional<trust>& by, const crypto::signing_key& key) {
  const auto cannot = [&](const error& why) { return fail(why.code, "version " + version.substr(0, 12) + " cannot be approved: " + why.message); };
  auto made = parse_manifest(text);
  if (!made) return cannot(made.error());
  if (made->version != version) return cannot({errc::integrity, "what stands in " + where + " under its name is the manifest of version " + made->version.substr(0, 12)});
  if (by) {
    const auto built = check_signatures(*by, made->signed_as, build_purpose, static_cast<unsigned>(key_role::build), now().wall, "its manifest");
    if (!built) return cannot({errc::refused, built.error().message});
  }
  const auto own = crypto::key_id(key.public_key());
  const auto& all = made->signed_as.signatures;
  const auto by_another = [&](const signature& each) {
    return each.key_id != own && check_signatures(*by, {.payload = made->signed_as.payload, .signatures = {each}}, build_purpose, static_cast<unsigned>(key_role::build), now().wall, "it");
  };
  // Who was not told which keys build takes the first signature for the builder's.
  const bool another = by ? std::ranges::any_of(all, by_another) : all.empty() || all.front().key_id != own;
  if (!another) {
    return cannot({errc::refused, "the key " + crypto::key_id(key.public_key()) + " built it, and a second one is wanted: another person's, of the role approve"});
  }
  auto signed_twice = approve_text(text, place, key);
  if (!signed_twice) return cannot(signed_twice.error());
  return approved_manifest{.text = std::move(*signed_twice), .of = std::move(*made)};
}

}  // namespace sluice::store
