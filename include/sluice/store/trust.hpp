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

struct signature {
  std::string key_id, value;  // crypto::key_id; 64 bytes
};

// A record as it stands in Redis: either plain JSON, or {"payload": "<that JSON>", "signatures": [{"key", "value"}]}. What is signed is
// "sluice <purpose> v1\n" and the payload, byte by byte, so that one purpose's signature is none for the other.
struct signed_text {
  std::string payload;
  std::vector<signature> signatures;
};
[[nodiscard]] std::string sign_text(std::string_view purpose, const std::string& payload, const crypto::signing_key& key);
// A signed text with one more signature, for a purpose of its own. One by the same key for the same purpose is not added twice.
[[nodiscard]] result<std::string> countersign_text(std::string_view purpose, const std::string& text, const crypto::signing_key& key);
[[nodiscard]] result<signed_text> read_signed(const std::string& text);

// A signature beside the one of whoever built a version.
struct second_signature {
  std::string key, name;   // its id; what the trusted keys call it, "" where nobody was told which they are
  bool counts = false;     // it is an approval by a key that may give one, for somebody who asks for signatures
  std::string doubt = {};  // why it does not count, for such a one
};

inline constexpr std::string_view build_purpose = "build", activation_purpose = "activation", approval_purpose = "approval";

// Passes when some signature is by a trusted key that has one of `roles` and has not expired, or when there is no signature and none
// is required. errc::integrity names the key and what is wrong with it; `what` begins the message ("activation 1-7").
[[nodiscard]] result<void> check_signatures(const trust& whom, const signed_text& text, std::string_view purpose, unsigned roles, wall_time now,
                                            const std::string& what);
// Until when the keys count that signed it and have one of `roles`; nothing where one of them has no end, or none is known.
[[nodiscard]] std::optional<wall_time> counts_until(const trust& whom, const signed_text& text, unsigned roles);
// Passes when a trusted key of role `approve` has approved the text, and another one of role `build` built it: two keys, two people.
[[nodiscard]] result<void> check_approval(const trust& whom, const signed_text& text, wall_time now, const std::string& what);
// The signatures of a manifest beside its builder's, and whether each counts at a time as check_approval asks for it: beside a builder's that does, by another
// key. Without `whom` nobody can tell what they are for: then all but the first, which is the builder's.
[[nodiscard]] std::vector<second_signature> second_signatures(const std::optional<trust>& whom, const signed_text& text, wall_time at);

}  // namespace sluice::store
