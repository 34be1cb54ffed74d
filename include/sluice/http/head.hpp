// The head of an HTTP/1 message and the framing guard (RFC 9112, RFC 9110): one strict parser, one framing, no repair.
// Sans-I/O: bytes in, values out. Views point into the caller's buffer.
//
// Refused, each with its reason: obs-fold, bare CR or LF, NUL and other controls, space before a colon, an empty or non-token
// name, Content-Length that is duplicated, a list or not digits, Content-Length beside Transfer-Encoding, any
// Transfer-Encoding but exactly "chunked", chunked on HTTP/1.0, versions other than 1.0 and 1.1, a missing or second Host,
// targets in absolute form whose authority is not Host, control or non-ASCII bytes in the target.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::http {

struct field {
  std::string_view name;   // as sent
  std::string_view value;  // surrounding white space removed
};

struct limits {
  std::uint32_t head_bytes_max = 32 * 1024;
  std::uint32_t fields_max = 100;
};

enum class framing : std::uint8_t { none, length, chunked, until_close };

struct request_head {
  std::string_view method, target;
  std::string_view path, query;  // of target; path is exactly as sent (no decoding)
  std::uint8_t minor_version = 1;
  std::vector<field> fields;
  http::framing framing = framing::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expect_continue = false;
  [[nodiscard]] std::string_view get(std::string_view name) const;  // first value, empty when absent
  [[nodiscard]] std::size_t count(std::string_view name) const;
};

struct response_head {
  std::uint16_t status = 0;
  std::uint8_t minor_version = 1;
  std::vector<field> fields;
  http::framing framing = framing::until_close;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  [[nodiscard]] std::string_view get(std::string_view name) const;
};

// Why a head was refused: the status for a client (400, 414, 417, 431, 501, 505) and a reason that names the rule.
struct refusal {
  int status = 400;
  std::string reason;
};

enum class parse_status : std::uint8_t { complete, incomplete, refused };

// Parses a head at the front of `bytes`. `complete`: `consumed` bytes were the head, `out` views into `bytes`. `incomplete`:
// call again with more (refused as soon as the limits are passed). A single CRLF before a request line is skipped (RFC 9112 2.2).
[[nodiscard]] parse_status parse_request_head(std::string_view bytes, const limits& bounds, request_head& out,
                                              std::size_t& consumed, refusal& why);
// `to_head_request`: the answer to a HEAD has no body whatever its fields say. 1xx answers come out like any other.
[[nodiscard]] parse_status parse_response_head(std::string_view bytes, const limits& bounds, bool to_head_request,
                                               response_head& out, std::size_t& consumed, refusal& why);

// Takes the framing off a body. feed() consumes from `bytes` and appends nothing: it reports payload as views into `bytes`.
// Chunk sizes: 1 to 15 hex digits, no sign, no white space; extensions are skipped within a bound; trailers are read and dropped.
class body_reader {
 public:
  body_reader() = default;
  body_reader(framing how, std::uint64_t content_length);
  enum class status : std::uint8_t { more, done, refused };
  // On return `consumed` bytes are spent; `payload` is the next piece of the body (may be empty). Call until it consumes
  // nothing or says done. Bytes after the body are left alone.
  [[nodiscard]] status feed(std::string_view bytes, std::size_t& consumed, std::string_view& payload);
  // The peer closed: done for until_close, refused otherwise.
  [[nodiscard]] status on_eof();
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  enum class state : std::uint8_t { length, eof, size, extension, size_lf, data, data_cr, data_lf, trailer, done, bad };
  status bad(const char* why);
  const char* frame_byte(char c);
  const char* trailer_byte(char c);
  state state_ = state::done;
  std::uint64_t left_ = 0;
  std::uint32_t digits_ = 0, overhead_ = 0, trailer_line_ = 0;
  bool trailer_cr_ = false;
  std::string reason_;
};

// Appends "<hex>\r\n<payload>\r\n"; nothing for an empty payload, because an empty chunk ends a body.
void append_chunk(std::string& out, std::string_view payload);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace sluice::http
