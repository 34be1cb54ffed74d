// Hyperscan 5.4.0 behind database.hpp. Every return code but success and "terminated" is a failure that the caller is told of.
#include "sluice/match/database.hpp"

#include <hs.h>

#include <utility>

namespace sluice::match {

struct database::impl {
  hs_database_t* db = nullptr;
  std::size_t bytes = 0;
  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { hs_free_database(db); }
};

database::database(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
database::~database() = default;
std::size_t database::memory_bytes() const { return impl_->bytes; }

result<std::shared_ptr<const database>> database::load(std::string_view serialised) {
  auto made = std::make_unique<impl>();
  if (const auto rc = hs_deserialize_database(serialised.data(), serialised.size(), &made->db); rc != HS_SUCCESS) {
    return fail(errc::integrity, "a compiled pattern database does not fit this build (Hyperscan error " + std::to_string(rc) +
                                     "); remove the cache folder to compile it again");
  }
  hs_database_size(made->db, &made->bytes);
  return std::shared_ptr<const database>(new database(std::move(made)));
}

struct scan_scratch::impl {
  hs_scratch_t* scratch = nullptr;
  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { hs_free_scratch(scratch); }
};

scan_scratch::scan_scratch() : impl_(std::make_unique<impl>()) {}
scan_scratch::~scan_scratch() = default;
scan_scratch::scan_scratch(scan_scratch&&) noexcept = default;
scan_scratch& scan_scratch::operator=(scan_scratch&&) noexcept = default;

bool scan_scratch::prepare(const database& for_this) {
  return hs_alloc_scratch(for_this.get().db, &impl_->scratch) == HS_SUCCESS;
}

namespace {

struct call {
  void* self;
  on_hit hit;
};

int forward(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  const auto& c = *static_cast<call*>(context);
  c.hit(c.self, id);
  return 0;
}

}  // namespace

bool scan(const database& with, std::string_view text, scan_scratch& scratch, void* self, on_hit hit) {
  call c{self, hit};
  return hs_scan(with.get().db, text.data(), static_cast<unsigned>(text.size()), 0, scratch.get().scratch, forward, &c) == HS_SUCCESS;
}

}  // namespace sluice::match
