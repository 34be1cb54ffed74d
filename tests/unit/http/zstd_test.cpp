// Zstandard, in pieces of any size.
#include "sluice/http/zstd.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::string packed(const std::string& text, std::size_t piece) {
  zstd_encoder encoder;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) EXPECT_TRUE(encoder.feed(std::string_view(text).substr(at, piece), out));
  EXPECT_TRUE(encoder.finish(out));
  return out;
}

result<std::string> unpacked(const std::string& bytes, std::size_t piece, std::size_t out_max = 1000, zstd_frames frames = zstd_frames::any) {
  zstd_decoder decoder(frames);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    auto rest = std::string_view(bytes).substr(at, piece);
    for (bool more = !rest.empty(); more;) {
      const auto fed = decoder.feed(rest, out, out_max);
      if (!fed) return std::unexpected(fed.error());
      more = *fed;
    }
  }
  if (!decoder.whole()) return fail(errc::closed, "the end is missing");
  return out;
}

TEST(zstd, what_was_packed_in_any_pieces_comes_back) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "{\"seq\":" + std::to_string(i) + "}\n";
  for (const std::size_t piece : {1u, 7u, 4096u, 1u << 20}) {
    const auto bytes = packed(text, piece);
    EXPECT_LT(bytes.size(), text.size() / 4);
    EXPECT_EQ(unpacked(bytes, piece).value(), text) << piece;
  }
  EXPECT_EQ(unpacked(packed("", 1), 1).value(), "");
}

TEST(zstd, behind_one_frame_stands_nothing_where_nothing_may) {
  const std::string text(5000, 'a'), one = packed(text, 4096), skipped("\x50\x2a\x4d\x18\x05\x00\x00\x00HELLO", 13);
  for (const std::size_t piece : {std::size_t{1}, one.size(), std::size_t{1} << 20}) {
    EXPECT_EQ(unpacked(one, piece, 1000, zstd_frames::one).value(), text) << piece;
    for (const auto& more : {skipped, packed("", 1), packed("b", 1), std::string("x")}) EXPECT_FALSE(unpacked(one + more, piece, 1000, zstd_frames::one)) << piece;
    EXPECT_FALSE(unpacked(skipped + one, piece, 1000, zstd_frames::one)) << piece;
    EXPECT_EQ(unpacked(one + skipped + packed("b", 1), piece).value(), text + "b") << "of any number of frames";
  }
}

TEST(zstd, a_call_gives_no_more_than_it_was_asked_for) {
  const auto bytes = packed(std::string(50u << 20, 'x'), 1u << 20);
  zstd_decoder decoder;
  std::string out;
  std::string_view rest = bytes;
  ASSERT_TRUE(decoder.feed(rest, out, 1000));
  EXPECT_LE(out.size(), 2000u);
}

TEST(zstd, a_changed_byte_and_a_missing_end_are_found) {
  std::string text;
  for (int i = 0; i < 500; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  const auto bytes = packed(text, 4096);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    const auto out = unpacked(changed, 4096);
    EXPECT_FALSE(out && *out != text) << i;
  }
  EXPECT_FALSE(unpacked(bytes.substr(0, bytes.size() - 1), 4096));
  EXPECT_FALSE(unpacked("this is no Zstandard at all", 4096));
}

}  // namespace
}  // namespace sluice::http
