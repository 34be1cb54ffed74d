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

struct listed {
  std::vector<std::string> keys, notes;  // ids, sorted
};

// Those of days from `from` on. Nothing where the folder cannot be read.
listed ids_in(const std::string& directory, std::string_view from = {}) {
  listed out;
  std::error_code why;
  for (fs::directory_iterator it(directory, why), end; !why && it != end; it.increment(why)) {
    const auto name = it->path().filename().string();
    const auto dot = std::min(name.find('.'), name.size());
    const auto id = std::string_view(name).substr(0, dot), extension = std::string_view(name).substr(dot);
    if (!is_id(id) || id.substr(0, day_digits) < from) continue;
    if (extension == ".key") out.keys.emplace_back(id);
    if (extension == ".erased") out.notes.emplace_back(id);
  }
  std::ranges::sort(out.keys);
  std::ranges::sort(out.notes);
  return out;
}

result<crypto::digest> unwrap(const crypto::digest& wrapping, const std::string& sealed, const std::string& id, const std::string& path) {
  const auto opened = crypto::open_sealed(wrapping, sealed, "audit text key " + id);
  crypto::digest key{};
  if (!opened || opened->size() != key.size()) return fail(errc::refused, path + " is damaged, or was sealed with another master secret");
  std::copy(opened->begin(), opened->end(), key.begin());
  return key;
}

// Overwritten before it is removed.
result<void> remove_key(const std::string& path) {
  std::error_code why;
  const auto size = fs::file_size(path, why);
  if (auto done = write_file(path, std::string(why ? 0 : size, '\0'), {.start = file_start::kept}); !done) return done;
  fs::remove(path, why);
  return why ? fail(errc::io, "cannot remove " + path + ": " + why.message()) : result<void>();
}

}  // namespace

std::string tenant_hash(std::string_view value_key, const std::string& tenant) { return keyed_hash(value_key, "tenant " + tenant).substr(0, 12); }

text_keys::known& text_keys::known_of(const std::string& day, const std::string& begin) {
  if (listed_from_.empty() || day < listed_from_) {
    const auto all = ids_in(directory_, day);
    known_.clear();
    for (const auto& id : all.keys) known_[id.substr(0, begin.size())].keys.push_back(id);
    for (const auto& id : all.notes) known_[id.substr(0, begin.size())].erased = true;
    listed_from_ = day;
  }
  return known_[begin];
}

result<text_key> text_keys::load_or_make(const std::string& day, const std::string& tenant) {
  const auto begin = day + "-" + tenant_hash(value_key_, tenant) + "-";
  auto& there = known_of(day, begin);
  for (const auto& id : there.keys) {
    const auto sealed = read_all(path_of(id));
    if (auto key = unwrap(wrapping_, sealed, id, path_of(id))) return text_key{id, *key};
    std::error_code why;
    there.erased = there.erased || (sealed.empty() && fs::exists(path_of(id, ".erased"), why));
  }
  // An exchange that was begun before midnight ends after it. Its text was to be gone, and under a new key it would be back.
  if (there.erased) return fail(errc::refused, "the text of " + day + " was erased");
  const auto bytes = crypto::random_bytes(sizeof(crypto::digest));
  text_key made{begin + hex(crypto::random_bytes(4)), {}};
  std::copy(bytes.begin(), bytes.end(), made.key.begin());
  std::error_code why;
  fs::create_directories(directory_, why);
  // The file's name, too, has to be there after a crash: what is sealed with its key stays in the log.
  const auto kept = write_file(path_of(made.id), crypto::seal(wrapping_, bytes, "audit text key " + made.id), {.start = file_start::fresh, .named = true});
  if (!kept) return std::unexpected(kept.error());
  there.keys.push_back(made.id);
  return made;
}

result<text_key> text_keys::for_sealing(wall_time when, const std::string& tenant) {
  const auto day = day_of(when);
  if (day > newest_day_) {
    // What is older than the day before is asked for no more, or seldom.
    const auto before = std::exchange(newest_day_, day);
    std::erase_if(cached_, [&](const auto& each) { return each.first.first < before; });
    known_.erase(known_.begin(), known_.lower_bound(before));
    if (!listed_from_.empty()) listed_from_ = std::max(listed_from_, before);
  }
  if (cached_.size() > tenants_cached_max) cached_.clear();
  const auto at = cached_.find({day, tenant});
  // Of a day that is over it may have been erased meanwhile.
  std::error_code why;
  if (at != cached_.end() && (day == newest_day_ || fs::exists(path_of(at->second.id), why))) return at->second;
  auto made = load_or_make(day, tenant);
  if (made) cached_[{day, tenant}] = *made;
  else if (at != cached_.end()) cached_.erase(at);
  return made;
}

bool text_keys::fit() const {
  const auto ids = ids_in(directory_).keys;
  return ids.empty() || std::ranges::any_of(ids, [&](const auto& id) { return find(id).has_value(); });
}

result<crypto::digest> text_keys::find(const std::string& id) const {
  if (!is_id(id)) return fail(errc::parse, "the record names no key");
  const auto path = directory_ + "/" + id + ".key";
  const auto sealed = read_all(path);
  if (!sealed.empty()) return unwrap(wrapping_, sealed, id, path);
  const auto erased = read_all(directory_ + "/" + id + ".erased");
  if (!erased.empty()) return fail(errc::not_found, "the text was erased at " + erased_at(erased));
  return fail(errc::unavailable, path + " is not there: the text was erased, or the key lies on another node");
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
  const auto all = ids_in(directory);
  for (const auto& id : all.notes) out.before += in_time(id) && fits(id) ? 1 : 0;
  for (const auto& id : all.keys) {
    if (!in_time(id)) continue;
    if (!fits(id)) {
      ++out.others;
      continue;
    }
    const auto path = directory + "/" + id + ".key";
    // The note first: a key that is gone without one would look lost.
    if (auto done = write_file(directory + "/" + id + ".erased", rfc3339(now) + "\n", {.named = true}); !done) return std::unexpected(done.error());
    if (auto done = remove_key(path); !done) return std::unexpected(done.error());
    out.erased.push_back(id);
  }
  return out;
}

// A folder's time goes in steps: what changed in the same one as the last listing is seen by another, a while behind it.
bool erasure_watch::unchanged() {
  constexpr milliseconds step{1000};
  std::error_code why;
  const auto now = mono_now();
  const auto changed = fs::last_write_time(directory_, why);
  const auto stamp = why ? std::nullopt : std::optional(changed);
  if (stamp && stamp == changed_) return listed_ - changed_seen_ >= step;
  changed_ = stamp;
  changed_seen_ = now;
  return false;
}

void erasure_watch::tell_note(const std::string& id, std::vector<std::string>& out) {
  if (!notes_.insert(id).second) return;
  const auto note = read_all(directory_ + "/" + id + ".erased");
  if (note.ends_with(in_the_log)) return;
  untold_.push_back(id);
  out.push_back("text key " + id + ": erased at " + erased_at(note));
}

std::vector<std::string> erasure_watch::look() {
  std::error_code why;
  const fs::directory_iterator readable(directory_, why);
  if ((why && why != std::errc::no_such_file_or_directory) || unchanged()) return {};
  listed_ = mono_now();
  const auto all = ids_in(directory_);
  std::vector<std::string> out;
  for (const auto& id : all.notes) tell_note(id, out);
  for (const auto& id : keys_) {
    if (std::ranges::binary_search(all.keys, id) || notes_.contains(id)) continue;
    // Its note was there before it was gone, but perhaps not yet when the folder was listed.
    if (fs::exists(directory_ + "/" + id + ".erased", why)) tell_note(id, out);
    else out.push_back("text key " + id + ": gone, and no note says that it was erased");
  }
  keys_ = {all.keys.begin(), all.keys.end()};
  return out;
}

result<std::size_t> erasure_watch::retire(const std::string& day) {
  std::size_t out = 0;
  std::error_code why;
  for (auto id = keys_.begin(); id != keys_.end() && *id < day; id = keys_.erase(id)) {
    const auto path = directory_ + "/" + *id + ".key";
    if (!fs::exists(path, why)) continue;  // erased since; the next look tells by its note
    if (auto done = remove_key(path); !done) return std::unexpected(done.error());
    ++out;
  }
  for (auto id = notes_.begin(); id != notes_.end() && *id < day; id = notes_.erase(id)) fs::remove(directory_ + "/" + *id + ".erased", why);
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
