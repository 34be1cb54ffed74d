// Sealed values: they open where they belong and nowhere else. The cipher is held against a published vector.
#include "sluice/crypto/sealed.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice::crypto {
namespace {

const digest key = sha256("a key"), other_key = sha256("another");

TEST(sealed, opens_with_its_key_where_it_belongs) {
  for (const auto& value : {std::string(), std::string("DE89370400440532013000"), std::string(70'000, 'x'), std::string("\0\xff", 2)}) {
    const auto sealed = seal(key, value, "tenant, conversation, token");
    EXPECT_EQ(sealed.size(), value.size() + 29);
    const auto opened = open_sealed(key, sealed, "tenant, conversation, token");
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(*opened, value);
    EXPECT_FALSE(open_sealed(other_key, sealed, "tenant, conversation, token").has_value());
    EXPECT_FALSE(open_sealed(key, sealed, "tenant, conversation, another").has_value());
    EXPECT_FALSE(open_sealed(key, sealed, "").has_value());
  }
}

TEST(sealed, shows_nothing_of_the_value_and_never_looks_the_same) {
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) {
    const auto sealed = seal(key, "a value that is long enough to be found", "x");
    EXPECT_EQ(sealed.find("value"), std::string::npos);
    all.insert(sealed.substr(1, 12));
    all.insert(sealed.substr(13));
  }
  EXPECT_EQ(all.size(), 200u);
}

TEST(sealed, with_any_byte_changed_or_missing_does_not_open) {
  const auto sealed = seal(key, "value", "x");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(open_sealed(key, changed, "x").has_value()) << i;
    EXPECT_FALSE(open_sealed(key, sealed.substr(0, i), "x").has_value()) << i;
  }
  EXPECT_FALSE(open_sealed(key, sealed + "x", "x").has_value());
}

TEST(sealed, is_aes_256_gcm) {
  // GCM specification (McGrew, Viega), test case 14: a key, a nonce and a block of zeros.
  const digest zeros{};
  const std::string nonce(12, '\0'), text("\xce\xa7\x40\x3d\x4d\x60\x6b\x6e\x07\x4e\xc5\xd3\xba\xf3\x9d\x18", 16),
      tag("\xd0\xd1\xc8\xa7\x99\x99\x6b\xf0\x26\x5b\x98\xb5\xd4\x8a\xb9\x19", 16);
  const auto opened = open_sealed(zeros, '\1' + nonce + text + tag, "");
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(*opened, std::string(16, '\0'));
}

}  // namespace
}  // namespace sluice::crypto
