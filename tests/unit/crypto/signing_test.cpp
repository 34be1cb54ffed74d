// Ed25519 against RFC 8032's own vectors, and what is no key.
#include "sluice/crypto/signing.hpp"

#include <gtest/gtest.h>

#include "sluice/base/strings.hpp"

namespace sluice::crypto {
namespace {

std::string bytes_of(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}
std::string digits_of(std::string_view bytes) { return hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}); }

TEST(signing, rfc_8032_section_7_1_tests_1_and_3) {
  const auto one = signing_key::from_seed(bytes_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_EQ(digits_of(one.public_key()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(digits_of(one.sign("")),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  const auto three = signing_key::from_seed(bytes_of("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"));
  EXPECT_EQ(digits_of(three.sign(bytes_of("af82"))),
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
}

TEST(signing, a_signature_fits_its_message_and_its_key_alone) {
  const auto mine = signing_key::generate(), other = signing_key::generate();
  const std::string message = "version 1 is live";
  const auto signature = mine.sign(message);
  EXPECT_TRUE(verifies(mine.public_key(), message, signature));
  EXPECT_FALSE(verifies(other.public_key(), message, signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    auto changed = signature;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(verifies(mine.public_key(), message, changed)) << i;
  }
  for (std::size_t i = 0; i < message.size(); ++i) {
    auto changed = message;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(verifies(mine.public_key(), changed, signature)) << i;
  }
  EXPECT_FALSE(verifies("short", message, signature));
  EXPECT_FALSE(verifies(mine.public_key(), message, "short"));
  EXPECT_EQ(key_id(mine.public_key()).size(), 16u);
}

TEST(signing, a_key_comes_back_from_its_file) {
  const auto made = signing_key::generate();
  const auto read = signing_key::from_pem(made.to_pem());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->public_key(), made.public_key());
  EXPECT_TRUE(verifies(made.public_key(), "x", read->sign("x")));
}

TEST(signing, what_is_no_signing_key_is_refused_as_what_it_is) {
  EXPECT_FALSE(signing_key::from_pem(""));
  EXPECT_FALSE(signing_key::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  // openssl genpkey -algorithm x25519: a key for agreement, not for signatures.
  const auto other = signing_key::from_pem("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n-----END PRIVATE KEY-----\n");
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("Ed25519"), std::string::npos) << other.error().message;
}

}  // namespace
}  // namespace sluice::crypto
