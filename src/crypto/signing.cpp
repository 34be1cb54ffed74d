// See signing.hpp.
#include "sluice/crypto/signing.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdlib>

#include "sluice/crypto/digest.hpp"

namespace sluice::crypto {
namespace {

constexpr std::size_t key_bytes = 32, signature_bytes = 64;

using evp_key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using evp_context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using memory = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

// libcrypto without Ed25519 cannot go on: a broken installation, not an input.
void require(bool ok) {
  if (!ok) std::abort();
}

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// A key behind a password is refused: nobody is there to be asked for it.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

struct signing_key::impl {
  evp_key key;
  std::string public_key;
  explicit impl(EVP_PKEY* made) : key(made, &EVP_PKEY_free), public_key(key_bytes, '\0') {
    std::size_t size = public_key.size();
    require(key != nullptr && EVP_PKEY_get_raw_public_key(key.get(), bytes(public_key), &size) == 1 && size == key_bytes);
  }
};

signing_key::signing_key(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
signing_key::signing_key(signing_key&&) noexcept = default;
signing_key& signing_key::operator=(signing_key&&) noexcept = default;
signing_key::~signing_key() = default;

signing_key signing_key::generate() { return from_seed(random_bytes(key_bytes)); }

signing_key signing_key::from_seed(std::string_view seed) {
  require(seed.size() == key_bytes);
  return signing_key(std::make_unique<impl>(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes(seed), seed.size())));
}

result<signing_key> signing_key::from_pem(std::string_view pem) {
  const memory in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free_all);
  evp_key key(PEM_read_bio_PrivateKey(in.get(), nullptr, &no_password, nullptr), &EVP_PKEY_free);
  if (!key) return fail(errc::parse, "no private key in PEM without a password");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) return fail(errc::parse, "the private key is not of the kind Ed25519");
  return signing_key(std::make_unique<impl>(key.release()));
}

std::string signing_key::to_pem() const {
  const memory out(BIO_new(BIO_s_mem()), &BIO_free_all);
  require(PEM_write_bio_PKCS8PrivateKey(out.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

const std::string& signing_key::public_key() const { return impl_->public_key; }

std::string signing_key::sign(std::string_view message) const {
  const evp_context ctx(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::string out(signature_bytes, '\0');
  std::size_t size = out.size();
  require(EVP_DigestSignInit(ctx.get(), nullptr, nullptr, nullptr, impl_->key.get()) == 1);
  require(EVP_DigestSign(ctx.get(), bytes(out), &size, bytes(message), message.size()) == 1 && size == signature_bytes);
  return out;
}

bool verifies(std::string_view public_key, std::string_view message, std::string_view signature) {
  if (public_key.size() != key_bytes || signature.size() != signature_bytes) return false;
  const evp_key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(public_key), public_key.size()), &EVP_PKEY_free);
  if (!key) return false;
  const evp_context ctx(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  require(EVP_DigestVerifyInit(ctx.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  return EVP_DigestVerify(ctx.get(), bytes(signature), signature.size(), bytes(message), message.size()) == 1;
}

std::string key_id(std::string_view public_key) { return sha256_hex(public_key).substr(0, 16); }

}  // namespace sluice::crypto
