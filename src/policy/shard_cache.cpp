// See shard_cache.hpp. Disk files are "<key>.hsdb": 64 hex digits of the SHA-256 of what follows, then the database.
#include "sluice/policy/shard_cache.hpp"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <vector>

#include "document_cache.hpp"
#include "regex_program.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/match/classifier.hpp"
#include "sluice/match/database.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t recent_max = 96;  // databases kept although no snapshot uses them: a rollback finds them
constexpr std::size_t recent_programs_max = 512;
// On disk the least recently written go when there are more bytes than this; what is in memory stays.
constexpr std::uint64_t disk_bytes_max = 256u << 20;
constexpr int prune_every = 32;         // files written

std::string key_of(const match::pattern_set& set) {
  crypto::sha256_stream hash;
  hash.update(match::platform_tag());
  hash.update("/block");
  for (const auto& p : set.patterns) {
    hash.update("\n" + std::to_string(p.flags) + ":" + std::to_string(p.expression.size()) + ":");
    hash.update(p.expression);
  }
  return hex(hash.finish());
}

}  // namespace

struct shard_cache::impl {
  std::string directory;
  mutable std::mutex lock;
  std::map<std::string, std::weak_ptr<const match::database>> known;
  std::deque<std::shared_ptr<const match::database>> recent;
  std::map<std::string, std::weak_ptr<const regex_program>> programs;
  std::deque<std::shared_ptr<const regex_program>> recent_programs;
  std::map<std::string, std::weak_ptr<const match::classifier>> classifiers;  // by the SHA-256 of the file
  document_cache documents;
  statistics counts;
  int written = 0;

  [[nodiscard]] std::string file(const std::string& key) const { return directory + "/" + key + ".hsdb"; }

  std::shared_ptr<const match::database> from_disk(const std::string& key) {
    if (directory.empty()) return nullptr;
    std::ifstream in(file(key), std::ios::binary | std::ios::ate);
    if (std::error_code unknown; !in || std::filesystem::is_directory(file(key), unknown)) return nullptr;
    std::string all(static_cast<std::size_t>(std::max<std::streamoff>(in.tellg(), 0)), '\0');
    in.seekg(0);
    in.read(all.data(), static_cast<std::streamsize>(all.size()));
    if (!in || all.size() < 64 || crypto::sha256_hex(std::string_view(all).substr(64)) != all.substr(0, 64)) return nullptr;
    auto loaded = match::database::load(std::string_view(all).substr(64));
    return loaded ? *loaded : nullptr;
  }

  // Best effort: without the file the next start compiles again.
  void to_disk(const std::string& key, const std::string& bytes) {
    if (directory.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);
    const auto temporary = file(key) + ".new";
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out << crypto::sha256_hex(bytes) << bytes;
    out.close();  // a full disk may say so only now
    if (out.fail()) {
      std::filesystem::remove(temporary, ignored);
      return;
    }
    std::filesystem::rename(temporary, file(key), ignored);
    if (++written % prune_every == 1) prune();
  }

  void prune() const {
    namespace fs = std::filesystem;
    struct candidate {
      fs::file_time_type time;
      std::uint64_t bytes;
      fs::path path;
    };
    std::vector<candidate> idle;
    std::uint64_t total = 0;
    std::error_code failed;
    for (fs::directory_iterator it(directory, failed), end; !failed && it != end; it.increment(failed)) {
      std::error_code gone;
      if (it->path().extension() == ".new") fs::remove(it->path(), gone);  // of a process that was killed
      const candidate c{it->last_write_time(gone), it->file_size(gone), it->path()};
      if (gone || c.path.extension() != ".hsdb") continue;
      total += c.bytes;
      if (!known.contains(c.path.stem().string())) idle.push_back(c);
    }
    std::ranges::sort(idle, {}, &candidate::time);
    for (const auto& c : idle) {
      if (total <= disk_bytes_max) return;
      std::error_code ignored;
      fs::remove(c.path, ignored);
      total -= c.bytes;
    }
  }

  void keep(const std::string& key, const std::shared_ptr<const match::database>& db) {
    known[key] = db;
    use(db);
    std::erase_if(known, [](const auto& e) { return e.second.expired(); });
  }

  // The least recently used go first: a bundle that changes often must not push out what it needs at each change.
  void use(const std::shared_ptr<const match::database>& db) {
    const auto at = std::ranges::find(recent, db);
    if (at != recent.end()) recent.erase(at);
    recent.push_back(db);
    if (recent.size() > recent_max) recent.pop_front();
  }
};

shard_cache::shard_cache(std::string directory) : impl_(std::make_unique<impl>()) { impl_->directory = std::move(directory); }
shard_cache::~shard_cache() = default;
document_cache& shard_cache::documents() { return impl_->documents; }

result<std::shared_ptr<const match::database>> shard_cache::get(const match::pattern_set& set, match::compile_backend& backend) {
  const auto key = key_of(set);
  {
    const std::scoped_lock hold(impl_->lock);
    const auto it = impl_->known.find(key);
    if (it != impl_->known.end()) {
      if (auto db = it->second.lock()) {
        ++impl_->counts.memory_hits;
        impl_->use(db);
        return db;
      }
    }
    if (auto db = impl_->from_disk(key)) {
      ++impl_->counts.disk_hits;
      impl_->keep(key, db);
      return db;
    }
  }
  auto bytes = backend.compile(set);
  if (!bytes) return std::unexpected(bytes.error());
  auto db = match::database::load(*bytes);
  if (!db) return db;
  const std::scoped_lock hold(impl_->lock);
  ++impl_->counts.compiled;
  impl_->keep(key, *db);
  impl_->to_disk(key, *bytes);
  return db;
}

std::expected<std::shared_ptr<const regex_program>, match::regex_error> shard_cache::regex(const std::string& pattern) {
  const std::scoped_lock hold(impl_->lock);
  if (const auto it = impl_->programs.find(pattern); it != impl_->programs.end()) {
    if (auto known = it->second.lock()) return known;
  }
  auto compiled = match::regex::compile(pattern);
  if (!compiled) return std::unexpected(compiled.error());
  match::match_state state;
  auto starts = match::find_starts(*compiled, state);
  auto explodes_on = exploding_text(pattern, *compiled);
  auto made = std::make_shared<const regex_program>(regex_program{std::move(*compiled), std::move(starts), std::move(explodes_on)});
  impl_->programs[pattern] = made;
  impl_->recent_programs.push_back(made);
  if (impl_->recent_programs.size() > recent_programs_max) impl_->recent_programs.pop_front();
  std::erase_if(impl_->programs, [](const auto& e) { return e.second.expired(); });
  return made;
}

result<std::shared_ptr<const match::classifier>> shard_cache::classifier(const std::string& sha256, std::string_view bytes,
                                                                         match::compile_backend& backend) {
  const std::scoped_lock hold(impl_->lock);
  auto& kept = impl_->classifiers[sha256];
  if (auto known = kept.lock()) return known;
  if (auto tried = backend.try_classifier(bytes); !tried) return std::unexpected(tried.error());
  auto loaded = match::load_classifier(bytes);
  if (loaded) kept = *loaded;
  return loaded;
}

shard_cache::statistics shard_cache::stats() const {
  const std::scoped_lock hold(impl_->lock);
  return impl_->counts;
}

}  // namespace sluice::policy
