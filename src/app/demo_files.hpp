// What `sluice demo` writes into its directory before anything starts: keys, passwords, the configuration of Redis and of each gateway, the rules, and
// `env`, which a shell reads so that the commands of docs/tour.md find all of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "sluice/base/result.hpp"

namespace sluice::app::demo {

inline constexpr std::size_t gateway_count = 3;
inline constexpr const char* ring = "demo";

struct ports {
  std::array<std::uint16_t, gateway_count> data{}, admin{};
  std::uint16_t redis = 0, model = 0;
};
// Eight ports of 127.0.0.1 from `first` on; 0: any that are free. An error names the one that is taken.
[[nodiscard]] result<ports> choose_ports(std::uint16_t first);

struct layout {
  std::string directory;
  ports at;
  std::string publisher_url;  // of Redis, with the publisher's password
  [[nodiscard]] std::string gateway_name(std::size_t n) const { return "gw" + std::to_string(n + 1); }
  [[nodiscard]] std::string path(const std::string& name) const { return directory + "/" + name; }
  [[nodiscard]] std::string log(const std::string& of) const { return path("log/" + of + ".log"); }
  [[nodiscard]] std::string url(std::uint16_t port) const { return "http://127.0.0.1:" + std::to_string(port); }
};
// `program`: the path of this program, for `env`.
[[nodiscard]] result<layout> write_files(const std::string& directory, const ports& at, const std::string& program);

}  // namespace sluice::app::demo
