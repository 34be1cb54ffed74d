// What the gateway itself writes of a response: events, objects, items. Arguments that end in `_raw` are JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::wire {

// `number` below 0: the stream does not number its events. `rest`: members, each with a comma before it.
void responses_event(std::string_view type, std::int64_t number, std::string_view rest, std::string& out);
[[nodiscard]] std::string responses_object(std::string_view id_raw, std::string_view model_raw, std::string_view status, std::string_view items_raw);
[[nodiscard]] std::string responses_text_part(std::string_view text_raw);
[[nodiscard]] std::string responses_message_item(std::string_view id_raw, std::string_view status, std::string_view parts_raw);

// A JSON object with some members set anew or added.
struct member_value {
  std::string_view key;
  std::string raw;
  bool only_if_there = false;
};
[[nodiscard]] std::string with_members(std::string_view object_raw, std::initializer_list<member_value> members);
// The raw member of a JSON object; "" when it is not there.
[[nodiscard]] std::string raw_member(std::string_view object_raw, std::string_view key);

}  // namespace sluice::wire
