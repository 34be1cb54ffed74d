// A bundle in one file: what goes in comes out, the same bytes each time, and damage is never taken for a bundle.
#include "sluice/store/archive.hpp"

#include <gtest/gtest.h>

#include "sluice/crypto/digest.hpp"
#include "watched_agent.hpp"

namespace sluice::store {
namespace {

using testing::bundle_of;

bundle_archive sample() {
  bundle_archive out{.source = bundle_of("one"), .manifest = R"({"a":1})", .activation = R"({"b":2})"};
  out.source.files.push_back(policy::make_source_file("golden/cases.jsonl", "{}\n"));
  return out;
}

TEST(archive, gives_back_what_was_put_in_and_the_same_bytes_each_time) {
  const auto bytes = write_archive(sample()).value();
  const auto read = read_archive(bytes, {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(policy::version_of(read->source), policy::version_of(sample().source));
  EXPECT_EQ(policy::golden_digest_of(read->source), policy::golden_digest_of(sample().source));
  EXPECT_EQ(read->manifest, sample().manifest);
  EXPECT_EQ(read->activation, sample().activation);
  EXPECT_EQ(write_archive(sample()).value(), bytes);
}

TEST(archive, a_sealed_one_names_its_ring_its_number_and_its_gate) {
  const auto key = crypto::signing_key::generate();
  const sealing how{.ring = "prod", .activation = {3, 14}, .actor = "me", .note = "why", .how = {.commit = "abc", .gate_report = std::string(64, 'a'), .gate_verdict = "PASS"}};
  const std::optional<crypto::signing_key> signer = crypto::signing_key::from_pem(key.to_pem()).value();
  const auto read = read_archive(sealed_archive(bundle_of("one"), how, signer, signer).value(), {});
  ASSERT_TRUE(read);
  EXPECT_EQ(activation_in(*read), (policy::activation{3, 14}));
  for (const char* word : {"signatures", "PASS", "abc"}) EXPECT_NE(read->manifest.find(word), std::string::npos) << word;
  EXPECT_NE(read->activation.find("prod"), std::string::npos);
}

TEST(archive, a_cut_one_is_refused_or_lacks_nothing_but_its_padding) {
  const auto whole = write_archive(sample()).value();
  std::size_t refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_archive(whole.substr(0, size), {});
    refused += read ? 0 : 1;
    if (!read) continue;
    ASSERT_EQ(read->source.files.size(), sample().source.files.size()) << "cut at " << size;
    EXPECT_EQ(policy::version_of(read->source), policy::version_of(sample().source)) << "cut at " << size;
    EXPECT_EQ(policy::golden_digest_of(read->source), policy::golden_digest_of(sample().source)) << "cut at " << size;
    EXPECT_EQ(read->manifest + read->activation, sample().manifest + sample().activation) << "cut at " << size;
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST(archive, random_bytes_and_random_changes_end_in_an_error_or_in_other_files) {
  const auto whole = write_archive(sample()).value();
  for (int i = 0; i < 300; ++i) {
    auto changed = whole;
    const auto random = crypto::random_bytes(3);
    const auto at = (static_cast<unsigned char>(random[0]) << 8 | static_cast<unsigned char>(random[1])) % changed.size();
    changed[at] = static_cast<char>(changed[at] ^ (static_cast<unsigned char>(random[2]) | 1));
    (void)read_archive(changed, {});  // any answer but a crash
    (void)read_archive(crypto::random_bytes(200), {});
  }
  EXPECT_FALSE(read_archive("", {}));
}

TEST(archive, holds_the_limits_by_name) {
  load_limits bounds;
  bounds.files_max = 1;
  const auto many = read_archive(write_archive(sample()).value(), bounds);
  ASSERT_FALSE(many);
  EXPECT_NE(many.error().message.find("more than 1 files"), std::string::npos) << many.error().message;
  auto bomb = sample();
  bomb.source.files.push_back(policy::make_source_file("big.yaml", std::string(1u << 20, ' ')));
  bounds = {};
  bounds.file_bytes_max = 1u << 16;
  const auto large = read_archive(write_archive(bomb).value(), bounds);
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find("big.yaml: it is larger than 65536 bytes"), std::string::npos) << large.error().message;
}

}  // namespace
}  // namespace sluice::store
