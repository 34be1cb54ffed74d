// See responses_events.hpp.
#include "responses_events.hpp"

#include <vector>

#include "sluice/base/strings.hpp"
#include "sluice/text/json.hpp"

namespace sluice::wire {

namespace {

using text::json::kind;
using text::json::none;

// What is read here was read before, within the bound of its depth.
constexpr std::uint32_t any_depth = 1024;

}  // namespace

void responses_event(std::string_view type, std::int64_t number, std::string_view rest, std::string& out) {
  out.append("event: ").append(type).append("\ndata: {\"type\":").append(json_quoted(type));
  if (number >= 0) out.append(",\"sequence_number\":").append(std::to_string(number));
  out.append(rest).append("}\n\n");
}

std::string responses_object(std::string_view id_raw, std::string_view model_raw, std::string_view status, std::string_view items_raw) {
  std::string out = "{\"id\":";
  out.append(id_raw).append(",\"object\":\"response\",\"created_at\":0,\"status\":").append(json_quoted(status));
  out.append(",\"error\":null,\"incomplete_details\":").append(status == "incomplete" ? "{\"reason\":\"content_filter\"}" : "null");
  out.append(",\"instructions\":null,\"metadata\":{},\"model\":").append(model_raw).append(",\"output\":[").append(items_raw);
  out += "],\"parallel_tool_calls\":true,\"temperature\":null,\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":null,\"usage\":null}";
  return out;
}

std::string responses_text_part(std::string_view text_raw) {
  std::string out = "{\"type\":\"output_text\",\"text\":";
  return out.append(text_raw).append(",\"annotations\":[],\"logprobs\":[]}");
}

std::string responses_message_item(std::string_view id_raw, std::string_view status, std::string_view parts_raw) {
  std::string out = "{\"id\":";
  out.append(id_raw).append(",\"type\":\"message\",\"status\":").append(json_quoted(status));
  out.append(",\"role\":\"assistant\",\"content\":[").append(parts_raw).append("]}");
  return out;
}

std::string with_members(std::string_view object_raw, std::initializer_list<member_value> members) {
  text::json::document body;
  if (!body.parse(object_raw, any_depth) || body[0].kind != kind::object) return std::string(object_raw);
  std::vector<text::json::splice> splices;
  std::string added;
  for (const auto& m : members) {
    const auto at = body.member(0, m.key);
    if (at != none) {
      splices.push_back({body[at].raw_begin, body[at].raw_end, m.raw});
    } else if (!m.only_if_there) {
      added.append(added.empty() && body.first_child(0) == none ? "" : ",").append(json_quoted(m.key)).append(":").append(m.raw);
    }
  }
  const auto end = body[0].raw_end - 1;
  if (!added.empty()) splices.push_back({end, end, std::move(added)});
  return text::json::apply(object_raw, std::move(splices));
}

std::string raw_member(std::string_view object_raw, std::string_view key) {
  text::json::document body;
  if (!body.parse(object_raw, any_depth) || body[0].kind != kind::object) return {};
  const auto at = body.member(0, key);
  return at == none ? std::string() : std::string(body.raw(at));
}

}  // namespace sluice::wire
