// Time zones come from ICU, which brings its own copy of the database: no file of the machine decides what a policy means.
#include "sluice/text/time_zone.hpp"

#include <unicode/basictz.h>
#include <unicode/strenum.h>
#include <unicode/tztrans.h>

#include <limits>
#include <memory>

namespace sluice::text {
namespace {

constexpr double minute_ms = 60'000;
constexpr double end_ms = 4'102'444'800'000.0;  // 2100-01-01
constexpr std::size_t offsets_max = 4096;

std::int32_t offset_at(const icu::TimeZone& zone, double at_ms) {
  std::int32_t raw = 0, saved = 0;
  UErrorCode failed = U_ZERO_ERROR;
  zone.getOffset(at_ms, 0, raw, saved, failed);
  return U_FAILURE(failed) ? 0 : static_cast<std::int32_t>((raw + saved) / minute_ms);
}

}  // namespace

std::vector<zone_offset> zone_offsets(std::string_view name) {
  const auto id = icu::UnicodeString::fromUTF8(icu::StringPiece(name.data(), static_cast<std::int32_t>(name.size())));
  const std::unique_ptr<icu::TimeZone> zone(icu::TimeZone::createTimeZone(id));
  icu::UnicodeString got;
  if (zone == nullptr || name.empty() || *zone == icu::TimeZone::getUnknown()) return {};
  // createTimeZone also takes "GMT+3" and three-letter names; only names of the database mean the same to everybody.
  UErrorCode failed = U_ZERO_ERROR;
  UBool system = 0;
  icu::TimeZone::getCanonicalID(id, got, system, failed);
  if (U_FAILURE(failed) || system == 0) return {};
  std::vector<zone_offset> out = {{std::numeric_limits<std::int64_t>::min(), offset_at(*zone, 0)}};
  const auto* rules = dynamic_cast<const icu::BasicTimeZone*>(zone.get());
  icu::TimeZoneTransition next;
  double at = 0;
  while (rules != nullptr && out.size() < offsets_max && rules->getNextTransition(at, 0, next) && next.getTime() < end_ms) {
    at = next.getTime();
    out.push_back({static_cast<std::int64_t>(at / minute_ms), offset_at(*zone, at)});
  }
  return out;
}

std::vector<std::string> zone_names() {
  std::vector<std::string> out;
  UErrorCode failed = U_ZERO_ERROR;
  const std::unique_ptr<icu::StringEnumeration> all(icu::TimeZone::createTimeZoneIDEnumeration(UCAL_ZONE_TYPE_ANY, nullptr, nullptr, failed));
  while (all != nullptr && U_SUCCESS(failed)) {
    const char* name = all->next(nullptr, failed);
    if (name == nullptr || U_FAILURE(failed)) break;
    out.emplace_back(name);
  }
  return out;
}

}  // namespace sluice::text
