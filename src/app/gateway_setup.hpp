// Files that the gateway reads or makes before it serves: secrets, tokens, its own name. Errors name the file and the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"

namespace sluice::app {

// Holds a folder that one process at a time may use, until it is destroyed or the process ends, however it ends (flock(2)).
class directory_lock {
 public:
  // Makes the folder when it is missing. `what` is the configuration's key for it. Refused while another process holds it, whose id
  // the error names.
  [[nodiscard]] static result<directory_lock> take(const std::string& directory, const std::string& name, std::string_view what);
  directory_lock() = default;
  ~directory_lock();
  directory_lock(directory_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  directory_lock& operator=(directory_lock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

 private:
  explicit directory_lock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Whether the port can be bound now, so that a gateway that could not serve leaves no trace. An address that is none is for the listener to refuse.
[[nodiscard]] result<void> port_is_free(const std::string& address, std::uint16_t port, std::string_view key);
[[nodiscard]] result<std::string> read_file(const std::string& path, std::string_view what);
// A line of text from a file, surrounding white space removed; an empty one is an error.
[[nodiscard]] result<std::string> read_secret(const std::string& path, std::string_view what);
// Puts the password from a file, where one is named, into the endpoint. `of`: the configuration's key for it.
[[nodiscard]] result<void> read_password(const std::string& file, const std::string& of, std::optional<store::redis_endpoint>& redis);
// From `path`, or 32 random bytes in hex that are made and kept there, readable by this user only.
[[nodiscard]] result<std::string> kept_secret(const std::string& path);
// The host's name and a suffix that is made once and kept in the state directory.
[[nodiscard]] result<std::string> kept_node_id(const std::string& state_directory);

}  // namespace sluice::app
