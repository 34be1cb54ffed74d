// A compiled Hyperscan database: a fast superset filter. A hit says "this pattern may match, look closer"; no hit says it does
// not. Where a match begins and ends is the confirm stage's matter (regex.hpp, keyword_table.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/base/result.hpp"

namespace sluice::match {

class database {
 public:
  // From what compile_backend::compile returned, on the same platform_tag().
  [[nodiscard]] static result<std::shared_ptr<const database>> load(std::string_view serialised);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;
  [[nodiscard]] std::size_t memory_bytes() const;
  struct impl;
  [[nodiscard]] const impl& get() const { return *impl_; }

 private:
  explicit database(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

// Hyperscan's working memory; one per thread, fits every database it was prepared for.
class scan_scratch {
 public:
  scan_scratch();
  ~scan_scratch();
  scan_scratch(scan_scratch&&) noexcept;
  scan_scratch& operator=(scan_scratch&&) noexcept;
  // Grows to fit; false: out of memory. Cheap when it fits already.
  [[nodiscard]] bool prepare(const database& for_this);
  struct impl;
  [[nodiscard]] impl& get() const { return *impl_; }

 private:
  std::unique_ptr<impl> impl_;
};

// Called with the id of a pattern that hit (its index in the set); may be called many times for one.
using on_hit = void (*)(void* self, std::uint32_t id);

// Scans text with a block-mode database. False: Hyperscan failed, so nothing is known ("unavailable", never "no match").
[[nodiscard]] bool scan(const database& with, std::string_view text, scan_scratch& scratch, void* self, on_hit hit);

}  // namespace sluice::match
