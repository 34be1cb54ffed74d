// Content blocks of Anthropic Messages, field by field. They stand in messages, in the results of tools, in answers and in the first
// event of a block, so their rows are put together from parts.
#include <array>

#include "anthropic_table.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

// A text, and where it says it has things from.
constexpr auto text_rows = std::to_array<row>({
    {"<text>.text", text},
    {"<text>.citations[].type", opaque},
    {"<text>.citations[].cited_text", text, kind::annotation},
    {"<text>.citations[].document_title", text, kind::annotation},
    {"<text>.citations[].title", text, kind::annotation},
    {"<text>.citations[].url", name, kind::annotation},
    {"<text>.citations[].source", name, kind::annotation},
    {"<text>.citations[].encrypted_index", sealed},
    {"<text>.citations[].file_id", opaque},
    {"<text>.citations[].document_index", scalar},
    {"<text>.citations[].search_result_index", scalar},
    {"<text>.citations[].start_char_index", scalar},
    {"<text>.citations[].end_char_index", scalar},
    {"<text>.citations[].start_page_number", scalar},
    {"<text>.citations[].end_page_number", scalar},
    {"<text>.citations[].start_block_index", scalar},
    {"<text>.citations[].end_block_index", scalar},
});
constexpr auto common_rows = std::to_array<row>({
    {"type", opaque},
    {"cache_control", parameters},
});
constexpr auto image_rows = std::to_array<row>({
    {"<image>.transformations", parameters},
    {"<image>.source.type", opaque},
    {"<image>.source<base64>.media_type", opaque},
    {"<image>.source<base64>.data", binary, kind::attachment},
    {"<image>.source<url>.url", binary, kind::attachment},
    {"<image>.source<file>.file_id", reference, kind::attachment},
});
constexpr auto document_rows = std::to_array<row>({
    {"<document>.title", text},
    {"<document>.context", text},
    {"<document>.citations", parameters},
    {"<document>.source.type", opaque},
    {"<document>.source.media_type", opaque},
    {"<document>.source<text>.data", text},
    {"<document>.source<base64>.data", binary, kind::attachment},
    {"<document>.source<url>.url", binary, kind::attachment},
    {"<document>.source<file>.file_id", reference, kind::attachment},
    {"<document>.source<content>.content", text},
});
constexpr auto search_rows = std::to_array<row>({
    {"<search_result>.source", name, kind::annotation},
    {"<search_result>.title", text},
    {"<search_result>.citations", parameters},
});
// What a tool was asked and what it said; server tools and MCP servers alike.
constexpr auto call_rows = std::to_array<row>({
    {"<tool_use>.id", opaque},
    {"<tool_use>.caller", parameters},
    {"<tool_use>.toolset_name", name, kind::name, from::assistant},
    {"<tool_use>.name", name, kind::name, from::assistant},
    {"<tool_use>.input", arguments, kind::tool_call, from::assistant},
    {"<server_tool_use>.id", opaque},
    {"<server_tool_use>.caller", parameters},
    {"<server_tool_use>.name", name, kind::name, from::assistant},
    {"<server_tool_use>.input", arguments, kind::tool_call, from::assistant},
    {"<mcp_tool_use>.id", opaque},
    {"<mcp_tool_use>.name", name, kind::name, from::assistant},
    {"<mcp_tool_use>.server_name", name, kind::name, from::assistant},
    {"<mcp_tool_use>.input", arguments, kind::tool_call, from::assistant},
});
constexpr auto result_rows = std::to_array<row>({
    {"<tool_result>.tool_use_id", opaque},
    {"<tool_result>.is_error", scalar},
    {"<tool_result>.toolset_name", name, kind::name, from::tool},
    {"<mcp_tool_result>.is_error", scalar},
    {"<tool_result>.content", text, kind::tool_result, from::tool},
    {"<mcp_tool_result>.tool_use_id", opaque},
    {"<mcp_tool_result>.content", text, kind::tool_result, from::tool},
    {"<web_search_tool_result>.tool_use_id", opaque},
    {"<web_search_tool_result>.caller", parameters},
    {"<web_search_tool_result>.content.type", opaque},
    {"<web_search_tool_result>.content.error_code", opaque},
    {"<web_search_tool_result>.content[].type", opaque},
    {"<web_search_tool_result>.content[].title", text, kind::tool_result, from::tool},
    {"<web_search_tool_result>.content[].url", name, kind::tool_result, from::tool},
    {"<web_search_tool_result>.content[].page_age", name, kind::tool_result, from::tool},
    {"<web_search_tool_result>.content[].encrypted_content", sealed},
    {"<web_fetch_tool_result>.tool_use_id", opaque},
    {"<web_fetch_tool_result>.caller", parameters},
    {"<web_fetch_tool_result>.content.type", opaque},
    {"<web_fetch_tool_result>.content.error_code", opaque},
    {"<web_fetch_tool_result>.content.retrieved_at", opaque},
    {"<web_fetch_tool_result>.content.url", name, kind::tool_result, from::tool},
    {"<tool_search_tool_result>.tool_use_id", opaque},
    {"<tool_search_tool_result>.content.type", opaque},
    {"<tool_search_tool_result>.content.error_code", opaque},
    {"<tool_search_tool_result>.content.error_message", text, kind::tool_result, from::tool},
    {"<tool_search_tool_result>.content.tool_references[].type", opaque},
    {"<tool_search_tool_result>.content.tool_references[].cache_control", parameters},
    {"<tool_search_tool_result>.content.tool_references[].tool_name", name, kind::name, from::tool},
    {"<text_editor_code_execution_tool_result>.tool_use_id", opaque},
    {"<text_editor_code_execution_tool_result>.content.type", opaque},
    {"<text_editor_code_execution_tool_result>.content.file_type", opaque},
    {"<text_editor_code_execution_tool_result>.content.is_file_update", scalar},
    {"<text_editor_code_execution_tool_result>.content.num_lines", scalar},
    {"<text_editor_code_execution_tool_result>.content.start_line", scalar},
    {"<text_editor_code_execution_tool_result>.content.total_lines", scalar},
    {"<text_editor_code_execution_tool_result>.content.new_lines", scalar},
    {"<text_editor_code_execution_tool_result>.content.new_start", scalar},
    {"<text_editor_code_execution_tool_result>.content.old_lines", scalar},
    {"<text_editor_code_execution_tool_result>.content.old_start", scalar},
    {"<text_editor_code_execution_tool_result>.content.error_code", opaque},
    {"<text_editor_code_execution_tool_result>.content.error_message", text, kind::tool_result, from::tool},
    {"<text_editor_code_execution_tool_result>.content.content", text, kind::tool_result, from::tool},
    {"<text_editor_code_execution_tool_result>.content.lines[]", text, kind::tool_result, from::tool},
    {"<advisor_tool_result>.tool_use_id", opaque},
    {"<advisor_tool_result>.content.type", opaque},
    {"<advisor_tool_result>.content.stop_reason", opaque},
    {"<advisor_tool_result>.content.error_code", opaque},
    {"<advisor_tool_result>.content.encrypted_content", sealed},
    {"<advisor_tool_result>.content.text", text, kind::tool_result, from::tool},
});
// Below "<code_execution_tool_result>" and "<bash_code_execution_tool_result>".
constexpr auto execution_rows = std::to_array<row>({
    {"tool_use_id", opaque},
    {"content.type", opaque},
    {"content.error_code", opaque},
    {"content.return_code", scalar},
    {"content.abort_reason", text, kind::tool_result, from::tool},
    {"content.stdout", text, kind::tool_result, from::tool},
    {"content.stderr", text, kind::tool_result, from::tool},
    {"content.encrypted_stdout", sealed},
    {"content.content[].type", opaque},
    {"content.content[].file_id", opaque},
});
// Thinking is signed: changed, the next turn is refused by the API. So it is scanned, and what would edit it blocks.
constexpr auto thought_rows = std::to_array<row>({
    {"<thinking>.thinking", name, kind::reasoning, from::assistant},
    {"<thinking>.signature", sealed},
    {"<redacted_thinking>.data", sealed},
    {"<compaction>.content", text},
    {"<compaction>.encrypted_content", sealed},
    {"<compaction>.signature", sealed},
    {"<compaction>.tool_changes", schema, kind::tool_definition, from::system},
    {"<mcp_tool_listing>.mcp_server_name", name, kind::name, from::system},
    {"<mcp_tool_listing>.tools", schema, kind::tool_definition, from::system},
    {"<fallback>.from", parameters},
    {"<fallback>.to", parameters},
    {"<fallback>.trigger", parameters},
});
// What a browser shows beside its picture, in the result of a tool.
constexpr auto browser_rows = std::to_array<row>({
    {"<browser_state>.tabs[].tab_id", opaque},
    {"<browser_state>.tabs[].title", text},
    {"<browser_state>.tabs[].url", name},
    {"<browser_state>.tabs[].active", scalar},
    {"<browser_state>.state_changes[].type", opaque},
    {"<browser_state>.state_changes[].tab_id", opaque},
    {"<browser_state>.state_changes[].download_id", opaque},
    {"<browser_state>.state_changes[].url", name},
    {"<browser_state>.state_changes[].path", name},
    {"<browser_state>.state_changes[].error", text},
});
constexpr auto tool_reference_rows = std::to_array<row>({{"<tool_reference>.tool_name", name, kind::name}});

// Documents and search results with the texts in them.
void add_readings(row_list& out, const std::string& at, from who) {
  out.add(at, text_rows, who);
  out.add(at, image_rows, who);
  out.add(at, document_rows, who);
  out.add(at, search_rows, who);
  for (const char* inner : {"<document>.source<content>.content[]", "<search_result>.content[]"}) {
    out.add(at + inner, common_rows, who);
    out.add(at + inner, text_rows, who);
  }
  out.add(at + "<document>.source<content>.content[]", image_rows, who);
}

}  // namespace

void add_anthropic_texts(row_list& out, const std::string& at, role_source who) {
  out.add(at, common_rows, who);
  out.add(at, text_rows, who);
}

void add_anthropic_blocks(row_list& out, const std::string& at, role_source who) {
  out.add(at, common_rows, who);
  add_readings(out, at, who);
  out.add(at, call_rows, who);
  out.add(at, result_rows, who);
  out.add(at + "<code_execution_tool_result>", execution_rows, who);
  out.add(at + "<bash_code_execution_tool_result>", execution_rows, who);
  out.add(at, thought_rows, who);
  // What results hold. Their texts are the tool's.
  for (const char* inner : {"<tool_result>.content[]", "<mcp_tool_result>.content[]"}) {
    out.add(at + inner, common_rows, from::tool);
    add_readings(out, at + inner, from::tool);
    out.add(at + inner, tool_reference_rows, from::tool);
    out.add(at + inner, browser_rows, from::tool);
  }
  const auto fetched = at + "<web_fetch_tool_result>.content.content";
  out.add(fetched, common_rows, from::tool);
  out.add(fetched, document_rows, from::tool);
  out.add(fetched + "<document>.source<content>.content[]", common_rows, from::tool);
  out.add(fetched + "<document>.source<content>.content[]", text_rows, from::tool);
  out.add(fetched + "<document>.source<content>.content[]", image_rows, from::tool);
}

}  // namespace sluice::wire
