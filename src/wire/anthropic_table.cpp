// Anthropic Messages, field by field; content blocks are in anthropic_blocks.cpp.
#include "anthropic_table.hpp"

#include <array>

#include "error_rows.hpp"
#include "queries.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

// What only requests hold.
constexpr auto request_block_rows = std::to_array<row>({
    {"<container_upload>.file_id", reference, kind::attachment},
    {"<tool_addition>.tool.type", opaque},
    {"<tool_addition>.tool.name", name, kind::name, from::system},
    {"<tool_addition>.tool.server_name", name, kind::name, from::system},
    {"<tool_addition>.tool.definition", schema, kind::tool_definition, from::system},
    {"<tool_removal>.tool.type", opaque},
    {"<tool_removal>.tool.name", name, kind::name, from::system},
    {"<tool_removal>.tool.server_name", name, kind::name, from::system},
});
constexpr auto request_rows = std::to_array<row>({
    {"model", opaque},
    {"stream", scalar},
    {"max_tokens", scalar},
    {"temperature", scalar},
    {"top_k", scalar},
    {"top_p", scalar},
    {"system", text, kind::text, from::system},
    {"messages[].role", opaque},
    {"messages[].content", text},
    {"messages[].clear_at", opaque},
    {"messages[].output_config.effort", opaque},
    {"metadata.user_id", name, kind::name, from::user},
    {"stop_sequences[]", name, kind::text, from::user},
    {"service_tier", opaque},
    {"inference_geo", opaque},
    {"workspace_id", opaque},
    {"billing_policy", parameters},
    {"thread.type", opaque},
    {"thread.previous_message_id", reference},
    {"compaction.type", opaque},
    {"compaction.instructions", text, kind::text, from::system},
    {"speed", opaque},
    {"user_profile_id", name, kind::name, from::user},
    {"thinking", parameters},
    {"cache_control", parameters},
    {"betas[]", opaque},
    {"anthropic_version", opaque},
    {"anthropic_beta[]", opaque},
    elsewhere({"container", reference, kind::attachment}, held::container),
    {"mcp_servers[].type", opaque},
    {"mcp_servers[].name", name, kind::name, from::system},
    elsewhere({"mcp_servers[].url", reference, kind::attachment}, held::mcp_server),
    {"mcp_servers[].authorization_token", sealed},
    {"mcp_servers[].tool_configuration.allowed_tools[]", name, kind::name, from::system},
    {"context_management.edits[].type", opaque},
    {"context_management.edits[].instructions", text, kind::text, from::system},
    {"context_management.edits[].trigger", parameters},
    {"context_management.edits[].keep", parameters},
    {"context_management.edits[].clear_at_least", parameters},
    {"context_management.edits[].clear_tool_inputs[]", name, kind::name, from::system},
    {"context_management.edits[].exclude_tools[]", name, kind::name, from::system},
    {"output_config.effort", opaque},
    {"output_config.task_budget", parameters},
    {"output_config.format.type", opaque},
    {"output_config.format.name", name, kind::name, from::system},
    {"output_config.format.schema", schema, kind::tool_definition, from::system},
    {"output_format.type", opaque},
    {"output_format.schema", schema, kind::tool_definition, from::system},
    {"diagnostics", parameters},
    {"fallback_credit_token", sealed},
    {"fallback_credit_token.token", sealed},
    {"fallback_credit_token.mode", opaque},
    {"fallbacks", opaque},
    {"fallbacks[].output_config.task_budget", parameters},
    other_model("fallbacks[].model"),
    {"fallbacks[].speed", opaque},
    {"fallbacks[].thinking", parameters},
    {"fallbacks[].output_config.effort", opaque},
    {"fallbacks[].output_config.format.type", opaque},
    {"fallbacks[].output_config.format.schema", schema, kind::tool_definition, from::system},
    {"tool_choice.type", opaque},
    {"tool_choice.name", name, kind::name, from::system},
    {"tools[].type", opaque},
    {"tools[].name", name, kind::name, from::system},
    {"tools[].description", text, kind::tool_definition, from::system},
    {"tools[].input_schema", schema, kind::tool_definition, from::system},
    {"tools[].input_examples[]", schema, kind::tool_definition, from::system},
    {"tools[].tools", schema, kind::tool_definition, from::system},
    {"tools[].url_sources", parameters},
    {"tools[].response_inclusion", opaque},
    {"tools[].cache_control", parameters},
    {"tools[].allowed_callers[]", opaque},
    {"tools[].allowed_domains[]", name, kind::annotation, from::system},
    {"tools[].blocked_domains[]", name, kind::annotation, from::system},
    {"tools[].citations", parameters},
    other_model("tools[].model"),
    {"tools[].caching", parameters},
    {"tools[].user_location.type", opaque},
    {"tools[].user_location.city", name, kind::annotation, from::user},
    {"tools[].user_location.country", name, kind::annotation, from::user},
    {"tools[].user_location.region", name, kind::annotation, from::user},
    {"tools[].user_location.timezone", name, kind::annotation, from::user},
    {"tools[].mcp_server_name", name, kind::name, from::system},
    {"tools[].default_config", parameters},
    {"tools[].configs", parameters},
});

// What a message is besides its blocks; in answers and in the first event of a stream.
constexpr auto message_rows = std::to_array<row>({
    {"id", opaque},
    {"type", opaque},
    {"role", opaque},
    {"model", opaque},
    {"stop_reason", opaque},
    {"stop_sequence", name, kind::text, from::assistant},
    {"stop_details.type", opaque},
    {"stop_details.category", opaque},
    {"stop_details.explanation", text, kind::refusal, from::assistant},
    {"stop_details.recommended_model", opaque},
    {"stop_details.fallback_credit_token", sealed},
    {"input_transformations", parameters},
    {"container", parameters},
    {"context_management", parameters},
    {"usage", parameters},
    {"diagnostics", parameters},
});

constexpr auto count_rows = std::to_array<row>({
    {"input_tokens", scalar},
    {"context_management", parameters},
});

constexpr auto event_rows = std::to_array<row>({
    {"type", opaque},
    {"<content_block_start>.index", scalar},
    {"<content_block_delta>.index", scalar},
    {"<content_block_delta>.delta.type", opaque},
    grows({"<content_block_delta>.delta<text_delta>.text", text, kind::text, from::assistant}),
    grows({"<content_block_delta>.delta<input_json_delta>.partial_json", json, kind::tool_call, from::assistant}),
    grows({"<content_block_delta>.delta<thinking_delta>.thinking", name, kind::reasoning, from::assistant}),
    {"<content_block_delta>.delta<thinking_delta>.estimated_tokens", scalar},
    {"<content_block_delta>.delta<signature_delta>.signature", sealed},
    grows({"<content_block_delta>.delta<compaction_delta>.content", text, kind::text, from::assistant}),
    {"<content_block_delta>.delta<compaction_delta>.encrypted_content", sealed},
    {"<content_block_delta>.delta<citations_delta>.citation.type", opaque},
    {"<content_block_delta>.delta<citations_delta>.citation.cited_text", text, kind::annotation, from::assistant},
    {"<content_block_delta>.delta<citations_delta>.citation.document_title", text, kind::annotation, from::assistant},
    {"<content_block_delta>.delta<citations_delta>.citation.title", text, kind::annotation, from::assistant},
    {"<content_block_delta>.delta<citations_delta>.citation.url", name, kind::annotation, from::assistant},
    {"<content_block_delta>.delta<citations_delta>.citation.source", name, kind::annotation, from::assistant},
    {"<content_block_delta>.delta<citations_delta>.citation.encrypted_index", sealed},
    {"<content_block_delta>.delta<citations_delta>.citation.file_id", opaque},
    {"<content_block_delta>.delta<citations_delta>.citation.document_index", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.search_result_index", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.start_char_index", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.end_char_index", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.start_page_number", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.end_page_number", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.start_block_index", scalar},
    {"<content_block_delta>.delta<citations_delta>.citation.end_block_index", scalar},
    {"<content_block_stop>.index", scalar},
    {"<message_delta>.delta.stop_reason", opaque},
    {"<message_delta>.delta.stop_sequence", name, kind::text, from::assistant},
    {"<message_delta>.delta.stop_details.type", opaque},
    {"<message_delta>.delta.stop_details.category", opaque},
    {"<message_delta>.delta.stop_details.explanation", text, kind::refusal, from::assistant},
    {"<message_delta>.delta.stop_details.recommended_model", opaque},
    {"<message_delta>.delta.stop_details.fallback_credit_token", sealed},
    {"<message_delta>.delta.container", parameters},
    {"<message_delta>.usage", parameters},
    {"<message_delta>.input_transformations", parameters},
    {"<message_delta>.context_management", parameters},
    {"<message_stop>.type", opaque},
    {"<ping>.type", opaque},
});

// Answers hold what the upstream made: nothing of it is an attachment that somebody sent.
row_list make_request() {
  row_list out;
  out.add("", request_rows);
  add_anthropic_texts(out, "system[]", from::system);
  add_anthropic_blocks(out, "messages[].content[]", from::of_message);
  out.add("messages[].content[]", request_block_rows);
  add_anthropic_texts(out, "messages[].content[]<mid_conv_system>.content[]", from::system);
  return out;
}
row_list make_response() {
  row_list out;
  out.add("", message_rows);
  add_anthropic_blocks(out, "content[]", from::assistant);
  constexpr auto upload = std::to_array<row>({{"<container_upload>.file_id", opaque}});
  out.add("content[]", upload);
  return out;
}
row_list make_event() {
  row_list out;
  constexpr auto upload = std::to_array<row>({{"<container_upload>.file_id", opaque}});
  out.add("", event_rows);
  out.add("<message_start>.message", message_rows);
  add_anthropic_blocks(out, "<message_start>.message.content[]", from::assistant);
  out.add("<message_start>.message.content[]", upload);
  add_anthropic_blocks(out, "<content_block_start>.content_block", from::assistant);
  out.add("<content_block_start>.content_block", upload);
  // A block that grows may begin with some of its text, in its own first event or in that of its message; of the others, and of citations,
  // each is one of its own.
  for (const char* in : {"<content_block_start>.content_block", "<message_start>.message.content[]"}) {
    for (const char* at : {"<text>.text", "<thinking>.thinking", "<compaction>.content"}) out.comes(in + std::string(at), coming::grows);
  }
  for (const char* at : {"<message_start>.message.content[]", "<content_block_start>.content_block", "<content_block_delta>.delta<citations_delta>."}) out.comes(at, coming::whole);
  return out;
}

const row_list& request_list() {
  static const auto list = make_request();
  return list;
}
const row_list& response_list() {
  static const auto list = make_response();
  return list;
}
const row_list& event_list() {
  static const auto list = make_event();
  return list;
}

std::vector<dialect::coverage_row> make_coverage() {
  std::vector<dialect::coverage_row> out;
  for (const char* endpoint : {"messages", "messages.count_tokens"}) {
    add_coverage(out, endpoint, "request", "no", request_list().rows());
    out.push_back({endpoint, "request", "any other string", "-", "-", "-", "no", "unreadable.unknown_part"});
    out.push_back({endpoint, "request", "a tool of an unknown type", "-", "-", "-", "no", "unreadable.unknown_part"});
  }
  add_coverage(out, "messages", "response", "no", anthropic_response().rows());
  add_coverage(out, "messages", "response", "yes", anthropic_event().rows());
  add_coverage(out, "messages.count_tokens", "response", "no", anthropic_count().rows());
  for (const char* endpoint : {"messages", "messages.count_tokens"}) {
    out.push_back({endpoint, "response", "any other string or number", "N", "assistant", "annotation", "both", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
  add_query_coverage(out, anthropic_queries());
  out.push_back({"models", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
  out.push_back({"batches, files, skills, agents, sessions, memory stores, complete", "both", "any", "-", "-", "-", "both", "denied: not read"});
  out.push_back({"any other path", "both", "any", "-", "-", "-", "both", "unreadable.unknown_path"});
  return out;
}

}  // namespace

const path_table& anthropic_request() {
  static const path_table table(request_list().rows());
  return table;
}
const answer_table& anthropic_response() {
  static const answer_table table(response_list().rows(), anthropic_error_rows());
  return table;
}
const answer_table& anthropic_count() {
  static const answer_table table(count_rows, anthropic_error_rows());
  return table;
}
const answer_table& anthropic_event() {
  static const answer_table table(event_list().rows(), anthropic_error_rows());
  return table;
}
std::span<const dialect::coverage_row> anthropic_coverage() {
  static const auto rows = make_coverage();
  return rows;
}

std::span<const anthropic_text> anthropic_texts() {
  static const auto all = [] {
    constexpr std::string_view deltas = "<content_block_delta>.delta<", type_end = "_delta>.";
    std::vector<anthropic_text> out;
    for (const auto& r : anthropic_event().rows()) {
      const auto end = r.path.find(type_end, deltas.size());
      if (r.comes != coming::grows || r.what == text_class::json || !r.path.starts_with(deltas) || end == std::string_view::npos) continue;
      const auto type = r.path.substr(deltas.size(), end - deltas.size()), key = r.path.substr(end + type_end.size());
      const auto row = std::string(type) + ">." + std::string(key);
      out.push_back({r.path, r.path.substr(deltas.size(), type.size() + type_end.size() - 2), type, key, "<content_block_start>.content_block<" + row, std::string(anthropic_in_message) + row});
    }
    return out;
  }();
  return all;
}

}  // namespace sluice::wire
