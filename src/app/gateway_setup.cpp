// See gateway_setup.hpp.
#include "gateway_setup.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "sluice/base/durable_file.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::app {
namespace {

std::string random_hex(std::size_t bytes) {
  const auto random = crypto::random_bytes(bytes);
  return hex(random);
}

// Whether no start has come further than to make such files and locks.
bool is_untouched(const std::string& folder) {
  std::error_code why;
  for (std::filesystem::recursive_directory_iterator it(folder, why), end; !why && it != end; it.increment(why)) {
    const auto name = it->path().filename().string();
    const bool of_a_first_start = name == "secret" || name == "node-suffix" || name.ends_with("lock") || name.ends_with(".new");
    if (!it->is_directory(why) && !of_a_first_start) return false;
  }
  return !why;
}

// What the file holds, or `fresh`, written there. Two starts at once agree on whoever came first. An empty one of a first start that a crash
// tore, as older releases left it, is made anew; `else_lost`: what that would cost later.
result<std::string> kept_text(const std::string& path, const std::string& fresh, const std::string& else_lost) {
  const file_writing how{.start = file_start::fresh, .named = true};
  auto written = write_file(path, fresh + "\n", how);
  if (!written && written.error().code == errc::conflict) {
    const auto held = read_file(path, "the state directory");
    if (!held) return held;
    if (auto text = std::string(trim(*held)); !text.empty()) return text;
    if (!is_untouched(folder_of(path))) {
      return fail(errc::integrity, path + " is empty, and this gateway has run before: it was emptied, or the disk lost it. Put it back from a backup; without one remove it, "
                                          "and the next start makes another: " + else_lost);
    }
    std::error_code why;
    std::filesystem::remove(path, why);
    written = write_file(path, fresh + "\n", how);
  }
  if (!written) return std::unexpected(written.error());
  return fresh;
}

}  // namespace

result<directory_lock> directory_lock::take(const std::string& directory, const std::string& name, std::string_view what) {
  std::error_code failed;
  namespace fs = std::filesystem;
  // Not for every user of the machine: what is logged and kept there is people's.
  const bool made = fs::create_directories(directory, failed);
  if (made && !failed) fs::permissions(directory, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, failed);
  if (failed) return fail(errc::invalid_argument, std::string(what) + ": " + directory + " cannot be made: " + failed.message());
  const std::string path = directory + "/" + name;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(errc::invalid_argument, std::string(what) + ": cannot write " + path + ": " + std::strerror(errno));
  directory_lock lock(fd);
  std::array<char, 32> text{};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const auto size = ::pread(fd, text.data(), text.size() - 1, 0);
    const auto holder = size > 0 ? trim(std::string_view(text.data(), static_cast<std::size_t>(size))) : std::string_view("unknown");
    return fail(errc::invalid_argument, std::string(what) + ": " + directory + " is in use by another gateway (process " + std::string(holder) +
                                            "); each gateway needs a folder of its own");
  }
  const auto id = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return fail(errc::invalid_argument, std::string(what) + ": cannot write " + path + ": " + std::strerror(errno));
  }
  return lock;
}

directory_lock::~directory_lock() {
  if (fd_ >= 0) ::close(fd_);
}

result<void> port_is_free(const std::string& address, std::uint16_t port, std::string_view key) {
  if (port == 0) return {};
  addrinfo wanted{}, *list = nullptr;
  wanted.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &list) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> where(list, &::freeaddrinfo);
  const int fd = ::socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {};
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int failed = ::bind(fd, where->ai_addr, where->ai_addrlen) == 0 ? 0 : errno;
  ::close(fd);
  if (failed == 0) return {};
  return fail(errc::io, "cannot listen on " + address + ":" + std::to_string(port) + ": " + std::strerror(failed) + "; choose another " + std::string(key) +
                            ".address or " + std::string(key) + ".port");
}

result<std::string> read_file(const std::string& path, std::string_view what) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) return fail(errc::invalid_argument, std::string(what) + ": " + path + " is a folder, and a file is wanted; name the file in it");
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in.is_open() || in.bad()) {
    return fail(errc::invalid_argument, std::string(what) + ": " + path + " cannot be read");
  }
  return bytes;
}

result<std::string> read_secret(const std::string& path, std::string_view what) {
  auto bytes = read_file(path, what);
  if (!bytes) return bytes;
  std::string text(trim(*bytes));
  if (text.empty()) return fail(errc::invalid_argument, std::string(what) + ": " + path + " is empty");
  return text;
}

result<void> read_password(const std::string& file, const std::string& of, std::optional<store::redis_endpoint>& redis) {
  if (file.empty() || !redis) return {};
  auto password = read_secret(file, of + ".password_file");
  if (!password) return std::unexpected(password.error());
  redis->password = *password;
  return {};
}

result<std::string> kept_secret(const std::string& path) { return kept_text(path, random_hex(32), "then kept text stays sealed, and names, ids and checkpoints of before are of another secret"); }

result<std::string> kept_node_id(const std::string& state_directory) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') std::strcpy(host.data(), "node");
  auto suffix = kept_text(state_directory + "/node-suffix", random_hex(3), "then this node goes on under another name, and its log begins anew");
  if (!suffix) return suffix;
  return std::string(host.data()) + "-" + *suffix;
}

}  // namespace sluice::app
