// Taking the framing off a body, and putting chunks on one. Every byte of framing is checked, none is repaired.
#include <algorithm>

#include "sluice/base/hex_digit.hpp"
#include "sluice/http/head.hpp"

namespace sluice::http {
namespace {

// Chunk extensions carry nothing that anybody needs, and trailers are dropped: both are read within a small bound.
constexpr std::uint32_t extension_bytes_max = 512;
constexpr std::uint32_t trailer_bytes_max = 8 * 1024;
constexpr std::uint32_t size_digits_max = 15;

bool is_control(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u < 0x20 && u != '\t') || u == 0x7f;
}

}  // namespace

body_reader::body_reader(framing how, std::uint64_t content_length) {
  switch (how) {
    case framing::none: state_ = state::done; break;
    case framing::length:
      state_ = content_length == 0 ? state::done : state::length;
      left_ = content_length;
      break;
    case framing::chunked: state_ = state::size; break;
    case framing::until_close: state_ = state::eof; break;
  }
}

body_reader::status body_reader::bad(const char* why) {
  state_ = state::bad;
  reason_ = why;
  return status::refused;
}

// Handles one byte of chunk framing; null when it fits.
const char* body_reader::frame_byte(char c) {
  switch (state_) {
    case state::size:
      if (const int v = hex_value(c); v >= 0) {
        if (++digits_ > size_digits_max) return "a chunk size of more than 15 digits";
        left_ = left_ * 16 + static_cast<std::uint64_t>(v);
        return nullptr;
      }
      if (digits_ == 0) return "a chunk without a size";
      if (c != '\r' && c != ';') return "a chunk size that is not hex digits";
      state_ = c == ';' ? state::extension : state::size_lf;
      overhead_ = 0;
      return nullptr;
    case state::extension:
      if (c == '\r') return state_ = state::size_lf, nullptr;
      if (is_control(c)) return "a control character in a chunk extension";
      return ++overhead_ > extension_bytes_max ? "a chunk extension that is too long" : nullptr;
    case state::size_lf:
      if (c != '\n') return "a CR without its LF after a chunk size";
      digits_ = overhead_ = trailer_line_ = 0;
      trailer_cr_ = false;
      state_ = left_ == 0 ? state::trailer : state::data;
      return nullptr;
    case state::data_cr:
      if (c != '\r') return "a chunk that is longer than its size";
      state_ = state::data_lf;
      return nullptr;
    case state::data_lf:
      if (c != '\n') return "a CR without its LF after a chunk";
      state_ = state::size;
      return nullptr;
    default: return trailer_byte(c);
  }
}

// Trailers are dropped, but their lines must be lines.
const char* body_reader::trailer_byte(char c) {
  if (++overhead_ > trailer_bytes_max) return "trailers that are too large";
  if (trailer_cr_) {
    if (c != '\n') return "a CR without its LF in the trailers";
    trailer_cr_ = false;
    if (trailer_line_ == 0) state_ = state::done;
    trailer_line_ = 0;
    return nullptr;
  }
  if (c == '\r') return trailer_cr_ = true, nullptr;
  if (is_control(c)) return "a control character in the trailers";
  if (trailer_line_ == 0 && (c == ' ' || c == '\t' || c == ':')) return "a malformed trailer";
  ++trailer_line_;
  return nullptr;
}

body_reader::status body_reader::feed(std::string_view bytes, std::size_t& consumed, std::string_view& payload) {
  consumed = 0;
  payload = {};
  if (state_ == state::bad) return status::refused;
  if (state_ == state::eof) {
    payload = bytes;
    consumed = bytes.size();
    return status::more;
  }
  while (consumed < bytes.size() && state_ != state::done) {
    if (state_ == state::length || state_ == state::data) {
      payload = bytes.substr(consumed, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - consumed)));
      consumed += payload.size();
      left_ -= payload.size();
      if (left_ == 0) state_ = state_ == state::data ? state::data_cr : state::done;
      break;
    }
    if (const char* why = frame_byte(bytes[consumed])) return bad(why);
    ++consumed;
  }
  return state_ == state::done ? status::done : status::more;
}

body_reader::status body_reader::on_eof() {
  if (state_ == state::done) return status::done;
  if (state_ == state::eof) {
    state_ = state::done;
    return status::done;
  }
  if (state_ == state::bad) return status::refused;
  return bad("the connection ended inside the body");
}

void append_chunk(std::string& out, std::string_view payload) {
  if (payload.empty()) return;
  std::array<char, 16> digits;
  std::size_t n = digits.size();
  for (auto size = payload.size(); size != 0; size /= 16) digits[--n] = "0123456789abcdef"[size % 16];
  out.append(digits.data() + n, digits.size() - n);
  out.append("\r\n");
  out.append(payload);
  out.append("\r\n");
}

}  // namespace sluice::http
