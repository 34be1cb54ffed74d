// Codings taken off in pieces of any size, held against what the libraries' own encoders wrote; and what has to be refused.
#include "sluice/http/content_coding.hpp"

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "sluice/http/zstd.hpp"

namespace sluice::http {
namespace {

constexpr int raw_window = -15, zlib_window = 15, gzip_window = 31;

std::string deflated(const std::string& text, int window) {
  z_stream s{};
  EXPECT_EQ(deflateInit2(&s, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&s, text.size()) + 64, '\0');
  std::string in = text;
  s.next_in = reinterpret_cast<Bytef*>(in.data());
  s.avail_in = static_cast<uInt>(in.size());
  s.next_out = reinterpret_cast<Bytef*>(out.data());
  s.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&s, Z_FINISH), Z_STREAM_END);
  out.resize(s.total_out);
  deflateEnd(&s);
  return out;
}

std::string brotli(const std::string& text) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
  std::string out(size, '\0');
  EXPECT_TRUE(BrotliEncoderCompress(9, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                                    reinterpret_cast<std::uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

std::string zstd(const std::string& text) {
  zstd_encoder encoder;
  std::string out;
  EXPECT_TRUE(encoder.feed(text, out));
  EXPECT_TRUE(encoder.finish(out));
  return out;
}

struct coded {
  const char* name;
  content_coding what;
  std::string bytes;
};
std::vector<coded> each_coding(const std::string& text) {
  return {{"gzip", content_coding::gzip, deflated(text, gzip_window)},
          {"deflate", content_coding::deflate, deflated(text, zlib_window)},
          {"deflate without its wrapping", content_coding::deflate, deflated(text, raw_window)},
          {"br", content_coding::brotli, brotli(text)},
          {"zstd", content_coding::zstd, zstd(text)}};
}

constexpr decoding_bounds wide{1ull << 30, 10'000};

result<std::string> decoded(content_coding what, const std::string& bytes, std::size_t piece, const decoding_bounds& bounds = wide) {
  body_decoder decoder(what, bounds);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    auto rest = std::string_view(bytes).substr(at, piece);
    for (bool more = true; more;) {
      const auto before = out.size();
      const auto fed = decoder.feed(rest, out);
      if (!fed) return std::unexpected(fed.error());
      EXPECT_LE(out.size() - before, 256u * 1024);
      more = *fed;
    }
    EXPECT_TRUE(rest.empty());
  }
  if (!decoder.whole()) return fail(errc::closed, "the end is missing");
  return out;
}

std::string some_text(int lines) {
  std::string out;
  for (int i = 0; i < lines; ++i) out += "{\"seq\":" + std::to_string(i * 7919 % 10'007) + "}\n";
  return out;
}

TEST(content_coding, is_known_by_its_name_and_alone) {
  EXPECT_EQ(content_coding_of("gzip"), content_coding::gzip);
  EXPECT_EQ(content_coding_of("X-GZIP"), content_coding::gzip);
  EXPECT_EQ(content_coding_of("deflate"), content_coding::deflate);
  EXPECT_EQ(content_coding_of("br"), content_coding::brotli);
  EXPECT_EQ(content_coding_of("Zstd"), content_coding::zstd);
  for (const char* other : {"", "compress", "gzip, gzip", "gzip,br", "identity, gzip", "aws-chunked", "gzip;q=1", "g zip"}) EXPECT_FALSE(content_coding_of(other)) << other;
}

TEST(content_coding, comes_off_in_pieces_of_any_size) {
  for (const auto& text : {std::string("x"), some_text(20'000), std::string(300'000, 'a')}) {
    for (const auto& c : each_coding(text)) {
      for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1} << 22}) {
        if (piece == 1 && c.bytes.size() > 20'000) continue;
        EXPECT_EQ(decoded(c.what, c.bytes, piece).value(), text) << c.name << " in pieces of " << piece;
      }
    }
  }
  for (const auto& c : each_coding("")) EXPECT_EQ(decoded(c.what, c.bytes, 1).value(), "") << c.name;
  EXPECT_EQ(decoded(content_coding::gzip, "", 1).value(), "") << "no body at all is no broken one";
}

TEST(content_coding, several_members_of_gzip_and_frames_of_zstd_are_one_body) {
  EXPECT_EQ(decoded(content_coding::gzip, deflated("one ", gzip_window) + deflated("", gzip_window) + deflated("two", gzip_window), 3).value(), "one two");
  EXPECT_EQ(decoded(content_coding::zstd, zstd("one ") + zstd("two"), 5).value(), "one two");
}

TEST(content_coding, what_is_cut_off_changed_or_followed_by_something_is_refused) {
  const auto text = some_text(300);
  for (const auto& c : each_coding(text)) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
      EXPECT_FALSE(decoded(c.what, c.bytes.substr(0, c.bytes.size() - 1), piece)) << c.name;
      EXPECT_FALSE(decoded(c.what, c.bytes.substr(0, c.bytes.size() / 2), piece)) << c.name;
      EXPECT_FALSE(decoded(c.what, c.bytes + "{}", piece)) << c.name;
      EXPECT_FALSE(decoded(c.what, "{\"messages\":[]}", piece)) << c.name;
    }
    for (std::size_t i = 0; i < c.bytes.size(); i += 5) {
      auto changed = c.bytes;
      changed[i] = static_cast<char>(changed[i] ^ 0x10);
      (void)decoded(c.what, changed, 100);  // no checksum guards all of them: it must end, and within its bounds
    }
  }
}

TEST(content_coding, a_bomb_ends_at_its_bound) {
  const std::string zeros(8u << 20, '\0');
  for (const auto& c : each_coding(zeros)) {
    for (const auto& bounds : {decoding_bounds{2u << 20, 10'000}, decoding_bounds{1ull << 30, 100}}) {
      body_decoder decoder(c.what, bounds);
      std::string out;
      std::string_view rest = c.bytes;
      result<bool> fed = true;
      while (fed && *fed) fed = decoder.feed(rest, out);
      ASSERT_FALSE(fed) << c.name;
      EXPECT_EQ(fed.error().code, errc::limit) << c.name;
      const auto allowed = std::min<std::uint64_t>(bounds.bytes_max, std::max<std::uint64_t>(bounds.ratio_free, c.bytes.size() * bounds.ratio_max));
      EXPECT_LE(out.size(), allowed + 256 * 1024) << c.name;
    }
  }
  // What a bound allows to the byte is not refused.
  const auto exact = zstd(std::string(5000, 'a'));
  EXPECT_TRUE(decoded(content_coding::zstd, exact, 1, {5000, 10'000}));
  EXPECT_FALSE(decoded(content_coding::zstd, exact, 1, {4999, 10'000}));
}

}  // namespace
}  // namespace sluice::http
