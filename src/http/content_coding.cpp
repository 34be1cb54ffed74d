// See content_coding.hpp. One small class for each library; what they share is the order of calls.
#include "sluice/http/content_coding.hpp"

#include <brotli/decode.h>
#include <zlib.h>

#include <algorithm>

#include "sluice/base/append_written.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/zstd.hpp"

namespace sluice::http {

// As body_decoder::feed, without bounds: at most about `out_max` bytes come out of a call.
class body_decoder::engine {
 public:
  virtual ~engine() = default;
  [[nodiscard]] virtual result<bool> feed(std::string_view& bytes, std::string& out, std::size_t out_max) = 0;
  [[nodiscard]] virtual bool whole() const = 0;
};

namespace {

constexpr std::size_t piece_bytes = 64 * 1024;

// gzip and deflate over zlib.
class inflating final : public body_decoder::engine {
 public:
  explicit inflating(bool gzip) : gzip_(gzip) {}
  ~inflating() override { if (open_) inflateEnd(&stream_); }
  inflating(const inflating&) = delete;
  inflating& operator=(const inflating&) = delete;

  result<bool> feed(std::string_view& bytes, std::string& out, std::size_t out_max) override {
    if (!bytes.empty() && !begin(bytes.front())) return fail(errc::unavailable, "zlib: out of memory");
    if (!open_) return false;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write there
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), 1u << 30));
    const auto given = stream_.avail_in;
    auto code = Z_OK;
    append_written(out, out_max, [&](char* room) {
      stream_.next_out = reinterpret_cast<Bytef*>(room);
      stream_.avail_out = static_cast<uInt>(out_max);
      code = run();
      return out_max - stream_.avail_out;
    });
    bytes.remove_prefix(given - stream_.avail_in);
    if (code == Z_MEM_ERROR) return fail(errc::unavailable, "zlib: out of memory");
    if (code != Z_OK) return fail(errc::parse, gzip_ ? "it is no gzip, or changed" : "it is no deflate, or changed");
    return stream_.avail_out == 0 || !bytes.empty();
  }
  [[nodiscard]] bool whole() const override { return !open_ || ended_; }

 private:
  // Deflate with its wrapping begins with 8 in the low half of its first byte, which no sensible block does without it.
  bool begin(char first) {
    constexpr int window = 15, with_gzip = 16;
    if (open_) return true;
    const bool wrapped = (static_cast<unsigned char>(first) & 0x0f) == Z_DEFLATED;
    open_ = inflateInit2(&stream_, gzip_ ? window + with_gzip : wrapped ? window : -window) == Z_OK;
    return open_;
  }
  // Until the input is used up or the room is. Z_OK: so far, so good.
  int run() {
    for (;;) {
      if (ended_ && stream_.avail_in > 0) {
        // Another member may follow (RFC 1952 2.2), and nothing else may.
        if (!gzip_ || inflateReset(&stream_) != Z_OK) return Z_DATA_ERROR;
        ended_ = false;
      }
      if (ended_ || stream_.avail_out == 0) return Z_OK;
      const auto code = inflate(&stream_, Z_NO_FLUSH);
      ended_ = code == Z_STREAM_END;
      if (code == Z_BUF_ERROR) return Z_OK;  // it waits for more
      if (code != Z_OK && !ended_) return code;
      if (stream_.avail_in == 0 && stream_.avail_out > 0) return Z_OK;
    }
  }
  z_stream stream_{};
  bool gzip_, open_ = false, ended_ = false;
};

class unbrotli final : public body_decoder::engine {
 public:
  result<bool> feed(std::string_view& bytes, std::string& out, std::size_t out_max) override {
    if (!state_) return fail(errc::unavailable, "brotli: out of memory");
    if (ended_) return bytes.empty() ? result<bool>(false) : fail(errc::parse, "something follows its end");
    begun_ = begun_ || !bytes.empty();
    auto left = bytes.size();
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    auto got = BROTLI_DECODER_RESULT_ERROR;
    append_written(out, out_max, [&](char* at) {
      auto room = out_max;
      auto* to = reinterpret_cast<std::uint8_t*>(at);
      got = BrotliDecoderDecompressStream(state_.get(), &left, &from, &room, &to, nullptr);
      return out_max - room;
    });
    bytes.remove_prefix(bytes.size() - left);
    if (got == BROTLI_DECODER_RESULT_ERROR) return fail(errc::parse, "it is no Brotli, or changed");
    ended_ = got == BROTLI_DECODER_RESULT_SUCCESS;
    return got == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || !bytes.empty();
  }
  [[nodiscard]] bool whole() const override { return ended_ || !begun_; }

 private:
  std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state_{BrotliDecoderCreateInstance(nullptr, nullptr, nullptr),
                                                                                      &BrotliDecoderDestroyInstance};
  bool begun_ = false, ended_ = false;
};

class unzstd final : public body_decoder::engine {
 public:
  result<bool> feed(std::string_view& bytes, std::string& out, std::size_t out_max) override {
    auto more = decoder_.feed(bytes, out, out_max);
    if (!more && more.error().code == errc::parse) more.error().message = "it is no Zstandard, or changed";
    return more;
  }
  [[nodiscard]] bool whole() const override { return decoder_.whole(); }

 private:
  zstd_decoder decoder_;
};

std::unique_ptr<body_decoder::engine> engine_for(content_coding what) {
  switch (what) {
    case content_coding::gzip: return std::make_unique<inflating>(true);
    case content_coding::deflate: return std::make_unique<inflating>(false);
    case content_coding::brotli: return std::make_unique<unbrotli>();
    case content_coding::zstd: return std::make_unique<unzstd>();
  }
  return nullptr;  // there is no other, and a new one does not compile without its case
}

}  // namespace

std::optional<content_coding> content_coding_of(std::string_view field_value) {
  if (iequals(field_value, "gzip") || iequals(field_value, "x-gzip")) return content_coding::gzip;
  if (iequals(field_value, "deflate")) return content_coding::deflate;
  if (iequals(field_value, "br")) return content_coding::brotli;
  if (iequals(field_value, "zstd")) return content_coding::zstd;
  return std::nullopt;
}

body_decoder::body_decoder(content_coding what, const decoding_bounds& bounds) : engine_(engine_for(what)), bounds_(bounds) {}
body_decoder::~body_decoder() = default;
body_decoder::body_decoder(body_decoder&&) noexcept = default;
body_decoder& body_decoder::operator=(body_decoder&&) noexcept = default;

result<bool> body_decoder::feed(std::string_view& bytes, std::string& out) {
  taken_ += bytes.size() - std::min(waiting_, bytes.size());
  const auto by_ratio = std::max(bounds_.ratio_free, taken_ * bounds_.ratio_max);
  const auto allowed = std::min(bounds_.bytes_max, by_ratio);
  const auto before = out.size();
  // One byte more than may come, to see whether it would.
  auto more = engine_->feed(bytes, out, static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, allowed - made_ + 1)));
  waiting_ = bytes.size();
  made_ += out.size() - before;
  if (more && made_ > allowed) {
    return fail(errc::limit, allowed == bounds_.bytes_max ? "it becomes more than " + std::to_string(allowed) + " bytes"
                                                           : "each byte of it becomes more than " + std::to_string(bounds_.ratio_max));
  }
  return more;
}

bool body_decoder::whole() const { return engine_->whole(); }

}  // namespace sluice::http
