// Gemini, field by field. Parts stand in contents, in instructions, in results and in answers, so their rows are put together.
#include "gemini_table.hpp"

#include <algorithm>
#include <array>

#include "error_rows.hpp"
#include "queries.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto part_rows = std::to_array<row>({
    grows({"text", text}),
    {"thought", scalar},
    {"thoughtSignature", sealed},
    {"videoMetadata", parameters},
    {"mediaResolution", parameters},
    {"mediaProcessing", opaque},
    {"partMetadata", schema, kind::annotation},
    {"speechMetadata.speaker", name, kind::name},
    {"speechMetadata.style", name, kind::annotation},
    {"audioTranscription.text", text, kind::transcript},
    {"audioTranscription.speakerLabel", name, kind::name},
    {"audioTranscription.languageCode", opaque},
    {"audioTranscription.startOffset", opaque},
    {"audioTranscription.endOffset", opaque},
    {"inlineData.mimeType", opaque},
    {"inlineData.displayName", name, kind::name},
    {"inlineData.data", binary, kind::attachment},
    {"fileData.mimeType", opaque},
    {"fileData.displayName", name, kind::name},
    elsewhere({"fileData.fileUri", reference, kind::attachment}, held::file_address),
    {"functionCall.id", opaque},
    {"functionCall.name", name, kind::name, from::assistant},
    // Whoever reads a stream takes what is in one part for all of a call or of a result; a call in pieces comes as partialArgs.
    whole({"functionCall.args", arguments, kind::tool_call, from::assistant}),
    {"functionCall.willContinue", scalar},
    whole({"functionCall.partialArgs[].jsonPath", name, kind::tool_call, from::assistant}),
    grows({"functionCall.partialArgs[].stringValue", text, kind::tool_call, from::assistant}),
    {"functionCall.partialArgs[].numberValue", arguments, kind::tool_call, from::assistant},
    {"functionCall.partialArgs[].boolValue", scalar},
    {"functionCall.partialArgs[].nullValue", parameters},
    {"functionCall.partialArgs[].willContinue", scalar},
    {"functionResponse.id", opaque},
    {"functionResponse.scheduling", opaque},
    {"functionResponse.name", name, kind::name, from::tool},
    whole({"functionResponse.response", arguments, kind::tool_result, from::tool}),
    {"functionResponse.parts[].mediaProcessing", opaque},
    {"functionResponse.parts[].inlineData.mimeType", opaque},
    {"functionResponse.parts[].inlineData.displayName", name, kind::name, from::tool},
    {"functionResponse.parts[].inlineData.data", binary, kind::attachment, from::tool},
    {"functionResponse.parts[].fileData.mimeType", opaque},
    {"functionResponse.parts[].fileData.displayName", name, kind::name, from::tool},
    elsewhere({"functionResponse.parts[].fileData.fileUri", reference, kind::attachment, from::tool}, held::file_address),
    {"executableCode.id", opaque},
    {"executableCode.language", opaque},
    whole({"executableCode.code", text, kind::tool_call, from::assistant}),
    {"codeExecutionResult.id", opaque},
    {"codeExecutionResult.outcome", opaque},
    whole({"codeExecutionResult.output", text, kind::tool_result, from::tool}),
    {"toolCall.id", opaque},
    {"toolCall.toolType", opaque},
    whole({"toolCall.args", arguments, kind::tool_call, from::assistant}),
    {"toolResponse.id", opaque},
    {"toolResponse.toolType", opaque},
    whole({"toolResponse.response", arguments, kind::tool_result, from::tool}),
});

// A transcript said again word by word. In an answer no rule could find in it what it finds in the whole, so it goes when that was edited.
constexpr auto asked_word_rows = std::to_array<row>({
    {"audioTranscription.words[].word", text, kind::transcript},
    {"audioTranscription.words[].startOffset", opaque},
    {"audioTranscription.words[].endOffset", opaque},
});
constexpr auto told_word_rows = std::to_array<row>({{"audioTranscription.words", copy}});

constexpr auto request_rows = std::to_array<row>({
    other_model("model"),
    {"contents[].role", opaque},
    {"systemInstruction.role", opaque},
    {"tools[].functionDeclarations[].name", name, kind::name, from::system},
    {"tools[].functionDeclarations[].description", text, kind::tool_definition, from::system},
    {"tools[].functionDeclarations[].behavior", opaque},
    {"tools[].functionDeclarations[].parameters", schema, kind::tool_definition, from::system},
    {"tools[].functionDeclarations[].parametersJsonSchema", schema, kind::tool_definition, from::system},
    {"tools[].functionDeclarations[].response", schema, kind::tool_definition, from::system},
    {"tools[].functionDeclarations[].responseJsonSchema", schema, kind::tool_definition, from::system},
    fetches({"tools[].googleSearch", parameters}, held::web_search),
    fetches({"tools[].googleSearchRetrieval", parameters}, held::web_search),
    fetches({"tools[].enterpriseWebSearch", parameters}, held::web_search),
    fetches({"tools[].googleMaps", parameters}, held::web_search),
    {"tools[].codeExecution", parameters},
    fetches({"tools[].urlContext", parameters}, held::web_pages),
    {"tools[].computerUse.environment", opaque},
    {"tools[].computerUse.excludedPredefinedFunctions[]", name, kind::name, from::system},
    {"tools[].computerUse.disabledSafetyPolicies[]", opaque},
    elsewhere({"tools[].exaAiSearch", reference, kind::attachment}, held::search_store),
    elsewhere({"tools[].parallelAiSearch", reference, kind::attachment}, held::search_store),
    elsewhere({"tools[].fileSearch", reference, kind::attachment}, held::search_store),
    elsewhere({"tools[].retrieval", reference, kind::attachment}, held::search_store),
    elsewhere({"tools[].mcpServers", reference, kind::attachment}, held::mcp_server),
    {"toolConfig.functionCallingConfig.mode", opaque},
    {"toolConfig.functionCallingConfig.allowedFunctionNames[]", name, kind::name, from::system},
    {"toolConfig.retrievalConfig", parameters},
    {"safetySettings", parameters},
    {"generationConfig.stopSequences[]", name, kind::text, from::user},
    {"generationConfig.responseMimeType", opaque},
    {"generationConfig.responseModalities[]", opaque},
    {"generationConfig.responseSchema", schema, kind::tool_definition, from::system},
    {"generationConfig.responseJsonSchema", schema, kind::tool_definition, from::system},
    {"generationConfig.mediaResolution", parameters},
    {"generationConfig.speechConfig", parameters},
    {"generationConfig.thinkingConfig", parameters},
    {"generationConfig.imageConfig", parameters},
    {"generationConfig.routingConfig.autoMode", parameters},
    other_model("generationConfig.routingConfig.manualMode.modelName"),
    {"generationConfig.modelSelectionConfig", parameters},
    {"generationConfig.translationConfig", parameters},
    {"generationConfig.responseFormat", schema, kind::tool_definition, from::system},
    {"generationConfig.audioTranscriptionConfig", schema, kind::tool_definition, from::system},
    {"cachedContent", reference, kind::attachment},
    {"labels.{*}", name, kind::annotation, from::user},
    {"serviceTier", opaque},
});

constexpr auto embed_rows = std::to_array<row>({
    other_model("model"),
    {"taskType", opaque},
    {"title", text, kind::text, from::user},
    {"outputDimensionality", scalar},
    {"content.role", opaque},
});

constexpr auto response_rows = std::to_array<row>({
    {"candidates[].index", scalar},
    {"candidates[].tokenCount", scalar},
    {"candidates[].avgLogprobs", scalar},
    {"candidates[].content.role", opaque},
    {"candidates[].finishReason", opaque},
    whole({"candidates[].finishMessage", text, kind::refusal, from::assistant}),
    {"candidates[].safetyRatings", parameters},
    {"candidates[].logprobsResult", copy},
    {"candidates[].continuationToken", sealed},
    {"candidates[].citationMetadata.citations[].startIndex", scalar},
    {"candidates[].citationMetadata.citations[].endIndex", scalar},
    {"candidates[].citationMetadata.citations[].title", text, kind::annotation, from::assistant},
    {"candidates[].citationMetadata.citations[].uri", name, kind::annotation, from::assistant},
    {"candidates[].citationMetadata.citations[].license", name, kind::annotation, from::assistant},
    {"candidates[].citationMetadata.citationSources[].uri", name, kind::annotation, from::assistant},
    {"candidates[].citationMetadata.citationSources[].license", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.webSearchQueries[]", text, kind::tool_call, from::assistant},
    {"candidates[].groundingMetadata.imageSearchQueries[]", text, kind::tool_call, from::assistant},
    {"candidates[].groundingMetadata.retrievalQueries[]", text, kind::tool_call, from::assistant},
    {"candidates[].groundingMetadata.googleMapsWidgetContextToken", sealed},
    {"candidates[].groundingMetadata.sourceFlaggingUris", schema, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.searchEntryPoint.renderedContent", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.searchEntryPoint.sdkBlob", sealed},
    {"candidates[].groundingMetadata.groundingChunks[].web.title", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].web.uri", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].web.domain", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.title", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.uri", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.text", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.documentName", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.fileSearchStore", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.mediaId", opaque},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.pageNumber", scalar},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.ragChunk", schema, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].retrievedContext.customMetadata", schema, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].image", schema, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].maps.text", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].maps.placeAnswerSources", schema, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].maps.route", schema, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].maps.title", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].maps.uri", name, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingChunks[].maps.placeId", opaque},
    {"candidates[].groundingMetadata.groundingSupports[].segment.startIndex", scalar},
    {"candidates[].groundingMetadata.groundingSupports[].segment.endIndex", scalar},
    {"candidates[].groundingMetadata.groundingSupports[].segment.partIndex", scalar},
    {"candidates[].groundingMetadata.groundingSupports[].segment.text", text, kind::annotation, from::assistant},
    {"candidates[].groundingMetadata.groundingSupports[].groundingChunkIndices[]", scalar},
    {"candidates[].groundingMetadata.groundingSupports[].confidenceScores[]", scalar},
    {"candidates[].groundingMetadata.retrievalMetadata", parameters},
    {"candidates[].urlContextMetadata.urlMetadata[].retrievedUrl", name, kind::annotation, from::assistant},
    {"candidates[].urlContextMetadata.urlMetadata[].urlRetrievalStatus", opaque},
    {"promptFeedback.blockReason", opaque},
    whole({"promptFeedback.blockReasonMessage", text, kind::refusal, from::assistant}),
    {"promptFeedback.safetyRatings", parameters},
    {"usageMetadata", parameters},
    {"modelVersion", opaque},
    {"modelStatus", parameters},
    {"responseId", opaque},
    {"createTime", opaque},
    {"totalTokens", scalar},
    {"cachedContentTokenCount", scalar},
    {"promptTokensDetails", parameters},
    {"cacheTokensDetails", parameters},
    {"embedding.values[]", scalar},
    {"embeddings[].values[]", scalar},
    {"embeddings[].statistics", parameters},
});

// What is kept for later requests: all that a request may say, and for how long.
constexpr auto cache_rows = std::to_array<row>({
    {"displayName", name, kind::name, from::user},
    {"ttl", opaque},
    {"expireTime", opaque},
});
constexpr auto cache_answer_rows = std::to_array<row>({
    {"name", handle},
    {"displayName", text, kind::name, from::user},
    {"model", opaque},
    {"createTime", opaque},
    {"updateTime", opaque},
    {"expireTime", opaque},
    {"usageMetadata", parameters},
});

void add_request(row_list& out, const std::string& at) {
  out.add(at, request_rows);
  const auto below = at.empty() ? std::string() : at + ".";
  out.add(below + "contents[].parts[]", part_rows);
  out.add(below + "contents[].parts[]", asked_word_rows);
  out.add(below + "systemInstruction.parts[]", part_rows, from::system);
  out.add(below + "systemInstruction.parts[]", asked_word_rows, from::system);
}

const row_list& request_list() {
  static const auto list = [] {
    row_list out;
    add_request(out, "");
    return out;
  }();
  return list;
}
const row_list& count_list() {
  static const auto list = [] {
    row_list out;
    add_request(out, "");
    add_request(out, "generateContentRequest");
    return out;
  }();
  return list;
}
const row_list& cache_list() {
  static const auto list = [] {
    row_list out;
    add_request(out, "");
    out.add("", cache_rows);
    return out;
  }();
  return list;
}
const row_list& embed_list() {
  static const auto list = [] {
    row_list out;
    out.add("", embed_rows);
    out.add("content.parts[]", part_rows, from::user);
    out.add("content.parts[]", asked_word_rows, from::user);
    out.add("requests[]", embed_rows);
    out.add("requests[].content.parts[]", part_rows, from::user);
    out.add("requests[].content.parts[]", asked_word_rows, from::user);
    out.apart("requests[]");
    return out;
  }();
  return list;
}
const row_list& response_list() {
  static const auto list = [] {
    row_list out;
    out.add("", response_rows);
    for (const char* at : {"candidates[].citationMetadata.", "candidates[].groundingMetadata.", "candidates[].urlContextMetadata."}) out.comes(at, coming::whole);
    out.add("candidates[].content.parts[]", part_rows, from::assistant);
    out.add("candidates[].content.parts[]", told_word_rows, from::assistant);
    return out;
  }();
  return list;
}

std::vector<dialect::coverage_row> make_coverage() {
  std::vector<dialect::coverage_row> out;
  const auto endpoint = [&](std::string_view named, std::span<const row> asked) {
    add_coverage(out, named, "request", "no", asked);
    out.push_back({named, "request", "any other string or object", "-", "-", "-", "no", "unreadable.unknown_part; of numbers and flags alone the keys are scanned; a redaction blocks"});
    if (std::ranges::any_of(asked, [](const row& r) { return r.path.starts_with("tools[]"); })) out.push_back({named, "request", "any other tool", "-", "-", "-", "no", "unreadable.unknown_part"});
    const bool streams = named == "streamGenerateContent";
    add_coverage(out, named, "response", streams ? "yes" : "no", (streams ? gemini_event() : gemini_response()).rows());
    out.push_back({named, "response", "any other string or number", "N", "assistant", "annotation", "both", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  };
  endpoint("generateContent", request_list().rows());
  endpoint("streamGenerateContent", request_list().rows());
  endpoint("countTokens", count_list().rows());
  endpoint("embedContent", embed_list().rows());
  endpoint("batchEmbedContents", embed_list().rows());
  add_coverage(out, "cachedContents", "request", "no", cache_list().rows());
  out.push_back({"cachedContents", "request", "any other string or object", "-", "-", "-", "no", "unreadable.unknown_part; of numbers and flags alone the keys are scanned; a redaction blocks"});
  for (const char* named : {"cachedContents", "cachedContents.get"}) {
    add_coverage(out, named, "response", "no", gemini_cache_answer().rows());
    out.push_back({named, "response", "any other string or number", "N", "assistant", "annotation", "no", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
  out.push_back({"cachedContents.delete", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
  add_query_coverage(out, gemini_queries());
  out.push_back({"models", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
  out.push_back({"other methods of a model, files, caches listed and changed, interactions, live", "both", "any", "-", "-", "-", "both", "denied: not read"});
  out.push_back({"any other path", "both", "any", "-", "-", "-", "both", "unreadable.unknown_path"});
  return out;
}

}  // namespace

const path_table& gemini_request() {
  static const path_table table(request_list().rows(), key_form::camel_or_snake);
  return table;
}
const path_table& gemini_count() {
  static const path_table table(count_list().rows(), key_form::camel_or_snake);
  return table;
}
const path_table& gemini_cache() {
  static const path_table table(cache_list().rows(), key_form::camel_or_snake);
  return table;
}
const answer_table& gemini_cache_answer() {
  static const answer_table table(cache_answer_rows, gemini_error_rows(true), key_form::camel_or_snake);
  return table;
}
const path_table& gemini_embed() {
  static const path_table table(embed_list().rows(), key_form::camel_or_snake);
  return table;
}
const answer_table& gemini_response() {
  static const answer_table table(response_list().rows(), gemini_error_rows(true), key_form::camel_or_snake);
  return table;
}
const answer_table& gemini_event() {
  static const answer_table table(response_list().rows(), gemini_error_rows(false), key_form::camel_or_snake);
  return table;
}
std::span<const dialect::coverage_row> gemini_coverage() {
  static const auto rows = make_coverage();
  return rows;
}

}  // namespace sluice::wire
