// Sealed values: AES-256-GCM (NIST SP 800-38D) with a random nonce, over OpenSSL's libcrypto. Thread-safe; no state. One key seals at
// most 2^32 values.
#pragma once

#include <string>
#include <string_view>

#include "sluice/base/result.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::crypto {

// `bound_to` is not in the result; a value opens only where the same is given again.
[[nodiscard]] std::string seal(const digest& key, std::string_view value, std::string_view bound_to);
// errc::refused: another key, bound to something else, or changed since.
[[nodiscard]] result<std::string> open_sealed(const digest& key, std::string_view sealed, std::string_view bound_to);

}  // namespace sluice::crypto
