// What a version shares with others, by digest: compiled databases, patterns, models, files that were read; so that an unchanged policy
// costs nothing twice.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sluice/base/result.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/match/regex.hpp"

namespace sluice::match {
class classifier;
class database;
}

namespace sluice::policy {

struct regex_program;
class document_cache;

// Compiled databases by digest: in memory while a snapshot uses them (and for the last few that none does), on disk across restarts.
// Thread-safe. Files hold their own SHA-256 and are ignored when it does not fit; `directory` empty: memory only.
class shard_cache {
 public:
  explicit shard_cache(std::string directory);
  ~shard_cache();
  shard_cache(const shard_cache&) = delete;
  shard_cache& operator=(const shard_cache&) = delete;
  // From memory, from disk, or compiled by `backend` and kept.
  [[nodiscard]] result<std::shared_ptr<const match::database>> get(const match::pattern_set& set, match::compile_backend& backend);
  // A pattern compiled by PCRE2 with its start bytes, shared by all versions that have it.
  [[nodiscard]] std::expected<std::shared_ptr<const regex_program>, match::regex_error> regex(const std::string& pattern);
  // A model, loaded in `backend`'s child before it is loaded here; shared by all versions that have it.
  [[nodiscard]] result<std::shared_ptr<const match::classifier>> classifier(const std::string& sha256, std::string_view bytes,
                                                                            match::compile_backend& backend);
  // The trees of the last bundle's files, shared by what is built with this cache.
  [[nodiscard]] document_cache& documents();
  struct statistics {
    std::uint64_t memory_hits = 0, disk_hits = 0, compiled = 0;
  };
  [[nodiscard]] statistics stats() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::policy
