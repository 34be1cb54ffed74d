// Whose word a node or a publisher takes: the public keys that an operator wrote into a file, never anything from Redis. A build
// signature says "these files are that version", an activation signature "this version is live from here on in this ring".
// Immutable after reading; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/crypto/signing.hpp"

namespace sluice::store {

// build: manifests. activate: activations of every kind. safety: only those that take harm away (abort, demote). approve: that a version may be
// weaker than the one before it.
enum class key_role : std::uint8_t { build = 1, activate = 2, safety = 4, approve = 8 };

struct trusted_key {
  std::string name;        // for people, in messages
  std::string public_key;  // 32 bytes
  unsigned roles = 0;      // key_role, ored
  std::optional<wall_time> not_after;
};

struct trust {
  std::vector<trusted_key> keys;
  bool required = false;  // what carries no signature is refused
  bool gate = false;      // a version without a passed gate in its manifest is refused
  bool approval = false;  // one that its manifest calls weaker needs the signature of a second key
  std::string reader = "this node";  // for people: who trusts them
};

// Whose words a publisher goes on with: those of the keys that it was told of, otherwise of its own alone. Nothing when it has neither: then it
// asks for no signatures, as nodes do that trust nobody.
[[nodiscard]] std::optional<trust> publisher_trust(const std::optional<std::vector<trusted_key>>& told, const std::optional<crypto::signing_key>& build,
                                                   const std::optional<crypto::signing_key>& activate);

// Where an approval holds: a version may be weaker than the one that it follows there.
struct approval_place {
  std::string ring;
  std::string after;  // the version that it follows, "" where there is none; of an archive the number of its activation (archive_place)
  bool operator==(const approval_place&) const = default;
};

struct signature {
  std::string key_id, value;  // crypto::key_id; 64 bytes
  std::optional<approval_place> place = {};  // of an approval, and signed with it; older releases gave none
};

// A record as it stands in Redis: either plain JSON, or {"payload": "<that JSON>", "signatures": [{"key", "value"}]}. What is signed is
// "sluice <purpose> v1\n" and the payload, byte by byte, so that one purpose's signature is none for the other. Of an approval with its place it is
// "sluice approval v2\n<ring>\n<after>\n" and the payload; "ring" and "after" stand beside the signature.
struct signed_text {
  std::string payload;
  std::vector<signature> signatures;
};
[[nodiscard]] std::string sign_text(std::string_view purpose, const std::string& payload, const crypto::signing_key& key);
// A signed text with one more signature, which approves it there. One by the same key for the same place is not added twice.
[[nodiscard]] result<std::string> approve_text(const std::string& text, const approval_place& where, const crypto::signing_key& key);
[[nodiscard]] result<signed_text> read_signed(const std::string& text);

// A signature beside the one of whoever built a version.
struct second_signature {
  std::string key, name;   // its id; what the trusted keys call it, "" where nobody was told which they are
  std::optional<approval_place> place = {};
  bool counts = false;     // it is an approval by a key that may give one, for somebody who asks for signatures
  std::string doubt = {};  // why it does not count, for such a one
};

inline constexpr std::string_view build_purpose = "build", activation_purpose = "activation", approval_purpose = "approval";
// How approval_place::after begins in an archive; the number follows.
inline constexpr std::string_view archive_place = "activation ";

// Passes when some signature is by a trusted key that has one of `roles` and has not expired, or when there is no signature and none
// is required. errc::integrity names the key and what is wrong with it; `what` begins the message ("activation 1-7").
[[nodiscard]] result<void> check_signatures(const trust& whom, const signed_text& text, std::string_view purpose, unsigned roles, wall_time now,
                                            const std::string& what);
// Until when the keys count that signed it and have one of `roles`; nothing where one of them has no end, or none is known.
[[nodiscard]] std::optional<wall_time> counts_until(const trust& whom, const signed_text& text, unsigned roles);
// Which approvals count. None of the two: each does, wherever it was given for.
struct approvals_wanted {
  std::optional<approval_place> place = {};
  bool placeless = true;  // with a place: whether one without counts too, which says no more than the manifest that it signs
};
// Passes when a trusted key of role `approve` has approved the text, and another one of role `build` built it: two keys, two people.
[[nodiscard]] result<void> check_approval(const trust& whom, const signed_text& text, wall_time now, const std::string& what, const approvals_wanted& wanted = {});
// The signatures of a manifest beside its builder's, and whether each counts at a time as check_approval asks for it: beside a builder's that does, by another
// key. Without `whom` nobody can tell what they are for: then all but the first, which is the builder's.
[[nodiscard]] std::vector<second_signature> second_signatures(const std::optional<trust>& whom, const signed_text& text, wall_time at, const approvals_wanted& wanted = {});

}  // namespace sluice::store
