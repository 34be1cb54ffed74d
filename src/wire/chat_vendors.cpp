// See chat_vendors.hpp. Not named here, and so unreadable: what makes a text that the gateway does not see (templates, prompts as
// tensors).
#include "chat_vendors.hpp"

#include <array>

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto request_rows = std::to_array<row>({
    // Clients of several kinds: a message as they keep it, and a picture's address without an object around it.
    {"messages[].id", opaque},
    {"messages[].content[]<image_url>.image_url", binary, kind::attachment},
    {"messages[].content[]<video_url>.video_url.url", binary, kind::attachment, from::of_message, attachment_type::video},
    {"messages[].content[]<audio_url>.audio_url.url", binary, kind::attachment, from::of_message, attachment_type::audio},
    // vLLM. Numbers of tokens in them say where a text ends or what it may not say, and are in no text.
    {"stop_token_ids[]", scalar},
    {"allowed_token_ids[]", scalar},
    {"include_stop_str_in_output", scalar},
    {"ignore_eos", scalar},
    {"min_tokens", scalar},
    {"best_of", scalar},
    {"use_beam_search", scalar},
    {"length_penalty", scalar},
    {"skip_special_tokens", scalar},
    {"spaces_between_special_tokens", scalar},
    {"truncate_prompt_tokens", scalar},
    {"truncation_side", opaque},
    {"prompt_logprobs", scalar},
    {"echo", scalar},
    {"add_generation_prompt", scalar},
    {"continue_final_message", scalar},
    {"add_special_tokens", scalar},
    {"include_reasoning", scalar},
    {"thinking_token_budget", scalar},
    {"return_tokens_as_token_ids", scalar},
    {"return_token_ids", scalar},
    {"priority", scalar},
    {"stream_options.continuous_usage_stats", scalar},
    {"cache_salt", name, kind::name, from::user},
    {"mm_processor_kwargs", parameters},
    {"media_io_kwargs", parameters},
    {"repetition_detection", parameters},
    {"vllm_xargs", schema, kind::text, from::system},
    {"logits_processors", schema, kind::tool_definition, from::system},
    elsewhere({"kv_transfer_params", reference}, held::cached_prompt),
    {"guided_decoding_backend", opaque},
    {"guided_whitespace_pattern", name, kind::tool_definition, from::system},
    {"structural_tag", name, kind::tool_definition, from::system},
    {"response_format.structures", schema, kind::tool_definition, from::system},
    {"response_format.triggers[]", name, kind::tool_definition, from::system},
    {"response_format.format", schema, kind::tool_definition, from::system},
    {"regex", name, kind::tool_definition, from::system},  // SGLang
    {"ebnf", name, kind::tool_definition, from::system},
    {"documents[].title", text, kind::text, from::user},
    {"documents[].text", text, kind::text, from::user},
    {"chat_template_kwargs", schema, kind::text, from::system},
    {"bad_words[]", name, kind::text, from::system},
    {"guided_json", schema, kind::tool_definition, from::system},
    {"guided_regex", name, kind::tool_definition, from::system},
    {"guided_choice[]", name, kind::tool_definition, from::system},
    {"guided_grammar", name, kind::tool_definition, from::system},
    {"structured_outputs", schema, kind::tool_definition, from::system},
    {"request_id", opaque},
    // llama.cpp.
    {"grammar", name, kind::tool_definition, from::system},
    {"json_schema", schema, kind::tool_definition, from::system},
    {"samplers[]", opaque},
    {"dry_sequence_breakers[]", name, kind::text, from::system},
    {"logit_bias[][]", scalar},
    {"response_fields[]", opaque},
    // Mistral.
    {"prompt_mode", opaque},
    {"safe_prompt", scalar},
    {"random_seed", scalar},
    {"messages[].prefix", scalar},
    {"messages[].content[]<reference>.reference_ids[]", scalar},
    {"messages[].content[]<document_url>.document_url", binary, kind::attachment},
    {"messages[].content[]<document_url>.document_name", name, kind::name},
    {"guardrails", schema, kind::tool_definition, from::system},
    // Perplexity, whose models search the web for every answer.
    {"search_domain_filter[]", name, kind::tool_definition, from::system},
    {"image_domain_filter[]", name, kind::tool_definition, from::system},
    {"image_format_filter[]", opaque},
    {"search_language_filter[]", opaque},
    {"search_recency_filter", opaque},
    {"search_after_date_filter", opaque},
    {"search_before_date_filter", opaque},
    {"last_updated_after_filter", opaque},
    {"last_updated_before_filter", opaque},
    {"search_mode", opaque},
    {"language_preference", opaque},
    {"stream_mode", opaque},
    {"return_images", scalar},
    {"return_related_questions", scalar},
    {"disable_search", scalar},
    {"enable_search_classifier", scalar},
    {"num_search_results", scalar},
    {"media_response", parameters},
    {"web_search_options.search_type", opaque},
    {"web_search_options.image_results_enhanced_relevance", scalar},
    {"web_search_options.user_location.latitude", scalar},
    {"web_search_options.user_location.longitude", scalar},
    {"web_search_options.user_location.country", name, kind::annotation, from::user},
    {"web_search_options.user_location.region", name, kind::annotation, from::user},
    {"web_search_options.user_location.city", name, kind::annotation, from::user},
    {"messages[].content[]<file_url>.file_url.url", binary, kind::attachment},
    {"messages[].content[]<file_url>.file_name", name, kind::name},
    // Azure's search of its customers' own stores.
    elsewhere({"data_sources", reference, kind::attachment}, held::search_store),
    // Qwen.
    {"enable_thinking", scalar},
    {"thinking_budget", scalar},
    fetches({"enable_search", scalar}, held::web_search),
    {"search_options", parameters},
    // DeepSeek, Groq.
    {"thinking.type", opaque},
    {"reasoning_format", opaque},
    {"citation_options", opaque},
    {"documents[].id", opaque},
    {"documents[].source.type", opaque},
    {"documents[].source.text", text, kind::text, from::user},
    {"search_settings.include_domains[]", name, kind::tool_definition, from::system},
    {"search_settings.exclude_domains[]", name, kind::tool_definition, from::system},
    {"search_settings.country", name, kind::tool_definition, from::system},
    // OpenRouter.
    other_model("models[]"),
    {"route", opaque},
    {"provider", parameters},
    {"transforms[]", opaque},
    {"reasoning.effort", opaque},
    {"usage.include", scalar},
    {"plugins", schema, kind::tool_definition, from::system},
    // xAI.
    fetches({"search_parameters", scalar}, held::web_search),
    {"search_parameters.mode", opaque},
    {"search_parameters.from_date", opaque},
    {"search_parameters.to_date", opaque},
    {"search_parameters.sources", schema, kind::tool_definition, from::system},
});

// Of an answer and of a chunk, outside of its message.
constexpr auto common_rows = std::to_array<row>({
    // Azure.
    {"prompt_annotations", parameters},
    {"choices[].content_filter_result", parameters},
    {"choices[].content_filter_offsets", parameters},
    {"usage.audio_prompt_tokens", scalar},
    {"usage.reasoning_tokens", scalar},
    // vLLM, SGLang: a stop that is a text repeats what the client asked for.
    {"choices[].stop_reason", name, kind::annotation, from::assistant},
    {"choices[].matched_stop", name, kind::annotation, from::assistant},
    {"choices[].token_ids", copy},
    {"prompt_token_ids", copy},
    // DeepSeek, xAI, Groq, OpenRouter.
    {"usage.prompt_cache_hit_tokens", scalar},
    {"usage.prompt_cache_miss_tokens", scalar},
    {"usage.prompt_tokens_details.text_tokens", scalar},
    {"usage.prompt_tokens_details.image_tokens", scalar},
    {"usage.num_sources_used", scalar},
    {"usage.cost_in_usd_ticks", scalar},
    {"usage.queue_time", scalar},
    {"usage.prompt_time", scalar},
    {"usage.completion_time", scalar},
    {"usage.total_time", scalar},
    {"usage.cost", scalar},
    {"usage.is_byok", scalar},
    {"usage.cost_details", parameters},
    {"usage_breakdown", parameters},
    {"timings", parameters},  // llama.cpp, in each event where asked for
    {"__verbose.tokens", copy},
    {"x_groq.id", opaque},
    {"x_groq.seed", scalar},
    {"x_groq.usage", parameters},
    {"provider", opaque},
    {"choices[].native_finish_reason", opaque},
    {"choices[].error.code", opaque},
    {"choices[].error.message", text, kind::error, from::assistant},
});

// Below "choices[].message" and "choices[].delta".
constexpr auto message_rows = std::to_array<row>({
    {"index", scalar},
    {"tool_calls[].index", scalar},
    // OpenRouter's pictures; and what servers of several kinds answer with in a list of parts, as it stands in a request.
    {"images[].index", scalar},
    {"images[].type", opaque},
    {"images[].image_url.url", binary, kind::attachment, from::assistant},
    {"content[].image_url", binary, kind::attachment, from::assistant},
    {"content[].image_url.url", binary, kind::attachment, from::assistant},
    {"content[].image_url.detail", opaque},
    {"content[].input_audio", binary, kind::attachment, from::assistant, attachment_type::audio},
    {"content[].input_audio.data", binary, kind::attachment, from::assistant, attachment_type::audio},
    {"content[].input_audio.format", opaque},
    {"content[].file.file_data", binary, kind::attachment, from::assistant},
    {"content[].file.file_id", opaque},
    {"content[].file.filename", name, kind::name, from::assistant},
    {"content[].video_url.url", binary, kind::attachment, from::assistant},
    {"content[].document_url", binary, kind::attachment, from::assistant},
    {"content[].document_name", name, kind::name, from::assistant},
});

// In an answer in one piece. (Of a chunk, what stands outside of its choices is judged where it stands.)
constexpr auto answer_rows = std::to_array<row>({
    {"citations[]", name, kind::annotation, from::assistant},
});

// What the table of the API itself has already is left out.
row_list made(const char* message, bool whole) {
  row_list out;
  out.add("", common_rows);
  if (whole) out.add("", answer_rows);
  for (const auto& r : message_rows) {
    if (!whole && r.path == "tool_calls[].index") continue;
    out.add(message, {&r, 1});
  }
  return out;
}

}  // namespace

std::span<const row> vendor_request_rows() { return request_rows; }
std::span<const row> vendor_response_rows() {
  static const auto list = made("choices[].message", true);
  return list.rows();
}
std::span<const row> vendor_chunk_rows() {
  static const auto list = made("choices[].delta", false);
  return list.rows();
}

}  // namespace sluice::wire
