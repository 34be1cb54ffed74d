// Definitions of tools in OpenAI's Responses, field by field.
#include <array>

#include "responses_table.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto function_rows = std::to_array<row>({
    {"type", opaque},
    {"<function>.name", name, kind::name, from::system},
    {"<function>.description", text, kind::tool_definition, from::system},
    {"<function>.parameters", schema, kind::tool_definition, from::system},
    {"<function>.output_schema", schema, kind::tool_definition, from::system},
    {"<function>.strict", scalar},
    {"<function>.defer_loading", scalar},
    {"<function>.allowed_callers[]", opaque},
    {"<custom>.name", name, kind::name, from::system},
    {"<custom>.description", text, kind::tool_definition, from::system},
    {"<custom>.format.type", opaque},
    {"<custom>.format.syntax", opaque},
    {"<custom>.format.definition", name, kind::tool_definition, from::system},
    {"<custom>.defer_loading", scalar},
    {"<custom>.allowed_callers[]", opaque},
});
constexpr auto hosted_rows = std::to_array<row>({
    {"<namespace>.name", name, kind::name, from::system},
    {"<namespace>.description", text, kind::tool_definition, from::system},
    {"<tool_search>.description", text, kind::tool_definition, from::system},
    {"<tool_search>.parameters", schema, kind::tool_definition, from::system},
    {"<tool_search>.execution", opaque},
    elsewhere({"<file_search>.vector_store_ids[]", reference, kind::attachment, from::system}, held::search_store),
    {"<file_search>.filters", schema, kind::tool_definition, from::system},
    {"<file_search>.max_num_results", scalar},
    {"<file_search>.ranking_options", parameters},
    {"<mcp>.server_label", name, kind::name, from::system},
    {"<mcp>.server_description", text, kind::tool_definition, from::system},
    elsewhere({"<mcp>.server_url", reference, kind::attachment, from::system}, held::mcp_server),
    elsewhere({"<mcp>.connector_id", reference, kind::attachment, from::system}, held::mcp_server),
    elsewhere({"<mcp>.tunnel_id", reference, kind::attachment, from::system}, held::mcp_server),
    {"<mcp>.authorization", sealed},
    {"<mcp>.headers", parameters},
    {"<mcp>.allowed_tools", schema, kind::tool_definition, from::system},
    {"<mcp>.require_approval", schema, kind::tool_definition, from::system},
    {"<mcp>.defer_loading", scalar},
    {"<mcp>.allowed_callers[]", opaque},
    elsewhere({"<code_interpreter>.container", reference, kind::attachment, from::system}, held::container),
    {"<code_interpreter>.container.type", opaque},
    {"<code_interpreter>.container.memory_limit", opaque},
    {"<code_interpreter>.container.file_ids[]", reference, kind::attachment, from::system},
    {"<code_interpreter>.container.network_policy", schema, kind::tool_definition, from::system},
    {"<code_interpreter>.allowed_callers[]", opaque},
    {"<image_generation>.input_image_mask.image_url", binary, kind::attachment, from::system},
    {"<image_generation>.input_image_mask.file_id", reference, kind::attachment, from::system},
    {"<image_generation>.action", opaque},
    {"<image_generation>.background", opaque},
    {"<image_generation>.input_fidelity", opaque},
    {"<image_generation>.model", opaque},
    {"<image_generation>.n", scalar},
    {"<image_generation>.moderation", opaque},
    {"<image_generation>.output_compression", scalar},
    {"<image_generation>.output_format", opaque},
    {"<image_generation>.partial_images", scalar},
    {"<image_generation>.quality", opaque},
    {"<image_generation>.size", opaque},
    {"<local_shell>.type", opaque},
    {"<apply_patch>.type", opaque},
    {"<apply_patch>.allowed_callers[]", opaque},
    {"<programmatic_tool_calling>.type", opaque},
    {"<shell>.allowed_callers[]", opaque},
    {"<shell>.environment.type", opaque},
    elsewhere({"<shell>.environment.container_id", reference, kind::attachment, from::system}, held::container),
    {"<shell>.environment.memory_limit", opaque},
    {"<shell>.environment.file_ids[]", reference, kind::attachment, from::system},
    {"<shell>.environment.network_policy", schema, kind::tool_definition, from::system},
    {"<shell>.environment.skills[].type", opaque},
    {"<shell>.environment.skills[].name", name, kind::tool_definition, from::system},
    {"<shell>.environment.skills[].description", text, kind::tool_definition, from::system},
    {"<shell>.environment.skills[].path", name, kind::tool_definition, from::system},
    elsewhere({"<shell>.environment.skills[].skill_id", reference, kind::attachment, from::system}, held::skill),
    {"<shell>.environment.skills[].version", opaque},
    {"<shell>.environment.skills[].source.type", opaque},
    {"<shell>.environment.skills[].source.media_type", opaque},
    {"<shell>.environment.skills[].source.data", binary, kind::attachment, from::system},
    {"<computer>.type", opaque},
    {"<computer_use_preview>.environment", opaque},
    {"<computer_use_preview>.display_width", scalar},
    {"<computer_use_preview>.display_height", scalar},
    fetches({"<x_search>.type", opaque}, held::web_search),
    {"<x_search>.allowed_x_handles[]", name, kind::tool_definition, from::system},
    {"<x_search>.excluded_x_handles[]", name, kind::tool_definition, from::system},
    {"<x_search>.from_date", opaque},
    {"<x_search>.to_date", opaque},
    {"<x_search>.enable_image_understanding", scalar},
    {"<x_search>.enable_video_understanding", scalar},
    {"<view_image>.type", opaque},
    {"<view_x_video>.type", opaque},
});
// Below each name that the search of the web has had.
constexpr auto web_search_rows = std::to_array<row>({
    fetches({"type", opaque}, held::web_search),
    {"search_context_size", opaque},
    {"search_content_types[]", opaque},
    {"external_web_access", scalar},
    {"return_token_budget", opaque},
    {"filters.allowed_domains[]", name, kind::tool_definition, from::system},
    {"filters.blocked_domains[]", name, kind::tool_definition, from::system},
    {"allowed_domains[]", name, kind::tool_definition, from::system},
    {"excluded_domains[]", name, kind::tool_definition, from::system},
    {"enable_image_understanding", scalar},
    {"user_location.type", opaque},
    {"user_location.city", name, kind::annotation, from::user},
    {"user_location.country", name, kind::annotation, from::user},
    {"user_location.region", name, kind::annotation, from::user},
    {"user_location.timezone", name, kind::annotation, from::user},
});
constexpr auto choice_rows = std::to_array<row>({
    {"", opaque},  // "auto"
    {"type", opaque},
    {"mode", opaque},
    {"name", name, kind::name, from::system},
    {"server_label", name, kind::name, from::system},
    {"tools", schema, kind::tool_definition, from::system},
});

// A repetition of what was asked is read by nobody as a name or a schema, so an edit breaks nothing there.
void add(row_list& out, const std::string& at, std::span<const row> rows, bool echoed) {
  if (!echoed) return out.add(at, rows, from::system);
  std::vector<row> as(rows.begin(), rows.end());
  for (auto& r : as) {
    if (r.what == name) r.what = text;
    if (r.what == schema) r.what = arguments;
    if (r.what == reference) r.what = opaque;
    if (r.what == binary) r.what = sealed;
  }
  out.add(at, as, from::system);
}

}  // namespace

void add_response_tools(row_list& out, const std::string& at, bool echoed) {
  add(out, at, function_rows, echoed);
  add(out, at, hosted_rows, echoed);
  add(out, at + "<namespace>.tools[]", function_rows, echoed);
  for (const char* search : {"<web_search>", "<web_search_2025_08_26>", "<web_search_preview>", "<web_search_preview_2025_03_11>"}) {
    add(out, at + search, web_search_rows, echoed);
  }
}

void add_tool_choice(row_list& out, const std::string& at, bool echoed) { add(out, at, choice_rows, echoed); }

}  // namespace sluice::wire
