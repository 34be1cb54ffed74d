// See state_store.hpp. state.json, contact, versions/<version>.bundle.
#include "state_store.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/durable_file.hpp"

namespace sluice::store {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

// errc::not_found: it is not there. errc::io: it is, or may be, and cannot be read.
result<std::string> read_whole(const std::string& path) {
  errno = 0;
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) return fail(errc::io, path + " cannot be read: it is a folder");
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return fail(errno == ENOENT ? errc::not_found : errc::io, path + (errno == ENOENT ? std::string(" is not there") : " cannot be read: " + std::string(std::strerror(errno))));
  std::string bytes(static_cast<std::size_t>(std::max<std::streamoff>(in.tellg(), 0)), '\0');
  in.seekg(0);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!in) return fail(errc::io, path + " cannot be read: " + std::strerror(errno));
  return bytes;
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
  std::set<std::string> seen;
  while (!in.empty()) {
    std::string path, bytes;
    if (!take(path) || !take(bytes) || !policy::wrong_with_path(path).empty() || !seen.insert(path).second) return false;
    out.files.push_back(policy::make_source_file(std::move(path), std::move(bytes)));
  }
  return true;
}

constexpr int format = 1;  // of state.json; a file without the member is of the same format

// Each reads one member; false where it is missing or of another type. get<> alone would turn a negative number into some other.
bool read(const json& from, const char* name, std::uint64_t& out) {
  const auto it = from.find(name);
  if (it == from.end() || !it->is_number_unsigned()) return false;
  out = it->get<std::uint64_t>();
  return true;
}
bool read(const json& from, const char* name, std::string& out) {
  const auto it = from.find(name);
  if (it == from.end() || !it->is_string()) return false;
  out = it->get<std::string>();
  return true;
}
bool read(const json& from, policy::activation& out) { return read(from, "epoch", out.epoch) && read(from, "generation", out.generation); }
bool read(const json& from, const char* name, policy::activation& out) {
  const auto it = from.find(name);
  return it != from.end() && read(*it, out);
}

// A file without one of these members is of a release that had none.
bool read_versions(const json& from, const char* name, std::vector<std::string>& out) {
  const auto all = from.find(name);
  if (all == from.end()) return true;
  if (!all->is_array()) return false;
  for (const auto& each : *all) {
    if (!each.is_string() || !policy::is_version(each.get<std::string>())) return false;
    out.push_back(each.get<std::string>());
  }
  return true;
}

bool read_demotions(const json& from, std::vector<demotion>& out) {
  const auto all = from.find("demotions");
  if (all == from.end()) return true;
  if (!all->is_array()) return false;
  for (const auto& each : *all) {
    demotion one;
    std::string time;
    const auto here = each.is_object() ? each.find("here") : each.end();
    if (!each.is_object() || here == each.end() || !here->is_boolean()) return false;
    if (!read(each, "version", one.what.version) || !read(each, "rule", one.what.rule) || !read(each, "why", one.what.why) || !read(each, "at", one.at) || !read(each, "time", time)) return false;
    one.here = here->get<bool>();
    one.by_person = truth(each, "by_person");
    one.what.by_safety = truth(each, "by_safety");
    one.time = parse_time(time).value_or(wall_time{});
    out.push_back(std::move(one));
  }
  return true;
}

result<node_state> state_from(const std::string& bytes) {
  const auto j = parse_bounded<json>(bytes);
  if (j.is_discarded()) return fail(errc::integrity, "no whole JSON");
  if (const auto f = j.find("format"); f != j.end() && *f != format) {
    return fail(errc::integrity, "written by another release, in format " + f->dump(-1, ' ', true, json::error_handler_t::replace));
  }
  const auto wrong = [](const std::string& what) { return fail(errc::integrity, what + " is missing or of another type"); };
  node_state s;
  if (!read(j, "source", s.source)) return wrong("source");
  if (!read(j, "highest", s.highest)) return wrong("highest");
  if (!read(j, "active", s.active)) return wrong("active");
  if (!read(j, "version", s.version) || (!s.version.empty() && !policy::is_version(s.version))) return wrong("version");
  const auto lost = j.find("highest_lost");
  if (lost != j.end() && !lost->is_boolean()) return wrong("highest_lost");
  s.highest_lost = lost != j.end() && lost->get<bool>();
  if (!read_demotions(j, s.demotions)) return wrong("a rule of demotions");
  if (!read_versions(j, "was_live", s.was_live)) return wrong("a version of was_live");
  if (!read_versions(j, "revoked", s.revoked)) return wrong("a version of revoked");
  if (j.contains("began") && !read(j, "began", s.began)) return wrong("began");
  if (j.contains("began_record") && !read(j, "began_record", s.began_record)) return wrong("began_record");
  if (j.contains("record") && !read(j, "record", s.record)) return wrong("record");
  if (j.contains("made_live") && !read(j, "made_live", s.made_live)) return wrong("made_live");
  if (const auto at = j.find("activated"); at != j.end() && at->is_string()) {
    if (const auto when = parse_time(at->get<std::string>())) s.last_activation = *when;
  }
  if (const auto at = j.find("gate"); at != j.end()) s.gate = shown_by_version_from(at->dump());
  if (const auto at = j.find("shadow"); at != j.end()) s.shadow = shown_by_version_from(at->dump());
  const auto healthy = j.find("healthy");
  if (healthy == j.end() || !healthy->is_array()) return wrong("healthy");
  for (const auto& h : *healthy) {
    healthy_version one;
    if (!read(h, "version", one.version) || !policy::is_version(one.version) || !read(h, one.activation)) return wrong("a version of healthy");
    one.proven = truth(h, "proven");
    s.healthy.push_back(std::move(one));
  }
  return s;
}

json to_json(policy::activation a) { return {{"epoch", a.epoch}, {"generation", a.generation}}; }

}  // namespace

namespace {

result<void> synced_folder(const std::string& folder) {
  const auto why = sync_folder(folder);
  return why ? fail(errc::io, "syncing the folder " + folder + " failed: " + why.message()) : result<void>();
}

}  // namespace

// NAME.new becomes NAME.
result<void> state_store::replace(const std::string& name) const {
  const auto path = directory_ + "/" + name, temporary = path + ".new";
  if (::rename(temporary.c_str(), path.c_str()) == 0) return {};
  auto why = fail(errc::io, "renaming " + temporary + " failed: " + std::strerror(errno));
  ::unlink(temporary.c_str());  // on a full disk it would be in the way of the next try
  return why;
}

void state_store::remove_leftovers() const {
  for (const auto& folder : {directory_, directory_ + "/versions"}) {
    std::error_code why;
    for (fs::directory_iterator it(folder, why), end; !why && it != end; it.increment(why)) {
      std::error_code ignored;
      if (it->path().extension() == ".new" && it->is_regular_file(ignored)) fs::remove(it->path(), ignored);
    }
  }
}

opened_state state_store::recover(const std::string& why) const {
  struct candidate {
    std::string version;
    fs::file_time_type used;
  };
  std::vector<candidate> found;
  std::error_code failed;
  for (fs::directory_iterator it(directory_ + "/versions", failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code ignored;
    if (it->path().extension() == ".bundle" && policy::is_version(it->path().stem().string())) {
      found.push_back({it->path().stem().string(), fs::last_write_time(it->path(), ignored)});
    }
  }
  std::ranges::sort(found, std::ranges::greater{}, &candidate::used);
  opened_state out;
  out.state.highest_lost = true;
  out.damage = why;
  for (const auto& each : found) {
    if (out.state.healthy.size() == versions_kept) break;
    if (const auto source = load_version(each.version)) {
      out.state.healthy.push_back({each.version, {}});
    } else {
      out.damage += "; " + source.error().message;
    }
  }
  if (!out.state.healthy.empty()) out.state.version = out.state.healthy.front().version;
  out.damage += "; " + std::to_string(out.state.healthy.size()) + " versions on disk verify, and the highest activation that this node has seen is lost: " +
                "until its source gives one, an older one would not be noticed";
  return out;
}

result<opened_state> state_store::open() {
  std::error_code why;
  fs::create_directories(directory_ + "/versions", why);
  if (why) {
    return fail(errc::io, "the state folder " + directory_ + " cannot be made: " + why.message() + "; choose another policy.state_directory");
  }
  for (const char* name : {"/state.json", "/contact"}) {
    if (!fs::is_directory(directory_ + name, why)) continue;
    return fail(errc::io, directory_ + name + " is a folder, and this node writes a file of that name; move it away, or choose another policy.state_directory");
  }
  remove_leftovers();
  opened_state out;
  const auto path = directory_ + "/state.json";
  const auto bytes = read_whole(path);
  if (bytes) {
    if (auto state = state_from(*bytes)) {
      out.state = std::move(*state);
    } else {
      const auto aside = path + ".damaged";
      const bool kept = ::rename(path.c_str(), aside.c_str()) == 0;
      out = recover(path + " is damaged (" + state.error().message + ") and was " + (kept ? "put aside as " + aside : "left where it is"));
    }
  } else if (bytes.error().code != errc::not_found) {
    // What it says is not lost: it is not written over, and a start that can read it has it.
    out = recover(bytes.error().message + "; see to its owner and mode, and start again. Until then nothing is written to policy.state_directory");
    out.unreadable = true;
  } else if (!fs::is_empty(directory_ + "/versions", why)) {
    out = recover(path + " is gone");
  }
  if (const auto contact = read_whole(directory_ + "/contact")) {
    if (const auto when = parse_time(*contact)) out.state.last_contact = *when;
  }
  return out;
}

result<void> state_store::save(const node_state& s) {
  json healthy = json::array();
  for (const auto& h : s.healthy) {
    auto one = to_json(h.activation);
    one["version"] = h.version;
    if (h.proven) one["proven"] = true;
    healthy.push_back(std::move(one));
  }
  json demotions = json::array();
  for (const auto& d : s.demotions) {
    demotions.push_back({{"version", d.what.version}, {"rule", d.what.rule}, {"why", d.what.why}, {"by_safety", d.what.by_safety}, {"at", to_json(d.at)}, {"time", rfc3339(d.time)}, {"here", d.here}, {"by_person", d.by_person}});
  }
  json j = {{"format", format}, {"demotions", demotions}, {"gate", parse_bounded<json>(to_json(s.gate))}, {"shadow", parse_bounded<json>(to_json(s.shadow))}, {"source", s.source}, {"highest_lost", s.highest_lost}, {"highest", to_json(s.highest)}, {"active", to_json(s.active)}, {"began", to_json(s.began)}, {"began_record", s.began_record}, {"version", s.version}, {"record", s.record}, {"made_live", s.made_live}, {"was_live", s.was_live}, {"revoked", s.revoked}, {"healthy", healthy}};
  if (s.last_activation) j["activated"] = rfc3339(*s.last_activation);
  const auto temporary = directory_ + "/state.json.new";
  auto done = write_file(temporary, j.dump(1) + "\n");
  renamed_ = false;
  // What it names must be there before it is. On most file systems the sync above did it already, and this one finds nothing to do.
  if (done) done = synced_folder(directory_ + "/versions");
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  done = replace("state.json");
  renamed_ = done.has_value();
  return done ? synced_folder(directory_) : done;
}

void state_store::save_contact(wall_time when) {
  // Losing the last one in a crash only makes the node look staler than it is.
  if (write_file(directory_ + "/contact.new", rfc3339(when), {.synced = false})) (void)replace("contact");
}

result<void> state_store::write_version(const std::string& version, const policy::bundle_source& source) const {
  return write_file(directory_ + "/" + version_file(version) + ".new", pack(source));
}

result<void> state_store::keep_version(const std::string& version) { return replace(version_file(version)); }

void state_store::discard_version(const std::string& version) { ::unlink((directory_ + "/" + version_file(version) + ".new").c_str()); }

result<policy::bundle_source> state_store::load_version(const std::string& version) const {
  const auto path = directory_ + "/" + version_file(version);
  const auto bytes = read_whole(path);
  if (!bytes) return std::unexpected(bytes.error());
  policy::bundle_source source;
  if (!unpack(*bytes, source) || policy::version_of(source) != version) {
    return fail(errc::integrity, path + " is damaged: its content is not the version that its name says");
  }
  return source;
}

result<void> state_store::mark_used(const std::string& version) {
  std::error_code why;
  fs::last_write_time(directory_ + "/" + version_file(version), fs::file_time_type::clock::now(), why);
  return why ? fail(errc::io, "marking the stored version as used failed: " + why.message()) : result<void>();
}

void state_store::remove_version(const std::string& version) {
  std::error_code ignored;
  fs::remove(directory_ + "/" + version_file(version), ignored);
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
