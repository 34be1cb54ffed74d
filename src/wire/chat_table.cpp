// Chat Completions, field by field.
#include "chat_table.hpp"

#include <array>

#include "chat_vendors.hpp"
#include "error_rows.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto request_rows = std::to_array<row>({
    {"messages[].role", opaque},
    {"messages[].content", text},
    {"messages[].content[].type", opaque},
    {"messages[].content[]<text>.text", text},
    {"messages[].content[]<refusal>.refusal", text, kind::refusal},
    {"messages[].content[]<thinking>.thinking[].type", opaque},
    {"messages[].content[]<thinking>.thinking[].text", text, kind::reasoning},
    {"messages[].content[]<thinking>.closed", scalar},
    {"messages[].content[]<image_url>.image_url.url", binary, kind::attachment},
    {"messages[].content[]<image_url>.image_url.detail", opaque},
    {"messages[].content[]<input_audio>.input_audio.data", binary, kind::attachment},
    {"messages[].content[]<input_audio>.input_audio.format", opaque},
    {"messages[].content[]<file>.file.file_data", binary, kind::attachment},
    {"messages[].content[]<file>.file.file_id", reference, kind::attachment},
    {"messages[].content[]<file>.file.filename", name, kind::name},
    {"messages[].content[].cache_control.type", opaque},
    {"messages[].content[].cache_control.ttl", opaque},
    {"messages[].content[].prompt_cache_breakpoint", parameters},
    {"messages[].name", name, kind::name},
    {"messages[].refusal", text, kind::refusal},
    {"messages[].reasoning_content", text, kind::reasoning},
    {"messages[].reasoning", text, kind::reasoning},
    {"messages[].tool_call_id", name, kind::name},
    {"messages[].audio.id", reference, kind::attachment},
    {"messages[].reasoning_details[].text", text, kind::reasoning},
    {"messages[].reasoning_details[].summary", text, kind::reasoning},
    {"messages[].reasoning_details[].data", sealed},
    {"messages[].reasoning_details[].signature", sealed},
    {"messages[].reasoning_details[].type", opaque},
    {"messages[].reasoning_details[].format", opaque},
    {"messages[].reasoning_details[].id", opaque},
    {"messages[].reasoning_details[].index", scalar},
    {"messages[].parsed", schema},
    {"messages[].annotations[].type", opaque},
    {"messages[].annotations[].url_citation.start_index", scalar},
    {"messages[].annotations[].url_citation.end_index", scalar},
    {"messages[].annotations[].url_citation.title", text, kind::annotation},
    {"messages[].annotations[].url_citation.url", name, kind::annotation},
    {"messages[].tool_calls[].index", scalar},
    {"messages[].tool_calls[].id", opaque},
    {"messages[].tool_calls[].type", opaque},
    {"messages[].tool_calls[].function.name", name, kind::name},
    {"messages[].tool_calls[].function.arguments", json, kind::tool_call},
    {"messages[].tool_calls[].function.parsed_arguments", arguments, kind::tool_call},
    {"messages[].tool_calls[].custom.name", name, kind::name},
    {"messages[].tool_calls[].custom.input", text, kind::tool_call},
    {"messages[].function_call.name", name, kind::name},
    {"messages[].function_call.arguments", json, kind::tool_call},
    {"tools[].type", opaque},
    {"tools[].function.name", name, kind::name, from::system},
    {"tools[].function.description", text, kind::tool_definition, from::system},
    {"tools[].function.parameters", schema, kind::tool_definition, from::system},
    {"tools[].function.strict", scalar},
    {"tools[].cache_control.type", opaque},
    {"tools[].cache_control.ttl", opaque},
    {"tools[].custom.name", name, kind::name, from::system},
    {"tools[].custom.description", text, kind::tool_definition, from::system},
    {"tools[].custom.format.type", opaque},
    {"tools[].custom.format.grammar.syntax", opaque},
    {"tools[].custom.format.grammar.definition", name, kind::tool_definition, from::system},
    {"functions[].name", name, kind::name, from::system},
    {"functions[].description", text, kind::tool_definition, from::system},
    {"functions[].parameters", schema, kind::tool_definition, from::system},
    {"function_call", opaque},
    {"function_call.name", name, kind::name, from::system},
    {"tool_choice", opaque},
    {"tool_choice.type", opaque},
    {"tool_choice.function.name", name, kind::name, from::system},
    {"tool_choice.custom.name", name, kind::name, from::system},
    {"tool_choice.allowed_tools", schema, kind::tool_definition, from::system},
    {"response_format.type", opaque},
    {"response_format.json_schema.name", name, kind::name, from::system},
    {"response_format.json_schema.description", text, kind::tool_definition, from::system},
    {"response_format.json_schema.schema", schema, kind::tool_definition, from::system},
    {"response_format.json_schema.strict", scalar},
    {"prediction.type", opaque},
    {"prediction.content", text, kind::text, from::user},
    {"prediction.content[].type", opaque},
    {"prediction.content[].text", text, kind::text, from::user},
    {"prediction.content[].prompt_cache_breakpoint", parameters},
    {"stop", name, kind::text, from::user},
    {"stop[]", name, kind::text, from::user},
    {"metadata.{*}", name, kind::annotation, from::user},
    {"user", name, kind::name, from::user},
    {"safety_identifier", name, kind::name, from::user},
    {"prompt_cache_key", name, kind::name, from::user},
    fetches({"web_search_options", scalar}, held::web_search),
    {"web_search_options.search_context_size", opaque},
    {"web_search_options.user_location.type", opaque},
    {"web_search_options.user_location.approximate.city", name, kind::annotation, from::user},
    {"web_search_options.user_location.approximate.country", name, kind::annotation, from::user},
    {"web_search_options.user_location.approximate.region", name, kind::annotation, from::user},
    {"web_search_options.user_location.approximate.timezone", name, kind::annotation, from::user},
    {"model", opaque},
    {"stream", scalar},
    {"stream_options.include_usage", scalar},
    {"stream_options.include_obfuscation", scalar},
    {"temperature", scalar},
    {"top_p", scalar},
    {"top_k", scalar},
    {"min_p", scalar},
    {"n", scalar},
    {"seed", scalar},
    {"max_tokens", scalar},
    {"max_completion_tokens", scalar},
    {"presence_penalty", scalar},
    {"frequency_penalty", scalar},
    {"repetition_penalty", scalar},
    {"logit_bias.{*}", scalar},
    {"logprobs", scalar},
    {"top_logprobs", scalar},
    {"parallel_tool_calls", scalar},
    {"store", scalar},
    {"modalities[]", opaque},
    {"audio.voice", opaque},
    {"audio.voice.id", opaque},
    {"audio.format", opaque},
    {"moderation.model", opaque},
    {"moderation.policy", parameters},
    {"reasoning_effort", opaque},
    {"service_tier", opaque},
    {"verbosity", opaque},
    {"prompt_cache_retention", opaque},
    {"prompt_cache_options", parameters},
});

constexpr auto response_rows = std::to_array<row>({
    {"id", opaque},
    {"object", opaque},
    {"created", scalar},
    {"usage.prompt_tokens", scalar},
    {"usage.completion_tokens", scalar},
    {"usage.total_tokens", scalar},
    {"usage.prompt_tokens_details.cached_tokens", scalar},
    {"usage.prompt_tokens_details.audio_tokens", scalar},
    {"usage.completion_tokens_details.reasoning_tokens", scalar},
    {"usage.completion_tokens_details.audio_tokens", scalar},
    {"usage.completion_tokens_details.accepted_prediction_tokens", scalar},
    {"usage.completion_tokens_details.rejected_prediction_tokens", scalar},
    {"choices[].index", scalar},
    {"model", opaque},
    {"service_tier", opaque},
    {"system_fingerprint", opaque},
    {"choices[].finish_reason", opaque},
    {"choices[].message.role", opaque},
    {"choices[].message.content", text, kind::text, from::assistant},
    {"choices[].message.content[].type", opaque},
    {"choices[].message.content[].text", text, kind::text, from::assistant},
    {"choices[].message.content[].thinking[].type", opaque},
    {"choices[].message.content[].thinking[].text", text, kind::reasoning, from::assistant},
    {"choices[].message.content[].closed", scalar},
    {"choices[].message.refusal", text, kind::refusal, from::assistant},
    {"choices[].message.reasoning_content", text, kind::reasoning, from::assistant},
    {"choices[].message.reasoning", text, kind::reasoning, from::assistant},
    {"choices[].message.reasoning_details[].text", text, kind::reasoning, from::assistant},
    {"choices[].message.reasoning_details[].summary", text, kind::reasoning, from::assistant},
    {"choices[].message.reasoning_details[].data", sealed},
    {"choices[].message.reasoning_details[].signature", sealed},
    {"choices[].message.reasoning_details[].index", scalar},
    {"choices[].message.reasoning_details[].type", opaque},
    {"choices[].message.reasoning_details[].format", opaque},
    {"choices[].message.reasoning_details[].id", opaque},
    {"choices[].message.tool_calls[].id", opaque},
    {"choices[].message.tool_calls[].type", opaque},
    {"choices[].message.tool_calls[].function.name", name, kind::name, from::assistant},
    {"choices[].message.tool_calls[].function.arguments", json, kind::tool_call, from::assistant},
    {"choices[].message.tool_calls[].custom.name", name, kind::name, from::assistant},
    {"choices[].message.tool_calls[].custom.input", text, kind::tool_call, from::assistant},
    {"choices[].message.function_call.name", name, kind::name, from::assistant},
    {"choices[].message.function_call.arguments", json, kind::tool_call, from::assistant},
    {"choices[].message.annotations[].type", opaque},
    {"choices[].message.annotations[].url_citation.start_index", scalar},
    {"choices[].message.annotations[].url_citation.end_index", scalar},
    {"choices[].message.annotations[].url_citation.title", text, kind::annotation, from::assistant},
    {"choices[].message.annotations[].url_citation.url", name, kind::annotation, from::assistant},
    {"choices[].message.audio.id", handle},
    {"choices[].message.audio.expires_at", scalar},
    {"choices[].message.audio.data", binary, kind::attachment, from::assistant, attachment_type::audio},
    {"choices[].message.audio.transcript", text, kind::transcript, from::assistant},
    {"choices[].logprobs", copy},
    {"metadata.{*}", name, kind::annotation, from::assistant},
});

// What Azure puts beside an answer, a chunk and an error.
constexpr auto filter_rows = std::to_array<row>({
    {"prompt_filter_results", parameters},
    {"choices[].content_filter_results", parameters},
    {"moderation", parameters},
});

constexpr auto chunk_rows = std::to_array<row>({
    {"id", opaque},
    {"object", opaque},
    {"created", scalar},
    {"usage.prompt_tokens", scalar},
    {"usage.completion_tokens", scalar},
    {"usage.total_tokens", scalar},
    {"usage.prompt_tokens_details.cached_tokens", scalar},
    {"usage.prompt_tokens_details.audio_tokens", scalar},
    {"usage.completion_tokens_details.reasoning_tokens", scalar},
    {"usage.completion_tokens_details.audio_tokens", scalar},
    {"usage.completion_tokens_details.accepted_prediction_tokens", scalar},
    {"usage.completion_tokens_details.rejected_prediction_tokens", scalar},
    {"choices[].index", scalar},
    {"model", opaque},
    {"service_tier", opaque},
    {"system_fingerprint", opaque},
    {"obfuscation", opaque},
    {"choices[].finish_reason", opaque},
    {"choices[].delta.role", opaque},
    grows({"choices[].delta.content", text, kind::text, from::assistant}),
    {"choices[].delta.content[].type", opaque},
    grows({"choices[].delta.content[].text", text, kind::text, from::assistant}),
    {"choices[].delta.content[].thinking[].type", opaque},
    grows({"choices[].delta.content[].thinking[].text", text, kind::reasoning, from::assistant}),
    {"choices[].delta.content[].closed", scalar},
    grows({"choices[].delta.refusal", text, kind::refusal, from::assistant}),
    grows({"choices[].delta.reasoning_content", text, kind::reasoning, from::assistant}),
    grows({"choices[].delta.reasoning", text, kind::reasoning, from::assistant}),
    grows({"choices[].delta.reasoning_details[].text", text, kind::reasoning, from::assistant}),
    grows({"choices[].delta.reasoning_details[].summary", text, kind::reasoning, from::assistant}),
    {"choices[].delta.reasoning_details[].data", sealed},
    {"choices[].delta.reasoning_details[].signature", sealed},
    {"choices[].delta.reasoning_details[].index", scalar},
    {"choices[].delta.reasoning_details[].type", opaque},
    {"choices[].delta.reasoning_details[].format", opaque},
    {"choices[].delta.reasoning_details[].id", opaque},
    {"choices[].delta.tool_calls[].index", scalar},
    {"choices[].delta.tool_calls[].id", opaque},
    {"choices[].delta.tool_calls[].type", opaque},
    {"choices[].delta.tool_calls[].function.name", name, kind::name, from::assistant},
    grows({"choices[].delta.tool_calls[].function.arguments", json, kind::tool_call, from::assistant}),
    {"choices[].delta.tool_calls[].custom.name", name, kind::name, from::assistant},
    grows({"choices[].delta.tool_calls[].custom.input", text, kind::tool_call, from::assistant}),
    {"choices[].delta.function_call.name", name, kind::name, from::assistant},
    grows({"choices[].delta.function_call.arguments", json, kind::tool_call, from::assistant}),
    {"choices[].delta.annotations[].type", opaque},
    {"choices[].delta.annotations[].url_citation.start_index", scalar},
    {"choices[].delta.annotations[].url_citation.end_index", scalar},
    whole({"choices[].delta.annotations[].url_citation.title", text, kind::annotation, from::assistant}),
    whole({"choices[].delta.annotations[].url_citation.url", name, kind::annotation, from::assistant}),
    {"choices[].delta.audio.id", handle},
    {"choices[].delta.audio.expires_at", scalar},
    {"choices[].delta.audio.data", binary, kind::attachment, from::assistant, attachment_type::audio},
    grows({"choices[].delta.audio.transcript", text, kind::transcript, from::assistant}),
    {"choices[].logprobs", copy},
});

std::vector<row> joined(std::initializer_list<std::span<const row>> pieces) {
  std::vector<row> out;
  for (const auto& piece : pieces) out.insert(out.end(), piece.begin(), piece.end());
  return out;
}

}  // namespace

const path_table& chat_request_table() {
  static const auto rows = joined({request_rows, vendor_request_rows()});
  static const path_table table(rows);
  return table;
}
const answer_table& chat_response_table() {
  static const auto rows = joined({response_rows, filter_rows, vendor_response_rows()});
  static const answer_table table(rows, openai_error_rows());
  return table;
}
const answer_table& chat_chunk_table() {
  static const auto rows = joined({chunk_rows, filter_rows, vendor_chunk_rows()});
  static const answer_table table(rows, openai_error_rows());
  return table;
}

void add_chat_coverage(std::vector<dialect::coverage_row>& out) {
  add_coverage(out, "chat.completions", "request", "no", chat_request_table().rows());
  out.push_back({"chat.completions", "request", "any other string, object or list", "-", "-", "-", "no", "unreadable.unknown_part; of numbers and flags alone the keys are scanned; a redaction blocks"});
  out.push_back({"chat.completions", "request", "any other number or flag, and its key", "-", "-", "-", "no", "scanned; a redaction blocks"});
  add_coverage(out, "chat.completions", "response", "no", chat_response_table().rows());
  add_coverage(out, "chat.completions", "response", "yes", chat_chunk_table().rows());
  out.push_back({"chat.completions", "response", "any other string or number", "N", "assistant", "annotation", "both", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  out.push_back({"chat.completions", "response", "any other list of numbers", "N", "assistant", "annotation", "both", "scanned, each number and what all spell as bytes and as code points; a redaction blocks"});
}

}  // namespace sluice::wire
