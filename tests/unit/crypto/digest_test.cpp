// Digests against the published vectors: FIPS 180-4 examples, RFC 4231 for HMAC, and the properties the others promise.
#include "sluice/crypto/digest.hpp"

#include <set>
#include <span>

#include "sluice/base/strings.hpp"

namespace sluice::crypto {
namespace {

TEST(sha256, gives_the_published_digests) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(sha256, in_any_pieces_is_the_same) {
  const std::string text = "The quick brown fox jumps over the lazy dog, twice: the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    sha256_stream stream;
    stream.update(std::string_view(text).substr(0, cut));
    stream.update(std::string_view(text).substr(cut));
    EXPECT_EQ(stream.finish(), sha256(text)) << cut;
  }
}

TEST(hmac, gives_the_digests_of_rfc_4231) {
  EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(derive_key, depends_on_the_secret_and_on_the_purpose) {
  EXPECT_EQ(derive_key("master", "decision-id"), derive_key("master", "decision-id"));
  EXPECT_NE(derive_key("master", "decision-id"), derive_key("master", "audit-values"));
  EXPECT_NE(derive_key("master", "decision-id"), derive_key("other", "decision-id"));
}

TEST(equal_constant_time, is_equality) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("token", "token"));
  EXPECT_FALSE(equal_constant_time("token", "tokem"));
  EXPECT_FALSE(equal_constant_time("token", "tokens"));
}

TEST(random_bytes, do_not_repeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto bytes = random_bytes(16);
    EXPECT_EQ(bytes.size(), 16u);
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  EXPECT_TRUE(random_bytes(0).empty());
}

}  // namespace
}  // namespace sluice::crypto
