// The second signature on a manifest, wherever that stands: in a ring or in an archive.
#pragma once

#include <optional>
#include <string>

#include "ring_layout.hpp"
#include "sluice/crypto/signing.hpp"
#include "sluice/store/trust.hpp"

namespace sluice::store {

struct approved_manifest {
  std::string text;  // as it is to stand there from now on
  manifest of;
};
// Approves it there. Everything is asked of the very bytes that are signed. `where`: what holds it, for people ("the archive"). `by`: whose manifests are approved; nothing:
// everybody's. errc::refused: its builder does not count, or is the key itself; errc::integrity: it is damaged, or that of another version.
[[nodiscard]] result<approved_manifest> approve_manifest(const std::string& text, const std::string& version, const std::string& where, const approval_place& place, const std::optional<trust>& by, const crypto::signing_key& key);

}  // namespace sluice::store
