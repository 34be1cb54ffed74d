// See gateway_setup.hpp.
#include "gateway_setup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::app {
namespace {

std::string random_hex(std::size_t bytes) {
  const auto random = crypto::random_bytes(bytes);
  return hex(std::span(reinterpret_cast<const unsigned char*>(random.data()), random.size()));
}

// What the file holds, or `fresh`, written there. Two starts at once agree on whoever came first.
result<std::string> kept_text(const std::string& path, const std::string& fresh) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    if (errno != EEXIST) return fail(errc::io, "cannot write " + path + ": " + std::strerror(errno));
    return read_secret(path, "the file");
  }
  const std::string text = fresh + "\n";
  const bool fine = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (fine) return fresh;
  ::unlink(path.c_str());
  return fail(errc::io, "cannot write " + path + ": " + std::strerror(errno));
}

}  // namespace

result<std::string> read_file(const std::string& path, std::string_view what) {
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

result<std::string> kept_secret(const std::string& path) { return kept_text(path, random_hex(32)); }

result<std::string> kept_node_id(const std::string& state_directory) {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') std::strcpy(host.data(), "node");
  auto suffix = kept_text(state_directory + "/node-suffix", random_hex(3));
  if (!suffix) return suffix;
  return std::string(host.data()) + "-" + *suffix;
}

}  // namespace sluice::app
