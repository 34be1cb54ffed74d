// Errors as values. Pure code returns result<T>; nothing on the data plane throws.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

// What kind of failure; callers branch on this, people read `message`.
enum class errc : std::uint8_t {
  invalid_argument,  // the caller's words are off: a flag, a key, a value
  parse,             // the bytes are not what the format says
  limit,             // a stated bound was passed
  unavailable,       // something needed did not answer or failed inside
  io,                // a file or socket failed
  timeout,           // a deadline passed
  closed,            // the peer ended the connection
  refused,           // understood and denied: authentication, a policy, a freeze
  not_found,         // the named thing does not exist
  conflict,          // somebody else was first
  integrity,         // a digest, a chain or a signature does not fit
  internal,          // a broken invariant that was caught
};

std::string_view to_string(errc code);

// `message` says what happened, where, and what to do; it never holds matched text or a credential.
struct error {
  errc code = errc::internal;
  std::string message;
};

template <class T>
using result = std::expected<T, error>;

[[nodiscard]] inline std::unexpected<error> fail(errc code, std::string message) {
  return std::unexpected<error>(error{code, std::move(message)});
}

}  // namespace sluice
