// See zstd.hpp.
#include "sluice/http/zstd.hpp"

#include <zstd.h>

#include <algorithm>

#include "sluice/base/append_written.hpp"

namespace sluice::http {
namespace {

constexpr int level = 6;
constexpr int window_log_max = 23;  // 8 MiB, as RFC 8878 3.1.1.1.2 recommends to support, and no more

std::unexpected<error> failed(errc code, std::size_t returned) { return fail(code, std::string("zstd: ") + ZSTD_getErrorName(returned)); }

}  // namespace

struct zstd_encoder::impl {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};

  result<void> run(std::string_view bytes, ZSTD_EndDirective how, std::string& out) {
    if (!context) return fail(errc::unavailable, "zstd: out of memory");
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer room{nullptr, ZSTD_CStreamOutSize(), 0};
      std::size_t left = 0;
      append_written(out, room.size, [&](char* at) {
        room.dst = at;
        left = ZSTD_compressStream2(context.get(), &room, &in, how);
        return room.pos;
      });
      if (ZSTD_isError(left) != 0) return failed(errc::internal, left);
      if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }
};

zstd_encoder::zstd_encoder() : impl_(std::make_unique<impl>()) {
  if (!impl_->context) return;
  ZSTD_CCtx_setParameter(impl_->context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(impl_->context.get(), ZSTD_c_checksumFlag, 1);
}
zstd_encoder::~zstd_encoder() = default;
result<void> zstd_encoder::feed(std::string_view bytes, std::string& out) { return impl_->run(bytes, ZSTD_e_continue, out); }
result<void> zstd_encoder::finish(std::string& out) { return impl_->run({}, ZSTD_e_end, out); }

struct zstd_decoder::impl {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), &ZSTD_freeDCtx};
  bool whole = true, pending = false;
  bool one = false, ended = false;
};

zstd_decoder::zstd_decoder(zstd_frames frames) : impl_(std::make_unique<impl>()) {
  impl_->one = frames == zstd_frames::one;
  if (impl_->context) ZSTD_DCtx_setParameter(impl_->context.get(), ZSTD_d_windowLogMax, window_log_max);
}
zstd_decoder::~zstd_decoder() = default;

result<bool> zstd_decoder::feed(std::string_view& bytes, std::string& out, std::size_t out_max) {
  if (!impl_->context) return fail(errc::unavailable, "zstd: out of memory");
  const auto start = out.size();
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  bool more = !bytes.empty() || impl_->pending;
  while (more && !impl_->ended && out.size() - start < out_max) {
    ZSTD_outBuffer room{nullptr, std::min(out_max, ZSTD_DStreamOutSize()), 0};
    std::size_t left = 0;
    append_written(out, room.size, [&](char* at) {
      room.dst = at;
      left = ZSTD_decompressStream(impl_->context.get(), &room, &in);
      return room.pos;
    });
    if (ZSTD_isError(left) != 0) return failed(errc::parse, left);
    impl_->whole = left == 0;
    impl_->ended = impl_->one && impl_->whole;
    impl_->pending = room.pos == room.size && left != 0;
    more = in.pos < in.size || impl_->pending;
  }
  bytes.remove_prefix(in.pos);
  if (impl_->ended && !bytes.empty()) return fail(errc::parse, "zstd: bytes stand behind the end of the frame");
  return more;
}

bool zstd_decoder::whole() const { return impl_->whole; }

}  // namespace sluice::http
