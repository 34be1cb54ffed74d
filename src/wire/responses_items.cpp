// Items of OpenAI's Responses, field by field. They stand in requests, in answers, in lists and in the events of a stream, so their
// rows are put together from parts.
#include <array>

#include "responses_table.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto common_rows = std::to_array<row>({
    {"type", opaque},
    {"id", opaque},
    {"call_id", opaque},
    {"status", opaque},
    {"created_by", opaque},
    {"caller.type", opaque},
    {"caller.caller_id", opaque},
});
// A message without a type is one that the client wrote short; an id without a type names an item that the upstream holds.
constexpr auto short_rows = std::to_array<row>({
    {"<>.id", reference},
    {"<item_reference>.id", reference},
});
constexpr auto message_rows = std::to_array<row>({
    {"role", opaque},
    {"phase", opaque},
    {"content", text},
});
// Parts of a message, and of what a tool gave back.
constexpr auto part_rows = std::to_array<row>({
    {"type", opaque},
    {"prompt_cache_breakpoint", parameters},
    {"<input_text>.text", text},
    {"<text>.text", text},
    {"<summary_text>.text", text, kind::reasoning},
    {"<reasoning_text>.text", text, kind::reasoning},
    {"<output_text>.text", text},
    {"<output_text>.annotations[].type", opaque},
    {"<output_text>.annotations[].start_index", scalar},
    {"<output_text>.annotations[].end_index", scalar},
    {"<output_text>.annotations[].index", scalar},
    {"<output_text>.annotations[].title", text, kind::annotation},
    {"<output_text>.annotations[].url", name, kind::annotation},
    {"<output_text>.annotations[].filename", name, kind::annotation},
    {"<output_text>.annotations[].file_id", opaque},
    {"<output_text>.annotations[].container_id", opaque},
    {"<refusal>.refusal", text, kind::refusal},
    {"<input_image>.image_url", binary, kind::attachment},
    {"<input_image>.file_id", reference, kind::attachment},
    {"<input_image>.detail", opaque},
    {"<computer_screenshot>.image_url", binary, kind::attachment},
    {"<computer_screenshot>.file_id", reference, kind::attachment},
    {"<computer_screenshot>.detail", opaque},
    {"<input_file>.file_data", binary, kind::attachment},
    {"<input_file>.file_url", binary, kind::attachment},
    {"<input_file>.file_id", reference, kind::attachment},
    {"<input_file>.filename", name, kind::name},
    {"<input_file>.detail", opaque},
    {"<input_audio>.input_audio.data", binary, kind::attachment},
    {"<input_audio>.input_audio.format", opaque},
});
// What a model answered spells its text a second time; what a client says that a model answered spells whatever it likes.
constexpr auto answered_logprobs = std::to_array<row>({{"<output_text>.logprobs", copy}});
constexpr auto told_logprobs = std::to_array<row>({{"<output_text>.logprobs", parameters}});
// What the model thought. The summary may be edited; what is encrypted leaves as it came.
constexpr auto thought_rows = std::to_array<row>({
    {"<reasoning>.summary[].type", opaque},
    {"<reasoning>.summary[]<summary_text>.text", text, kind::reasoning, from::assistant},
    {"<reasoning>.content[].type", opaque},
    {"<reasoning>.content[]<reasoning_text>.text", text, kind::reasoning, from::assistant},
    {"<reasoning>.encrypted_content", sealed},
    {"<compaction>.encrypted_content", sealed},
    {"<compaction_trigger>.type", opaque},
});
// What a tool was asked, whoever runs it.
constexpr auto call_rows = std::to_array<row>({
    {"<function_call>.name", name, kind::name, from::assistant},
    {"<function_call>.namespace", name, kind::name, from::assistant},
    {"<function_call>.arguments", json, kind::tool_call, from::assistant},
    {"<custom_tool_call>.name", name, kind::name, from::assistant},
    {"<custom_tool_call>.namespace", name, kind::name, from::assistant},
    {"<custom_tool_call>.input", text, kind::tool_call, from::assistant},
    {"<mcp_call>.name", name, kind::name, from::assistant},
    {"<mcp_call>.server_label", name, kind::name, from::assistant},
    {"<mcp_call>.approval_request_id", opaque},
    {"<mcp_call>.arguments", json, kind::tool_call, from::assistant},
    {"<mcp_approval_request>.name", name, kind::name, from::assistant},
    {"<mcp_approval_request>.server_label", name, kind::name, from::assistant},
    {"<mcp_approval_request>.arguments", json, kind::tool_call, from::assistant},
    {"<mcp_approval_response>.approval_request_id", opaque},
    {"<mcp_approval_response>.approve", scalar},
    {"<mcp_approval_response>.request_id", opaque},
    {"<mcp_approval_response>.reason", text, kind::text, from::user},
    {"<tool_search_call>.execution", opaque},
    {"<tool_search_call>.arguments", arguments, kind::tool_call, from::assistant},
    {"<file_search_call>.queries[]", text, kind::tool_call, from::assistant},
    {"<web_search_call>.name", name, kind::name, from::assistant},
    {"<web_search_call>.arguments", json, kind::tool_call, from::assistant},
    {"<web_search_call>.action.type", opaque},
    {"<web_search_call>.action.query", text, kind::tool_call, from::assistant},
    {"<web_search_call>.action.queries[]", text, kind::tool_call, from::assistant},
    {"<web_search_call>.action.pattern", text, kind::tool_call, from::assistant},
    {"<web_search_call>.action.url", name, kind::tool_call, from::assistant},
    {"<web_search_call>.action.sources[].type", opaque},
    {"<web_search_call>.action.sources[].url", name, kind::tool_result, from::tool},
    {"<web_search_call>.action.sources[].name", name, kind::tool_result, from::tool},
    {"<code_interpreter_call>.container_id", opaque},
    {"<code_interpreter_call>.code", text, kind::tool_call, from::assistant},
    {"<image_generation_call>.prompt", text, kind::tool_call, from::assistant},
    {"<image_generation_call>.revised_prompt", text, kind::tool_call, from::assistant},
    {"<image_generation_call>.action", opaque},
    {"<image_generation_call>.background", opaque},
    {"<image_generation_call>.output_format", opaque},
    {"<image_generation_call>.quality", opaque},
    {"<image_generation_call>.size", opaque},
    {"<local_shell_call>.action.type", opaque},
    {"<local_shell_call>.action.command[]", text, kind::tool_call, from::assistant},
    {"<local_shell_call>.action.env.{*}", text, kind::tool_call, from::assistant},
    {"<local_shell_call>.action.user", name, kind::tool_call, from::assistant},
    {"<local_shell_call>.action.working_directory", name, kind::tool_call, from::assistant},
    {"<local_shell_call>.action.timeout_ms", scalar},
    {"<shell_call>.action.commands[]", text, kind::tool_call, from::assistant},
    {"<shell_call>.action.timeout_ms", scalar},
    {"<shell_call>.action.max_output_length", scalar},
    {"<shell_call>.max_output_length", scalar},
    {"<shell_call>.environment.type", opaque},
    {"<shell_call>.environment.container_id", opaque},
    {"<shell_call>.environment.skills[].name", name, kind::tool_definition, from::system},
    {"<shell_call>.environment.skills[].description", name, kind::tool_definition, from::system},
    {"<shell_call>.environment.skills[].path", name, kind::tool_definition, from::system},
    {"<apply_patch_call>.operation.type", opaque},
    {"<apply_patch_call>.operation.diff", text, kind::tool_call, from::assistant},
    {"<apply_patch_call>.operation.path", name, kind::tool_call, from::assistant},
    {"<program>.code", text, kind::tool_call, from::assistant},
    {"<program>.fingerprint", sealed},
});
// Of the screen: below "<computer_call>.action" and "<computer_call>.actions[]".
constexpr auto screen_rows = std::to_array<row>({
    {"type", opaque},
    {"text", text, kind::tool_call, from::assistant},
    {"keys[]", name, kind::tool_call, from::assistant},
    {"button", opaque},
    {"x", scalar},
    {"y", scalar},
    {"scroll_x", scalar},
    {"scroll_y", scalar},
    {"path[].x", scalar},
    {"path[].y", scalar},
});
constexpr auto screen_check_rows = std::to_array<row>({
    {"id", opaque},
    {"code", opaque},
    {"message", text, kind::tool_call, from::assistant},
});
// What a tool gave back.
constexpr auto result_rows = std::to_array<row>({
    {"<function_call_output>.output", text, kind::tool_result, from::tool},
    {"<function_call_output>.name", name, kind::name, from::tool},
    {"<function_call_output>.namespace", name, kind::name, from::tool},
    {"<custom_tool_call_output>.output", text, kind::tool_result, from::tool},
    {"<mcp_call>.output", text, kind::tool_result, from::tool},
    {"<mcp_call>.error", text, kind::error, from::tool},
    {"<mcp_call>.error.type", opaque},
    {"<mcp_call>.error.code", scalar},
    {"<mcp_call>.error.message", text, kind::error, from::tool},
    {"<mcp_call>.error.content", arguments, kind::error, from::tool},
    {"<mcp_list_tools>.server_label", name, kind::name, from::tool},
    {"<mcp_list_tools>.error", text, kind::error, from::tool},
    {"<mcp_list_tools>.tools[].name", name, kind::name, from::tool},
    {"<mcp_list_tools>.tools[].description", text, kind::tool_definition, from::tool},
    {"<mcp_list_tools>.tools[].input_schema", schema, kind::tool_definition, from::tool},
    {"<mcp_list_tools>.tools[].annotations", schema, kind::tool_definition, from::tool},
    {"<tool_search_output>.execution", opaque},
    {"<additional_tools>.role", opaque},
    {"<file_search_call>.results[].file_id", opaque},
    {"<file_search_call>.results[].filename", name, kind::tool_result, from::tool},
    {"<file_search_call>.results[].text", text, kind::tool_result, from::tool},
    {"<file_search_call>.results[].score", scalar},
    {"<file_search_call>.results[].vector_store_id", opaque},
    {"<file_search_call>.results[].attributes.{*}", name, kind::tool_result, from::tool},
    {"<code_interpreter_call>.outputs[].type", opaque},
    {"<code_interpreter_call>.outputs[].logs", text, kind::tool_result, from::tool},
    {"<code_interpreter_call>.outputs[].url", binary, kind::attachment, from::tool},
    {"<image_generation_call>.result", binary, kind::attachment, from::tool},
    {"<local_shell_call_output>.output", text, kind::tool_result, from::tool},
    {"<shell_call_output>.max_output_length", scalar},
    {"<shell_call_output>.output[].stdout", text, kind::tool_result, from::tool},
    {"<shell_call_output>.output[].stderr", text, kind::tool_result, from::tool},
    {"<shell_call_output>.output[].outcome.type", opaque},
    {"<shell_call_output>.output[].outcome.exit_code", scalar},
    {"<shell_call_output>.output[].created_by", opaque},
    {"<apply_patch_call_output>.output", text, kind::tool_result, from::tool},
    {"<computer_call_output>.output.type", opaque},
    {"<computer_call_output>.output.image_url", binary, kind::attachment, from::tool},
    {"<computer_call_output>.output.file_id", reference, kind::attachment, from::tool},
    {"<computer_call_output>.output.detail", opaque},
    {"<program_output>.result", text, kind::tool_result, from::tool},
});

}  // namespace

void add_response_items(row_list& out, const std::string& at, role_source who) {
  const auto& logprobs = who == from::of_message ? told_logprobs : answered_logprobs;
  out.add(at, common_rows, who);
  out.add(at, short_rows, who);
  for (const char* message : {"<>", "<message>"}) {
    out.add(at + message, message_rows, who);
    out.add(at + message + ".content[]", part_rows, who);
    out.add(at + message + ".content[]", logprobs, who);
  }
  out.add(at, thought_rows, who);
  out.add(at, call_rows, who);
  out.add(at + "<computer_call>.action", screen_rows, who);
  out.add(at + "<computer_call>.actions[]", screen_rows, who);
  out.add(at + "<computer_call>.pending_safety_checks[]", screen_check_rows, who);
  out.add(at + "<computer_call_output>.acknowledged_safety_checks[]", screen_check_rows, who);
  out.add(at, result_rows, who);
  for (const char* output : {"<function_call_output>.output[]", "<custom_tool_call_output>.output[]"}) {
    out.add(at + output, part_rows, from::tool);
    out.add(at + output, told_logprobs, from::tool);
  }
  add_response_tools(out, at + "<tool_search_output>.tools[]", false);
  add_response_tools(out, at + "<additional_tools>.tools[]", false);
}

}  // namespace sluice::wire
