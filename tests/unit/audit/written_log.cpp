// See written_log.hpp.
#include "written_log.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <thread>

#include "files.hpp"

namespace sluice::audit::testing {

log_folder::log_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-audit-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
  path_ = name;
}

log_folder::~log_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<std::string> log_folder::files() const {
  std::vector<std::string> out;
  for (const auto& file : list_files(path()).value()) out.push_back(file.path);
  return out;
}

std::vector<std::string> log_folder::lines() const {
  std::vector<std::string> out;
  for (const auto& file : files()) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) out.push_back(line);
  }
  return out;
}

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

wall_time at(const std::string& time) { return parse_time(time).value(); }

log_config config_for(const log_folder& folder, const std::string& node) {
  log_config config;
  config.directory = folder.path();
  config.node = node;
  config.engine = "0.1";
  config.config_digest = "c0ffee";
  config.value_key = "a key of the test";
  config.interval = milliseconds(5);
  return config;
}

bool push(log& to, std::size_t producer, record r, bool reserved) {
  auto* slot = to.claim(producer, reserved);
  if (slot == nullptr) return false;
  *slot = std::move(r);
  to.publish(producer);
  return true;
}

record decision(const std::string& id, policy::verdict verdict, const std::string& tenant) {
  record r;
  r.id = id;
  r.time = at("2026-12-01T12:00:00Z");
  r.activation = "1-2";
  r.version = "abcdef0123";
  r.who.tenant = tenant;
  r.request.judged = true;
  r.request.verdict = verdict;
  r.status = 200;
  return r;
}

record large(const std::string& id) {
  auto r = decision(id);
  r.path = std::string(64u << 10, 'p');
  return r;
}

bool within_ten_seconds(const std::function<bool()>& holds) {
  const auto end = mono_now() + seconds(10);
  while (!holds() && mono_now() < end) std::this_thread::sleep_for(milliseconds(2));
  return holds();
}

}  // namespace sluice::audit::testing
