// A bundle in one file, for servers that only hand out files: tar, gzip. Beside the bundle's own files it may hold what a ring has in Redis,
// `.sluice/manifest.json` and `.sluice/activation.json`, signed or plain. Reading is strict: regular files and folders, plain relative paths, each once,
// within load_limits; nothing is ever written to a disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"
#include "sluice/crypto/signing.hpp"
#include "sluice/policy/source.hpp"
#include "sluice/policy/types.hpp"
#include "sluice/store/directory.hpp"
#include "sluice/store/publisher.hpp"

namespace sluice::store {

struct bundle_archive {
  policy::bundle_source source;
  std::string manifest, activation;  // "": not there
};

// The same files give the same bytes: no times, no owners.
[[nodiscard]] result<std::string> write_archive(const bundle_archive& what);
// errc::integrity names the entry and what is wrong with it.
[[nodiscard]] result<bundle_archive> read_archive(std::string_view bytes, const load_limits& bounds);

// What is said of a version when it is packed: which ring it is for, under which number, and how it came to be.
struct sealing {
  std::string ring;
  policy::activation activation;
  std::string actor, note;
  provenance how;
};
// An archive with its manifest and its activation, signed with the keys that are given.
[[nodiscard]] result<std::string> sealed_archive(const policy::bundle_source& source, const sealing& how, const std::optional<crypto::signing_key>& build,
                                                 const std::optional<crypto::signing_key>& activate);
// Whether its activation was made for this ring and its manifest built by keys that count. The value: its version counts as weaker, and no second
// key has approved it. errc::integrity names what is wrong.
[[nodiscard]] result<bool> check_archive(const bundle_archive& of, const trust& whom, const std::string& ring, wall_time now);
// Its manifest with one more signature, by a key of the role approve: the version may be weaker. `by`: only a manifest that one of these built is approved;
// nothing: any. errc::refused: its builder does not count, or is the key itself; errc::integrity: it lacks a manifest, or that is of other files.
[[nodiscard]] result<provenance> approve_archive(bundle_archive& of, const std::optional<trust>& by, const crypto::signing_key& key);
// The number in an archive, unchecked; 0-0 without one.
[[nodiscard]] policy::activation activation_in(const bundle_archive& of);
// The ring that its activation is for, unchecked; "" where it does not say.
[[nodiscard]] std::string ring_in(const bundle_archive& of);
// "1-17".
[[nodiscard]] std::optional<policy::activation> activation_from(std::string_view text);

}  // namespace sluice::store
