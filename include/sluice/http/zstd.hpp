// Zstandard (RFC 8878) over libzstd, piece by piece: bytes in, bytes out, memory within bounds whatever comes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::http {

class zstd_encoder {
 public:
  zstd_encoder();
  ~zstd_encoder();
  zstd_encoder(const zstd_encoder&) = delete;
  zstd_encoder& operator=(const zstd_encoder&) = delete;
  // Appends what is ready to `out`.
  [[nodiscard]] result<void> feed(std::string_view bytes, std::string& out);
  [[nodiscard]] result<void> finish(std::string& out);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

// RFC 8878 3.1: a sequence of frames, those that hold nothing among them, is as good as one.
enum class zstd_frames : std::uint8_t { any, one };

class zstd_decoder {
 public:
  // `one`: a byte behind the first frame is an error.
  explicit zstd_decoder(zstd_frames frames = zstd_frames::any);
  ~zstd_decoder();
  zstd_decoder(const zstd_decoder&) = delete;
  zstd_decoder& operator=(const zstd_decoder&) = delete;
  // Appends to `out` and takes what it read off the front of `bytes`; at most about `out_max` bytes a call, so that a small input cannot
  // become a large one unasked. True: call again, also when `bytes` is empty by now. errc::parse: no Zstandard, or changed, as far as
  // frames carry a checksum.
  [[nodiscard]] result<bool> feed(std::string_view& bytes, std::string& out, std::size_t out_max);
  // False inside of a frame: the end is missing.
  [[nodiscard]] bool whole() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::http
