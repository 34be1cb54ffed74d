// The keys under which a log keeps text: one for each day (UTC) and tenant, in a file of its own, sealed with a key from the master
// secret. Who erases a file erases the text of that day and tenant for good, and no line of the log changes.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
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

  // The key to seal with, made and kept when there is none yet. One thread. errc::refused: the text of that day and tenant was erased.
  [[nodiscard]] result<text_key> for_sealing(wall_time day, const std::string& tenant);
  // False: there are keys, and this secret opens none of them.
  [[nodiscard]] bool fit() const;
  // errc::not_found: it was erased, or lies elsewhere; the message says when it was erased.
  [[nodiscard]] result<crypto::digest> find(const std::string& id) const;

 private:
  [[nodiscard]] result<text_key> load_or_make(const std::string& day, const std::string& tenant) const;
  std::string directory_;
  crypto::digest wrapping_;
  std::string value_key_;
  std::string cached_day_;
  std::map<std::string, text_key> cached_;  // of that day, by tenant
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
// hand. One thread.
class erasure_watch {
 public:
  explicit erasure_watch(std::string directory) : directory_(std::move(directory)) {}
  // What happened since the last look, and before the first one what no log was told of: "text key ID: erased at TIME", or that it is gone without
  // a note. A folder that cannot be read says nothing.
  [[nodiscard]] std::vector<std::string> look();
  // It stands in the log: the notes of what was looked at say so, and the next boot does not tell it again.
  void told();

 private:
  std::string directory_;
  std::set<std::string> keys_, notes_;  // as of the last look
  std::vector<std::string> untold_;     // of the notes
};

}  // namespace sluice::audit
