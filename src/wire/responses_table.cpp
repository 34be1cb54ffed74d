// OpenAI's Responses, field by field; items and tools stand in files of their own.
#include "responses_table.hpp"

#include <array>

#include "error_rows.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto request_rows = std::to_array<row>({
    {"model", opaque},
    {"stream", scalar},
    {"background", scalar},
    {"store", scalar},
    {"temperature", scalar},
    {"top_p", scalar},
    {"top_logprobs", scalar},
    {"max_output_tokens", scalar},
    {"max_tool_calls", scalar},
    {"parallel_tool_calls", scalar},
    {"stream_options.include_obfuscation", scalar},
    {"input", text, kind::text, from::user},
    {"instructions", text, kind::text, from::system},
    {"previous_response_id", reference},
    {"conversation", reference},
    {"conversation.id", reference},
    {"prompt.id", reference},
    {"prompt.version", opaque},
    {"prompt.variables.{*}", text, kind::text, from::user},
    {"prompt.variables.{*}.type", opaque},
    {"prompt.variables.{*}.prompt_cache_breakpoint", parameters},
    {"prompt.variables.{*}<input_text>.text", text, kind::text, from::user},
    {"prompt.variables.{*}<input_image>.image_url", binary, kind::attachment, from::user},
    {"prompt.variables.{*}<input_image>.file_id", reference, kind::attachment, from::user},
    {"prompt.variables.{*}<input_image>.detail", opaque},
    {"prompt.variables.{*}<input_file>.detail", opaque},
    {"prompt.variables.{*}<input_file>.file_data", binary, kind::attachment, from::user},
    {"prompt.variables.{*}<input_file>.file_url", binary, kind::attachment, from::user},
    {"prompt.variables.{*}<input_file>.file_id", reference, kind::attachment, from::user},
    {"prompt.variables.{*}<input_file>.filename", name, kind::name, from::user},
    {"text.format.type", opaque},
    {"text.format.name", name, kind::name, from::system},
    {"text.format.description", text, kind::tool_definition, from::system},
    {"text.format.schema", schema, kind::tool_definition, from::system},
    {"text.format.strict", scalar},
    {"text.verbosity", opaque},
    {"metadata.{*}", name, kind::annotation, from::user},
    {"user", name, kind::name, from::user},
    {"safety_identifier", name, kind::name, from::user},
    {"prompt_cache_key", name, kind::name, from::user},
    {"prompt_cache_retention", opaque},
    {"reasoning.effort", opaque},
    {"reasoning.summary", opaque},
    {"reasoning.generate_summary", opaque},
    {"reasoning.mode", opaque},
    {"reasoning.context", opaque},
    {"include[]", opaque},
    {"service_tier", opaque},
    {"truncation", opaque},
    {"context_management[].type", opaque},
    {"context_management[].compact_threshold", scalar},
    {"moderation.model", opaque},
    {"moderation.policy", parameters},
    {"personality", opaque},
    {"prompt_cache_options", parameters},
});

// What a response says of itself and repeats of what was asked.
constexpr auto response_rows = std::to_array<row>({
    {"id", handle},
    {"object", opaque},
    {"status", opaque},
    {"model", opaque},
    {"created_at", scalar},
    {"completed_at", scalar},
    {"background", scalar},
    {"store", scalar},
    {"parallel_tool_calls", scalar},
    {"temperature", scalar},
    {"top_p", scalar},
    {"top_logprobs", scalar},
    {"frequency_penalty", scalar},
    {"presence_penalty", scalar},
    {"max_output_tokens", scalar},
    {"max_tool_calls", scalar},
    {"usage", parameters},
    {"tool_usage", parameters},
    {"billing", parameters},
    {"error", text, kind::error, from::assistant},
    {"error.type", opaque},
    {"error.code", opaque},
    {"error.param", text, kind::error, from::assistant},
    {"error.message", text, kind::error, from::assistant},
    {"incomplete_details.reason", opaque},
    {"output_text", text, kind::text, from::assistant},
    {"content_filters", parameters},
    {"service_tier", opaque},
    {"truncation", opaque},
    {"previous_response_id", opaque},
    {"conversation", parameters},
    {"prompt_cache_retention", opaque},
    {"prompt_cache_options", parameters},
    {"prompt_cache_key", text, kind::name, from::user},
    {"safety_identifier", text, kind::name, from::user},
    {"user", text, kind::name, from::user},
    {"instructions", text, kind::text, from::system},
    {"metadata.{*}", text, kind::annotation, from::user},
    {"prompt.id", opaque},
    {"prompt.version", opaque},
    {"prompt.variables", arguments, kind::text, from::user},
    {"reasoning.effort", opaque},
    {"reasoning.summary", opaque},
    {"reasoning.generate_summary", opaque},
    {"reasoning.mode", opaque},
    {"reasoning.context", opaque},
    {"text.format.type", opaque},
    {"text.format.name", text, kind::name, from::system},
    {"text.format.strict", scalar},
    {"text.format.description", text, kind::tool_definition, from::system},
    {"text.format.schema", arguments, kind::tool_definition, from::system},
    {"text.verbosity", opaque},
    {"context_management", parameters},
});

// Below "moderation.input" and "moderation.output".
constexpr auto moderation_rows = std::to_array<row>({
    {"type", opaque},
    {"model", opaque},
    {"flagged", scalar},
    {"categories", parameters},
    {"category_applied_input_types", parameters},
    {"category_scores", parameters},
    {"code", opaque},
    {"message", text, kind::error, from::assistant},
});

constexpr auto list_rows = std::to_array<row>({
    {"object", opaque},
    {"first_id", opaque},
    {"last_id", opaque},
    {"has_more", scalar},
});

constexpr auto count_rows = std::to_array<row>({
    {"object", opaque},
    {"input_tokens", scalar},
});

// Events. What several of them have stands without a type.
constexpr auto event_rows = std::to_array<row>({
    {"type", opaque},
    {"event_id", opaque},
    {"response_id", opaque},
    {"sequence_number", scalar},
    {"output_index", scalar},
    {"content_index", scalar},
    {"summary_index", scalar},
    {"command_index", scalar},
    {"annotation_index", scalar},
    {"item_id", opaque},
    {"call_id", opaque},
    {"obfuscation", opaque},
    {"copilot_usage", parameters},  // GitHub Copilot
    {"logprobs", copy},
    {"status", opaque},
    {"part.type", opaque},
    {"part<output_text>.text", text, kind::text, from::assistant},
    {"part<output_text>.logprobs", copy},
    {"part<output_text>.annotations[].type", opaque},
    {"part<output_text>.annotations[].start_index", scalar},
    {"part<output_text>.annotations[].end_index", scalar},
    {"part<output_text>.annotations[].index", scalar},
    {"part<output_text>.annotations[].title", text, kind::annotation, from::assistant},
    {"part<output_text>.annotations[].url", name, kind::annotation, from::assistant},
    {"part<output_text>.annotations[].filename", name, kind::annotation, from::assistant},
    {"part<output_text>.annotations[].file_id", opaque},
    {"part<output_text>.annotations[].container_id", opaque},
    {"part<refusal>.refusal", text, kind::refusal, from::assistant},
    {"part<reasoning_text>.text", text, kind::reasoning, from::assistant},
    {"part<summary_text>.text", text, kind::reasoning, from::assistant},
    {"annotation.type", opaque},
    {"annotation.start_index", scalar},
    {"annotation.end_index", scalar},
    {"annotation.index", scalar},
    {"annotation.title", text, kind::annotation, from::assistant},
    {"annotation.url", name, kind::annotation, from::assistant},
    {"annotation.filename", name, kind::annotation, from::assistant},
    {"annotation.file_id", opaque},
    {"annotation.container_id", opaque},
    grows({"<response.output_text.delta>.delta", text, kind::text, from::assistant}),
    whole({"<response.output_text.done>.text", text, kind::text, from::assistant}),
    grows({"<response.refusal.delta>.delta", text, kind::refusal, from::assistant}),
    whole({"<response.refusal.done>.refusal", text, kind::refusal, from::assistant}),
    grows({"<response.reasoning_text.delta>.delta", text, kind::reasoning, from::assistant}),
    whole({"<response.reasoning_text.done>.text", text, kind::reasoning, from::assistant}),
    grows({"<response.reasoning_summary_text.delta>.delta", text, kind::reasoning, from::assistant}),
    whole({"<response.reasoning_summary_text.done>.text", text, kind::reasoning, from::assistant}),
    grows({"<response.function_call_arguments.delta>.delta", json, kind::tool_call, from::assistant}),
    whole({"<response.function_call_arguments.done>.arguments", json, kind::tool_call, from::assistant}),
    whole({"<response.function_call_arguments.done>.name", name, kind::name, from::assistant}),
    grows({"<response.custom_tool_call_input.delta>.delta", text, kind::tool_call, from::assistant}),
    whole({"<response.custom_tool_call_input.done>.input", text, kind::tool_call, from::assistant}),
    grows({"<response.mcp_call_arguments.delta>.delta", json, kind::tool_call, from::assistant}),
    whole({"<response.mcp_call_arguments.done>.arguments", json, kind::tool_call, from::assistant}),
    grows({"<response.code_interpreter_call_code.delta>.delta", text, kind::tool_call, from::assistant}),
    whole({"<response.code_interpreter_call_code.done>.code", text, kind::tool_call, from::assistant}),
    grows({"<response.shell_call_command.added>.command", text, kind::tool_call, from::assistant}),
    grows({"<response.shell_call_command.delta>.delta", text, kind::tool_call, from::assistant}),
    whole({"<response.shell_call_command.done>.command", text, kind::tool_call, from::assistant}),
    grows({"<response.shell_call_output_content.delta>.delta.stdout", text, kind::tool_result, from::tool}),
    grows({"<response.shell_call_output_content.delta>.delta.stderr", text, kind::tool_result, from::tool}),
    whole({"<response.shell_call_output_content.done>.output[].stdout", text, kind::tool_result, from::tool}),
    whole({"<response.shell_call_output_content.done>.output[].stderr", text, kind::tool_result, from::tool}),
    {"<response.shell_call_output_content.done>.output[].outcome.type", opaque},
    {"<response.shell_call_output_content.done>.output[].outcome.exit_code", scalar},
    {"<response.shell_call_output_content.done>.output[].created_by", opaque},
    grows({"<response.apply_patch_call_operation_diff.delta>.delta", text, kind::tool_call, from::assistant}),
    whole({"<response.apply_patch_call_operation_diff.done>.diff", text, kind::tool_call, from::assistant}),
    {"<response.audio.delta>.delta", binary, kind::attachment, from::assistant, attachment_type::audio},
    grows({"<response.audio.transcript.delta>.delta", text, kind::transcript, from::assistant}),
    {"<response.image_generation_call.partial_image>.partial_image_b64", binary, kind::attachment, from::tool},
    {"<response.image_generation_call.partial_image>.partial_image_index", scalar},
    {"<response.image_generation_call.partial_image>.background", opaque},
    {"<response.image_generation_call.partial_image>.output_format", opaque},
    {"<response.image_generation_call.partial_image>.quality", opaque},
    {"<response.image_generation_call.partial_image>.size", opaque},
    {"<error>.code", opaque},
    whole({"<error>.param", text, kind::error, from::assistant}),
    whole({"<error>.message", text, kind::error, from::assistant}),
});

// Events that say nothing but that something begins, goes on or ends, or hold a response, an item or a part.
constexpr auto plain_events = std::to_array<const char*>({
    "response.created", "response.queued", "response.in_progress", "response.completed", "response.incomplete", "response.failed", "response.cancelled",
    "response.output_item.added", "response.output_item.done", "response.content_part.added", "response.content_part.done",
    "response.reasoning_summary_part.added", "response.reasoning_summary_part.done", "response.output_text.annotation.added", "response.audio.done",
    "response.audio.transcript.done", "response.code_interpreter_call.in_progress", "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call.completed", "response.file_search_call.in_progress", "response.file_search_call.searching",
    "response.file_search_call.completed", "response.web_search_call.in_progress", "response.web_search_call.searching",
    "response.web_search_call.completed", "response.image_generation_call.in_progress", "response.image_generation_call.generating",
    "response.image_generation_call.completed", "response.mcp_call.in_progress", "response.mcp_call.completed", "response.mcp_call.failed",
    "response.mcp_list_tools.in_progress", "response.mcp_list_tools.completed", "response.mcp_list_tools.failed", "keepalive", "ping"});
constexpr auto plain_event_rows = std::to_array<row>({{"type", opaque}});

void add_response(row_list& out, const std::string& at) {
  const auto below = at.empty() ? at : at + ".";
  out.add(at, response_rows, from::assistant);
  out.add(below + "moderation.input", moderation_rows);
  out.add(below + "moderation.output", moderation_rows);
  add_response_items(out, below + "output[]", from::assistant);
  out.change(below + "output[].id", handle);
  add_response_items(out, below + "instructions[]", from::system);
  add_response_tools(out, below + "tools[]", true);
  add_tool_choice(out, below + "tool_choice", true);
}

const row_list& request_list() {
  static const auto list = [] {
    row_list out;
    out.add("", request_rows);
    add_response_items(out, "input[]", from::of_message);
    add_response_tools(out, "tools[]", false);
    add_tool_choice(out, "tool_choice", false);
    return out;
  }();
  return list;
}
const row_list& response_list() {
  static const auto list = [] {
    row_list out;
    add_response(out, "");
    return out;
  }();
  return list;
}
const row_list& items_list() {
  static const auto list = [] {
    row_list out;
    out.add("", list_rows);
    add_response_items(out, "data[]", from::of_message);
    out.change("data[].id", handle);
    return out;
  }();
  return list;
}
const row_list& event_list() {
  static const auto list = [] {
    row_list out;
    out.add("", event_rows);
    for (const auto* type : plain_events) out.add("<" + std::string(type) + ">", plain_event_rows);
    add_response_items(out, "item", from::assistant);
    out.change("item.id", handle);
    add_response(out, "response");
    // What came in pieces is said again whole; an item that begins with a text of its own is put together with them.
    for (const char* again : {"item", "part", "annotation", "response"}) out.comes(again, coming::whole);
    return out;
  }();
  return list;
}

// Where what is told elsewhere stands again.
struct repeated_place {
  std::string_view place, as;
};
constexpr auto repeated_places = std::to_array<repeated_place>({
    {"instructions[]", "as output[]"},
    {"data[]", "as input[]"},
    {"response.output[]", "as item"},
    {"response.instructions[]", "as item"},
    {"response.tools[]", "as tools[] of an answer in one piece"},
    {"tools[]", "what stands here stands also in a tool_search_output and in additional_tools"},
});

}  // namespace

void add_responses_coverage(std::vector<dialect::coverage_row>& out) {
  // Items stand in seven places and tools in more: each is told once for each direction and form.
  const auto add = [&](std::string_view endpoint, std::string_view direction, std::string_view streaming, std::span<const row> rows) {
    std::vector<row> told;
    for (const auto& r : rows) {
      if (direction == "request" && r.path == "background") continue;  // told apart, below
      bool again = r.path.find("_output>.tools[]") != std::string_view::npos || r.path.find("<additional_tools>.tools[]") != std::string_view::npos;
      for (const auto& [place, as] : repeated_places) again = again || (place != "tools[]" && r.path.starts_with(place));
      if (!again) told.push_back(r);
    }
    add_coverage(out, endpoint, direction, streaming, told);
  };
  for (const auto& [place, as] : repeated_places) out.push_back({"responses", "both", place, "-", "-", "-", "both", as});
  add("responses", "request", "no", request_list().rows());
  out.push_back({"responses", "request", "background", "R", "-", "-", "no", "true is unreadable.server_state: the answer is read by a later request"});
  out.push_back({"responses", "request", "input[]<compaction>.encrypted_content, .id", "-", "-", "-", "no", "unreadable.server_state, by its id: a conversation in few words that only the upstream reads"});
  out.push_back({"responses", "request", "input[]<image_generation_call>.id without a result", "-", "-", "-", "no", "unreadable.server_state: a picture that the upstream keeps"});
  out.push_back({"responses", "request", "any other string", "-", "-", "-", "no", "unreadable.unknown_part"});
  add("responses", "response", "no", responses_response().rows());
  add("responses", "response", "yes", responses_events().rows());
  out.push_back({"responses", "response", "a delta of an unknown type", "-", "-", "-", "yes", "unreadable.unknown_part"});
  add("responses.input_items", "response", "no", responses_items().rows());
  add_coverage(out, "responses.input_tokens", "response", "no", responses_count().rows());
  for (const char* endpoint : {"responses.input_tokens", "responses.compact"}) out.push_back({endpoint, "request", "as of responses", "-", "-", "-", "no", "scanned, edited"});
  for (const char* endpoint : {"responses.retrieve", "responses.cancel", "responses.compact"}) {
    out.push_back({endpoint, "response", "as of responses", "-", "-", "-", "both", "scanned, edited"});
  }
  for (const char* endpoint : {"responses", "responses.input_tokens", "responses.input_items"}) {
    out.push_back({endpoint, "response", "any other string or number", "N", "assistant", "annotation", "both", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
  out.push_back({"responses.delete", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
}

const path_table& responses_request() {
  static const path_table table(request_list().rows());
  return table;
}
const answer_table& responses_response() {
  static const answer_table table(response_list().rows(), openai_error_rows());
  return table;
}
const answer_table& responses_items() {
  static const answer_table table(items_list().rows(), openai_error_rows());
  return table;
}
const answer_table& responses_count() {
  static const answer_table table(count_rows, openai_error_rows());
  return table;
}
const answer_table& responses_events() {
  static const auto errors = [] {
    row_list out;
    out.add("", openai_error_rows());
    out.comes("", coming::whole);
    return out;
  }();
  static const answer_table table(event_list().rows(), errors.rows());
  return table;
}

}  // namespace sluice::wire
