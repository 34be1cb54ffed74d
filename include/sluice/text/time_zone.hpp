// Local clocks: a zone of the IANA database as the offsets that it has had and will have. Read once, when a policy is compiled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::text {

struct zone_offset {
  std::int64_t from;     // minutes since 1970 in UTC; in force until the next one's
  std::int32_t minutes;  // local clock minus UTC
};
// In order, the first from the begin of time; known to the year 2100. Empty: there is no such zone.
[[nodiscard]] std::vector<zone_offset> zone_offsets(std::string_view name);
// All that there are.
[[nodiscard]] std::vector<std::string> zone_names();

}  // namespace sluice::text
