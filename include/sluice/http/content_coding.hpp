// Content codings of bodies (RFC 9110 8.4.1): taken off piece by piece, within bounds, so that a few bytes cannot become many unasked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::http {

enum class content_coding : std::uint8_t {
  gzip,     // RFC 1952, any number of members
  deflate,  // RFC 1950; without its wrapping (RFC 1951) as well, as some senders understand the name
  brotli,   // RFC 7932
  zstd,     // RFC 8878, windows of 8 MiB at most
};
// Of a Content-Encoding's value. None for what is not read: other codings, and several on top of each other.
[[nodiscard]] std::optional<content_coding> content_coding_of(std::string_view field_value);
// As an Accept-Encoding's value.
inline constexpr std::string_view content_codings = "gzip, deflate, br, zstd";

struct decoding_bounds {
  std::uint64_t bytes_max;                 // of all that comes out
  std::uint32_t ratio_max;                 // of what came out to what went in,
  std::uint64_t ratio_free = 1ull << 20;   // once more than this came out
};

class body_decoder {
 public:
  body_decoder(content_coding what, const decoding_bounds& bounds);
  ~body_decoder();
  body_decoder(body_decoder&&) noexcept;
  body_decoder& operator=(body_decoder&&) noexcept;

  // Appends at most about 64 KiB to `out` and takes what it read off the front of `bytes`. True: call again, also when `bytes` is empty
  // by now. errc::parse: the bytes are not of this coding, or something follows its end; errc::limit: a bound was passed. After an
  // error the decoder is of no more use.
  [[nodiscard]] result<bool> feed(std::string_view& bytes, std::string& out);
  // Nothing is missing: it stands at the end of the coding, or nothing came at all.
  [[nodiscard]] bool whole() const;

  class engine;  // of one coding

 private:
  std::unique_ptr<engine> engine_;
  decoding_bounds bounds_;
  std::uint64_t taken_ = 0, made_ = 0;
  std::size_t waiting_ = 0;  // of bytes that were counted as taken before
};

}  // namespace sluice::http
