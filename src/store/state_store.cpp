// See state_store.hpp. state.json, contact, versions/<version>.bundle.
#include "state_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace sluice::store {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

std::optional<std::string> read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

void put(std::string& out, std::uint64_t n) { out.append(reinterpret_cast<const char*>(&n), sizeof n); }

// "length path length bytes" for each file; the version in the name is its check.
std::string pack(const policy::bundle_source& source) {
  std::string out;
  for (const auto& f : source.files) {
    put(out, f.path.size());
    out += f.path;
    put(out, f.bytes.size());
    out += f.bytes;
  }
  return out;
}

bool unpack(std::string_view in, policy::bundle_source& out) {
  const auto take = [&](std::string& s) {
    std::uint64_t n = 0;
    if (in.size() < sizeof n) return false;
    std::memcpy(&n, in.data(), sizeof n);
    in.remove_prefix(sizeof n);
    if (in.size() < n) return false;
    s.assign(in.substr(0, n));
    in.remove_prefix(n);
    return true;
  };
  while (!in.empty()) {
    std::string path, bytes;
    if (!take(path) || !take(bytes)) return false;
    out.files.push_back(policy::make_source_file(std::move(path), std::move(bytes)));
  }
  return true;
}

policy::activation activation_from(const json& j) {
  return {j.at("epoch").get<std::uint64_t>(), j.at("generation").get<std::uint64_t>()};
}
// Throws json::exception where a member is missing or of another type.
node_state state_from(const json& j) {
  node_state s{.source = j.at("source"), .highest = activation_from(j.at("highest")), .active = activation_from(j.at("active")), .version = j.at("version"),
               .healthy = {}, .last_contact = std::nullopt};
  for (const auto& h : j.at("healthy")) s.healthy.push_back({h.at("version"), activation_from(h)});
  return s;
}

json to_json(policy::activation a) { return {{"epoch", a.epoch}, {"generation", a.generation}}; }

}  // namespace

result<void> state_store::write_whole(const std::string& name, const std::string& bytes, bool sync) {
  const auto path = directory_ + "/" + name, temporary = path + ".new";
  const auto bad = [&](const char* what) { return fail(errc::io, std::string(what) + " " + temporary + " failed: " + std::strerror(errno)); };
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return bad("opening");
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      ::close(fd);
      return bad("writing");
    }
    done += static_cast<std::size_t>(n);
  }
  const bool synced = !sync || ::fsync(fd) == 0;
  ::close(fd);
  if (!synced) return bad("syncing");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return bad("renaming");
  if (!sync) return {};
  if (const int dir = ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); dir >= 0) {
    ::fsync(dir);
    ::close(dir);
  }
  return {};
}

result<node_state> state_store::open() {
  std::error_code why;
  fs::create_directories(directory_ + "/versions", why);
  if (why) {
    return fail(errc::io, "the state folder " + directory_ + " cannot be made: " + why.message() + "; choose another policy.state_directory");
  }
  node_state state;
  if (const auto bytes = read_whole(directory_ + "/state.json")) {
    try {
      state = state_from(json::parse(*bytes));
    } catch (const json::exception&) {
      return fail(errc::integrity, directory_ + "/state.json is damaged; move the state folder away to start without a memory");
    }
  }
  if (const auto bytes = read_whole(directory_ + "/contact")) {
    if (const auto when = parse_time(*bytes)) state.last_contact = *when;
  }
  return state;
}

result<void> state_store::save(const node_state& s) {
  json healthy = json::array();
  for (const auto& h : s.healthy) {
    auto one = to_json(h.activation);
    one["version"] = h.version;
    healthy.push_back(std::move(one));
  }
  const json j = {{"source", s.source}, {"highest", to_json(s.highest)}, {"active", to_json(s.active)}, {"version", s.version}, {"healthy", healthy}};
  return write_whole("state.json", j.dump(1) + "\n", true);
}

void state_store::save_contact(wall_time when) {
  // Losing the last one in a crash only makes the node look staler than it is.
  (void)write_whole("contact", rfc3339(when), false);
}

result<void> state_store::save_version(const std::string& version, const policy::bundle_source& source) {
  return write_whole("versions/" + version + ".bundle", pack(source), true);
}

result<policy::bundle_source> state_store::load_version(const std::string& version) const {
  const auto path = directory_ + "/versions/" + version + ".bundle";
  const auto bytes = read_whole(path);
  if (!bytes) return fail(errc::not_found, path + " is not there");
  policy::bundle_source source;
  if (!unpack(*bytes, source) || policy::version_of(source) != version) {
    return fail(errc::integrity, path + " is damaged: its content is not the version that its name says");
  }
  return source;
}

void state_store::prune(const std::vector<healthy_version>& keep) {
  std::error_code why;
  for (fs::directory_iterator it(directory_ + "/versions", why), end; !why && it != end; it.increment(why)) {
    const auto stem = it->path().stem().string();
    std::error_code ignored;
    if (std::ranges::find(keep, stem, &healthy_version::version) == keep.end()) fs::remove(it->path(), ignored);
  }
}

}  // namespace sluice::store
