// OpenSSL 3 through prefetched algorithms: fetching SHA-256 anew at each call costs more than hashing a record.
#include "sluice/crypto/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>

#include "sluice/base/strings.hpp"

namespace sluice::crypto {
namespace {

constexpr std::size_t block_bytes = 64;

const EVP_MD* algorithm() {
  static const EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md;
}

struct context {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  context() = default;
  context(const context&) = delete;
  context& operator=(const context&) = delete;
  ~context() { EVP_MD_CTX_free(ctx); }
};

// libcrypto without SHA-256 or randomness cannot go on: a broken installation, not an input.
void require(int ok) {
  if (ok != 1) std::abort();
}

digest hash_two(std::string_view a, std::string_view b) {
  static thread_local context local;
  digest out{};
  require(EVP_DigestInit_ex2(local.ctx, algorithm(), nullptr));
  require(EVP_DigestUpdate(local.ctx, a.data(), a.size()));
  require(EVP_DigestUpdate(local.ctx, b.data(), b.size()));
  require(EVP_DigestFinal_ex(local.ctx, out.data(), nullptr));
  return out;
}

std::string_view view(const digest& d) { return {reinterpret_cast<const char*>(d.data()), d.size()}; }

}  // namespace

digest sha256(std::string_view bytes) { return hash_two(bytes, {}); }
std::string sha256_hex(std::string_view bytes) { return hex(sha256(bytes)); }

digest hmac_sha256(std::string_view key, std::string_view bytes) {
  std::array<char, block_bytes> inner{}, outer{};
  digest shortened;
  if (key.size() > block_bytes) {
    shortened = sha256(key);
    key = view(shortened);
  }
  inner.fill(0x36);
  outer.fill(0x5c);
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ key[i]);
    outer[i] = static_cast<char>(outer[i] ^ key[i]);
  }
  const auto first = hash_two({inner.data(), inner.size()}, bytes);
  return hash_two({outer.data(), outer.size()}, view(first));
}

digest derive_key(std::string_view master, std::string_view purpose) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* ctx = EVP_KDF_CTX_new(kdf);
  std::string name = "SHA256", key(master), info("sluice/" + std::string(purpose)), salt(32, '\0');
  std::array<OSSL_PARAM, 5> params = {
      OSSL_PARAM_construct_utf8_string("digest", name.data(), 0),
      OSSL_PARAM_construct_octet_string("key", key.data(), key.size()),
      OSSL_PARAM_construct_octet_string("info", info.data(), info.size()),
      OSSL_PARAM_construct_octet_string("salt", salt.data(), salt.size()),
      OSSL_PARAM_construct_end(),
  };
  digest out{};
  const int ok = EVP_KDF_derive(ctx, out.data(), out.size(), params.data());
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
  require(ok);
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_bytes(std::size_t n) {
  std::string out(n, '\0');
  require(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(n)));
  return out;
}

struct sha256_stream::impl : context {};

sha256_stream::sha256_stream() : impl_(std::make_unique<impl>()) { require(EVP_DigestInit_ex2(impl_->ctx, algorithm(), nullptr)); }
sha256_stream::~sha256_stream() = default;
sha256_stream::sha256_stream(sha256_stream&&) noexcept = default;
sha256_stream& sha256_stream::operator=(sha256_stream&&) noexcept = default;
void sha256_stream::update(std::string_view bytes) { require(EVP_DigestUpdate(impl_->ctx, bytes.data(), bytes.size())); }
digest sha256_stream::finish() {
  digest out{};
  require(EVP_DigestFinal_ex(impl_->ctx, out.data(), nullptr));
  return out;
}

}  // namespace sluice::crypto
