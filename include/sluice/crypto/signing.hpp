// Ed25519 signatures (RFC 8032) over OpenSSL's libcrypto; private keys as PKCS #8 in PEM (RFC 8410), as `openssl genpkey` writes them.
// Thread-safe; no state. Public keys are 32 bytes, signatures 64, both raw.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::crypto {

class signing_key {
 public:
  [[nodiscard]] static signing_key generate();
  // errc::parse: no private key, another kind of key, or one behind a password.
  [[nodiscard]] static result<signing_key> from_pem(std::string_view pem);
  // The same 32 bytes of seed give the same key.
  [[nodiscard]] static signing_key from_seed(std::string_view seed);
  signing_key(signing_key&&) noexcept;
  signing_key& operator=(signing_key&&) noexcept;
  ~signing_key();

  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] const std::string& public_key() const;
  [[nodiscard]] std::string sign(std::string_view message) const;

 private:
  struct impl;
  explicit signing_key(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

// False also for what is no public key or no signature at all.
[[nodiscard]] bool verifies(std::string_view public_key, std::string_view message, std::string_view signature);
// A short name for a key that follows from the key itself: the first 16 hexadecimal digits of its SHA-256.
[[nodiscard]] std::string key_id(std::string_view public_key);

}  // namespace sluice::crypto
