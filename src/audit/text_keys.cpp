// See text_keys.hpp. Files: <id>.key, the sealed key; <id>.erased, when it was erased.
#include "sluice/audit/text_keys.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "sluice/audit/query.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/sealed.hpp"

namespace sluice::audit {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t day_digits = 10, tenants_cached_max = 10'000;

std::string day_of(wall_time t) { return rfc3339(t).substr(0, day_digits); }

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "2026-12-01-<12 digits>-<8 digits>"
bool is_id(std::string_view id) {
  constexpr std::size_t size = day_digits + 1 + 12 + 1 + 8;
  return id.size() == size && id.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

// A note has the time, and behind it, once the log has it, a line that says so.
constexpr std::string_view in_the_log = "in the log\n";
std::string erased_at(const std::string& note) { return std::string(trim(std::string_view(note).substr(0, note.find('\n')))); }

std::vector<std::string> ids_in(const std::string& directory, std::string_view begin, std::string_view extension = ".key") {
  std::vector<std::string> out;
  std::error_code why;
  for (fs::directory_iterator it(directory, why), end; !why && it != end; it.increment(why)) {
    const auto stem = it->path().stem().string();
    if (it->path().extension() == extension && is_id(stem) && stem.starts_with(begin)) out.push_back(stem);
  }
  std::ranges::sort(out);
  return out;
}

result<crypto::digest> unwrap(const crypto::digest& wrapping, const std::string& sealed, const std::string& id, const std::string& path) {
  const auto opened = crypto::open_sealed(wrapping, sealed, "audit text key " + id);
  crypto::digest key{};
  if (!opened || opened->size() != key.size()) return fail(errc::refused, path + " is damaged, or was sealed with another master secret");
  std::copy(opened->begin(), opened->end(), key.begin());
  return key;
}

}  // namespace

std::string tenant_hash(std::string_view value_key, const std::string& tenant) { return keyed_hash(value_key, "tenant " + tenant).substr(0, 12); }

result<text_key> text_keys::load_or_make(const std::string& day, const std::string& tenant) const {
  const auto begin = day + "-" + tenant_hash(value_key_, tenant) + "-";
  for (const auto& id : ids_in(directory_, begin)) {
    const auto path = directory_ + "/" + id + ".key";
    if (auto key = unwrap(wrapping_, read_all(path), id, path)) return text_key{id, *key};
  }
  // An exchange that was begun before midnight ends after it. Its text was to be gone, and under a new key it would be back.
  if (!ids_in(directory_, begin, ".erased").empty()) return fail(errc::refused, "the text of " + day + " was erased");
  const auto bytes = crypto::random_bytes(sizeof(crypto::digest));
  text_key made{begin + hex(crypto::random_bytes(4)), {}};
  std::copy(bytes.begin(), bytes.end(), made.key.begin());
  std::error_code why;
  fs::create_directories(directory_, why);
  // The file's name, too, has to be there after a crash: what is sealed with its key stays in the log.
  const auto kept = write_file(directory_ + "/" + made.id + ".key", crypto::seal(wrapping_, bytes, "audit text key " + made.id), {.start = file_start::fresh, .named = true});
  if (!kept) return std::unexpected(kept.error());
  return made;
}

result<text_key> text_keys::for_sealing(wall_time when, const std::string& tenant) {
  const auto day = day_of(when);
  if (day != cached_day_ || cached_.size() > tenants_cached_max) cached_.clear();
  cached_day_ = day;
  if (const auto known = cached_.find(tenant); known != cached_.end()) return known->second;
  auto made = load_or_make(day, tenant);
  if (made) cached_[tenant] = *made;
  return made;
}

bool text_keys::fit() const {
  const auto ids = ids_in(directory_, "");
  return ids.empty() || std::ranges::any_of(ids, [&](const auto& id) { return find(id).has_value(); });
}

result<crypto::digest> text_keys::find(const std::string& id) const {
  if (!is_id(id)) return fail(errc::parse, "the record names no key");
  const auto path = directory_ + "/" + id + ".key";
  const auto sealed = read_all(path);
  if (!sealed.empty()) return unwrap(wrapping_, sealed, id, path);
  const auto erased = read_all(directory_ + "/" + id + ".erased");
  if (!erased.empty()) return fail(errc::not_found, "the text was erased at " + erased_at(erased));
  return fail(errc::not_found, path + " is not there: the text was erased, or the key lies on another node");
}

result<erasure> erase_keys(const std::string& directory, const erase_request& which, wall_time now) {
  std::error_code why;
  if (!fs::is_directory(directory, why)) return fail(errc::not_found, directory + " is not there");
  const auto in_time = [&](const std::string& id) {
    const auto day = id.substr(0, day_digits);
    return which.day.empty() ? day < which.before : day == which.day;
  };
  const auto fits = [&](const std::string& id) { return which.tenant_hash.empty() || id.substr(day_digits + 1, which.tenant_hash.size()) == which.tenant_hash; };
  erasure out;
  for (const auto& id : ids_in(directory, "", ".erased")) out.before += in_time(id) && fits(id) ? 1 : 0;
  for (const auto& id : ids_in(directory, "")) {
    if (!in_time(id)) continue;
    if (!fits(id)) {
      ++out.others;
      continue;
    }
    const auto path = directory + "/" + id + ".key";
    // The note first: a key that is gone without one would look lost.
    if (auto done = write_file(directory + "/" + id + ".erased", rfc3339(now) + "\n", {.named = true}); !done) return std::unexpected(done.error());
    const auto size = fs::file_size(path, why);
    if (auto done = write_file(path, std::string(why ? 0 : size, '\0'), {.start = file_start::kept}); !done) return std::unexpected(done.error());
    fs::remove(path, why);
    if (why) return fail(errc::io, "cannot remove " + path + ": " + why.message());
    out.erased.push_back(id);
  }
  return out;
}

std::vector<std::string> erasure_watch::look() {
  std::error_code why;
  const fs::directory_iterator readable(directory_, why);
  if (why && why != std::errc::no_such_file_or_directory) return {};
  // In this order: a note is there before its key is gone.
  const auto keys = ids_in(directory_, ""), notes = ids_in(directory_, "", ".erased");
  std::vector<std::string> out;
  for (const auto& id : notes) {
    if (!notes_.insert(id).second) continue;
    const auto note = read_all(directory_ + "/" + id + ".erased");
    if (note.ends_with(in_the_log)) continue;
    untold_.push_back(id);
    out.push_back("text key " + id + ": erased at " + erased_at(note));
  }
  for (const auto& id : keys_) {
    if (!std::ranges::binary_search(keys, id) && !notes_.contains(id)) out.push_back("text key " + id + ": gone, and no note says that it was erased");
  }
  keys_ = {keys.begin(), keys.end()};
  return out;
}

void erasure_watch::told() {
  for (const auto& id : std::exchange(untold_, {})) {
    const auto path = directory_ + "/" + id + ".erased";
    // Where that fails the next boot tells it once more.
    (void)replace_file(path, erased_at(read_all(path)) + "\n" + std::string(in_the_log), 0600);
  }
}

}  // namespace sluice::audit
