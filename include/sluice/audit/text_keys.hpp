// The keys under which a log keeps text: one for each day (UTC) and tenant, in a file of its own, sealed with a key from the master
// secret. Who erases a file erases the text of that day and tenant for good, and no line of the log changes.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit {

struct text_key {
  std::string id;  // "2026-12-01-<hash of the tenant>-<random>": what a record names
  crypto::digest key{};
};

class text_keys {
 public:
  // `wrapping`: seals the files. `value_key`: hashes tenants, as log_config::value_key.
  text_keys(std::string directory, crypto::digest wrapping, std::string value_key)
      : directory_(std::move(directory)), wrapping_(wrapping), value_key_(std::move(value_key)) {}

  // The key to seal with, made and kept when there is none yet. One thread. errc::refused: the text of that day and tenant was erased. The folder is
  // listed once, and again only for a day long past: nobody else makes keys in it, and what is erased is gone from its own place.
  [[nodiscard]] result<text_key> for_sealing(wall_time day, const std::string& tenant);
  // False: there are keys, and this secret opens none of them.
  [[nodiscard]] bool fit() const;
  // errc::not_found: it was erased, or lies elsewhere; the message says when it was erased.
  [[nodiscard]] result<crypto::digest> find(const std::string& id) const;

 private:
  // What there is of one day and tenant.
  struct known {
    std::vector<std::string> keys;  // ids
    bool erased = false;            // one of them was
  };
  [[nodiscard]] result<text_key> load_or_make(const std::string& day, const std::string& tenant);
  [[nodiscard]] known& known_of(const std::string& day, const std::string& begin);
  [[nodiscard]] std::string path_of(const std::string& id, const char* extension = ".key") const { return directory_ + "/" + id + extension; }
  std::string directory_;
  crypto::digest wrapping_;
  std::string value_key_;
  std::string newest_day_, listed_from_;                             // days; listed_from_: known_ has all of the folder from then on
  std::map<std::string, known> known_;                               // by the begin of their ids, the oldest day first
  std::map<std::pair<std::string, std::string>, text_key> cached_;   // by day and tenant
};

// Which keys to erase: those of days before `before`, or of `day`; of one tenant (as it stands in ids) or of all.
struct erase_request {
  std::string before, day;  // 2026-12-01; one of them
  std::string tenant_hash;  // as tenant_hash() gives it; empty: all
};
// How a tenant stands in the ids of keys.
[[nodiscard]] std::string tenant_hash(std::string_view value_key, const std::string& tenant);
struct erasure {
  std::vector<std::string> erased;  // ids
  std::size_t before = 0;           // that fit and were erased earlier
  std::size_t others = 0;           // of those days, of other tenants
};
// Overwrites and removes the files, and leaves a note of when for each. errc::not_found: the directory is not there.
[[nodiscard]] result<erasure> erase_keys(const std::string& directory, const erase_request& which, wall_time now);

// What became of the keys, for the chain of the node whose keys they are: whoever may write into their folder can erase one, by the command or by
// hand. One thread. A folder in which nothing changed is not listed again.
class erasure_watch {
 public:
  explicit erasure_watch(std::string directory) : directory_(std::move(directory)) {}
  // What happened since the last look, and before the first one what no log was told of: "text key ID: erased at TIME", or that it is gone without
  // a note. A folder that cannot be read says nothing.
  [[nodiscard]] std::vector<std::string> look();
  // It stands in the log: the notes of what was looked at say so, and the next boot does not tell it again.
  void told();
  // Keys of days before `day` have no records any more: they go as those that are erased do, and their notes with them. No record tells of each:
  // the log has said that it retired what they sealed. As of the last look; how many keys went.
  result<std::size_t> retire(const std::string& day);

 private:
  [[nodiscard]] bool unchanged();
  void tell_note(const std::string& id, std::vector<std::string>& out);
  std::string directory_;
  std::set<std::string> keys_, notes_;  // as of the last look
  std::vector<std::string> untold_;     // of the notes
  std::optional<std::filesystem::file_time_type> changed_;  // the folder, when it was looked at last
  mono_time changed_seen_{}, listed_{};
};

}  // namespace sluice::audit
