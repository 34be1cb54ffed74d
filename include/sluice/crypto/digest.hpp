// SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) over OpenSSL's libcrypto. Thread-safe; no state.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::crypto {

using digest = std::array<unsigned char, 32>;

[[nodiscard]] digest sha256(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
[[nodiscard]] digest hmac_sha256(std::string_view key, std::string_view bytes);
// A key of its own for each purpose ("decision-id", "audit-values", …) from the one master secret.
[[nodiscard]] digest derive_key(std::string_view master, std::string_view purpose);
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b);
[[nodiscard]] std::string random_bytes(std::size_t n);

// Incremental SHA-256, for what does not lie in one piece.
class sha256_stream {
 public:
  sha256_stream();
  ~sha256_stream();
  sha256_stream(sha256_stream&&) noexcept;
  sha256_stream& operator=(sha256_stream&&) noexcept;
  void update(std::string_view bytes);
  [[nodiscard]] digest finish();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::crypto
