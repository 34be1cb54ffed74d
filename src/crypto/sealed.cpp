// See sealed.hpp. A sealed value is a byte for its form (1), the nonce, the text, the tag.
#include "sluice/crypto/sealed.hpp"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace sluice::crypto {
namespace {

constexpr char form = 1;
constexpr std::size_t nonce_bytes = 12, tag_bytes = 16, around_bytes = 1 + nonce_bytes + tag_bytes;

using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const EVP_CIPHER* algorithm() {
  static const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

// libcrypto without AES-GCM cannot go on: a broken installation, not an input.
void require(int ok) {
  if (ok != 1) std::abort();
}

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string seal(const digest& key, std::string_view value, std::string_view bound_to) {
  const auto nonce = random_bytes(nonce_bytes);
  const cipher_context ctx(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  std::string text(value.size(), '\0'), tag(tag_bytes, '\0');
  int written = 0;
  require(EVP_EncryptInit_ex2(ctx.get(), algorithm(), key.data(), bytes(std::string_view(nonce)), nullptr));
  require(EVP_EncryptUpdate(ctx.get(), nullptr, &written, bytes(bound_to), static_cast<int>(bound_to.size())));
  require(EVP_EncryptUpdate(ctx.get(), bytes(text), &written, bytes(value), static_cast<int>(value.size())));
  require(EVP_EncryptFinal_ex(ctx.get(), bytes(tag), &written));  // of a stream cipher nothing is left to write
  require(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(tag_bytes), tag.data()));
  return form + nonce + text + tag;
}

result<std::string> open_sealed(const digest& key, std::string_view sealed, std::string_view bound_to) {
  if (sealed.size() < around_bytes || sealed.front() != form) return fail(errc::refused, "this is no sealed value");
  const auto nonce = sealed.substr(1, nonce_bytes), text = sealed.substr(1 + nonce_bytes, sealed.size() - around_bytes);
  std::string tag(sealed.substr(sealed.size() - tag_bytes)), value(text.size(), '\0');
  const cipher_context ctx(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int written = 0;
  require(EVP_DecryptInit_ex2(ctx.get(), algorithm(), key.data(), bytes(nonce), nullptr));
  require(EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag_bytes), tag.data()));
  require(EVP_DecryptUpdate(ctx.get(), nullptr, &written, bytes(bound_to), static_cast<int>(bound_to.size())));
  require(EVP_DecryptUpdate(ctx.get(), bytes(value), &written, bytes(text), static_cast<int>(text.size())));
  if (EVP_DecryptFinal_ex(ctx.get(), bytes(tag), &written) != 1) return fail(errc::refused, "the sealed value does not open with this key here");
  return value;
}

}  // namespace sluice::crypto
