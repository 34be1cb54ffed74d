// Ollama, field by field.
#include "ollama_table.hpp"

#include <array>

#include "error_rows.hpp"
#include "queries.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

// `format` is "json" or a schema. A `template` is code that can put any text together: it is not in these rows, so it is refused.
constexpr auto common_rows = std::to_array<row>({
    {"model", opaque},
    {"stream", scalar},
    {"keep_alive", parameters},
    {"think", parameters},
    {"truncate", scalar},
    {"shift", scalar},
    {"logprobs", scalar},
    {"top_logprobs", scalar},
    {"format", schema, kind::tool_definition, from::system},
    {"options.stop", name, kind::text, from::user},
    {"options.stop[]", name, kind::text, from::user},
    {"options.{*}", scalar},
});
constexpr auto call_rows = std::to_array<row>({
    {"id", opaque},
    {"type", opaque},
    {"function.index", scalar},
    {"function.name", name, kind::name, from::assistant},
    whole({"function.arguments", arguments, kind::tool_call, from::assistant}),
});
constexpr auto chat_rows = std::to_array<row>({
    {"messages[].role", opaque},
    {"messages[].content", text},
    {"messages[].thinking", text, kind::reasoning},
    {"messages[].images[]", binary, kind::attachment},
    {"messages[].tool_name", name, kind::name},
    {"messages[].tool_call_id", name, kind::name},
    {"tools[].type", opaque},
    {"tools[].function.type", opaque},
    {"tools[].function.name", name, kind::name, from::system},
    {"tools[].function.description", text, kind::tool_definition, from::system},
    {"tools[].function.parameters", schema, kind::tool_definition, from::system},
});
constexpr auto generate_rows = std::to_array<row>({
    {"prompt", text, kind::text, from::user},
    {"suffix", text, kind::text, from::user},
    {"system", text, kind::text, from::system},
    {"raw", scalar},
    {"images[]", binary, kind::attachment},
    elsewhere({"context", reference, kind::attachment}, held::tokens),
});
constexpr auto embed_rows = std::to_array<row>({
    {"input", text, kind::text, from::user},
    apart({"input[]", text, kind::text, from::user}),
    {"prompt", text, kind::text, from::user},
    {"dimensions", scalar},
});
constexpr auto response_rows = std::to_array<row>({
    {"model", opaque},
    {"remote_model", opaque},
    {"remote_host", opaque},
    {"created_at", opaque},
    {"message.role", opaque},
    grows({"message.content", text, kind::text, from::assistant}),
    grows({"message.thinking", text, kind::reasoning, from::assistant}),
    {"message.images[]", binary, kind::attachment, from::assistant},
    {"message.tool_name", name, kind::name, from::assistant},
    grows({"response", text, kind::text, from::assistant}),
    grows({"thinking", text, kind::reasoning, from::assistant}),
    {"image", binary, kind::attachment, from::assistant},
    {"context", copy},
    {"logprobs", copy},
    {"done", scalar},
    {"done_reason", opaque},
    {"total_duration", scalar},
    {"load_duration", scalar},
    {"prompt_eval_count", scalar},
    {"prompt_eval_duration", scalar},
    {"eval_count", scalar},
    {"eval_duration", scalar},
    {"embeddings[][]", scalar},
    {"embedding[]", scalar},
});

const row_list& request_list(std::string_view endpoint) {
  static const auto chat = [] {
    row_list out;
    out.add("", common_rows);
    out.add("", chat_rows);
    out.add("messages[].tool_calls[]", call_rows);
    return out;
  }();
  static const auto generate = [] {
    row_list out;
    out.add("", common_rows);
    out.add("", generate_rows);
    return out;
  }();
  static const auto embed = [] {
    row_list out;
    out.add("", common_rows);
    out.add("", embed_rows);
    return out;
  }();
  return endpoint == "chat" ? chat : endpoint == "generate" ? generate : embed;
}
const row_list& response_list() {
  static const auto list = [] {
    row_list out;
    out.add("", response_rows);
    out.add("message.tool_calls[]", call_rows);
    out.add("tool_calls[]", call_rows);
    return out;
  }();
  return list;
}

std::vector<dialect::coverage_row> make_coverage() {
  std::vector<dialect::coverage_row> out;
  for (const char* endpoint : {"chat", "generate", "embed", "embeddings"}) {
    add_coverage(out, endpoint, "request", "no", request_list(endpoint).rows());
    out.push_back({endpoint, "request", "any other string or object (template is one)", "-", "-", "-", "no", "unreadable.unknown_part; of numbers and flags alone the keys are scanned; a redaction blocks"});
    add_coverage(out, endpoint, "response", "no", ollama_response().rows());
    out.push_back({endpoint, "response", "any other string or number", "N", "assistant", "annotation", "both", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
  for (const char* endpoint : {"chat", "generate"}) add_coverage(out, endpoint, "response", "yes", ollama_response().rows());
  add_query_coverage(out, ollama_queries());
  out.push_back({"tags, show, version, ps", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
  out.push_back({"pull, push, create, copy, delete, blobs", "both", "any", "-", "-", "-", "both", "denied: they change the server"});
  out.push_back({"any other path", "both", "any", "-", "-", "-", "both", "unreadable.unknown_path"});
  return out;
}

}  // namespace

const path_table& ollama_request(std::string_view endpoint) {
  static const path_table chat(request_list("chat").rows(), key_form::folded), generate(request_list("generate").rows(), key_form::folded),
      embed(request_list("embed").rows(), key_form::folded);
  return endpoint == "chat" ? chat : endpoint == "generate" ? generate : embed;
}
const answer_table& ollama_response() {
  static const answer_table table(response_list().rows(), ollama_error_rows(), key_form::folded);
  return table;
}
std::span<const dialect::coverage_row> ollama_coverage() {
  static const auto rows = make_coverage();
  return rows;
}

}  // namespace sluice::wire
