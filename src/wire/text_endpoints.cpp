// See text_endpoints.hpp: tables, and what comes in one piece.
#include "text_endpoints.hpp"

#include <array>

#include "error_rows.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;
using text::json::index;
using text::json::none;

constexpr auto completions_request = std::to_array<row>({
    {"model", opaque},
    {"prompt", text, kind::text, from::user},
    {"prompt[]", text, kind::text, from::user},  // not apart: a suffix goes with each
    {"suffix", text, kind::text, from::user},
    {"stop", name, kind::text, from::user},
    {"stop[]", name, kind::text, from::user},
    {"user", name, kind::name, from::user},
    {"stream", scalar},
    {"stream_options.include_usage", scalar},
    {"stream_options.include_obfuscation", scalar},
    {"echo", scalar},
    {"n", scalar},
    {"best_of", scalar},
    {"logprobs", scalar},
    {"max_tokens", scalar},
    {"temperature", scalar},
    {"top_p", scalar},
    {"frequency_penalty", scalar},
    {"presence_penalty", scalar},
    {"seed", scalar},
    {"logit_bias.{*}", scalar},
    // vLLM: chat_vendors.cpp says what they are.
    {"stop_token_ids[]", scalar},
    {"allowed_token_ids[]", scalar},
    {"truncation_side", opaque},
    {"request_id", opaque},
    {"cache_salt", name, kind::name, from::user},
    {"bad_words[]", name, kind::text, from::system},
    {"guided_json", schema, kind::tool_definition, from::system},
    {"guided_regex", name, kind::tool_definition, from::system},
    {"guided_choice[]", name, kind::tool_definition, from::system},
    {"guided_grammar", name, kind::tool_definition, from::system},
    {"structured_outputs", schema, kind::tool_definition, from::system},
    {"vllm_xargs", schema, kind::text, from::system},
    {"logits_processors", schema, kind::tool_definition, from::system},
    {"repetition_detection", parameters},
    elsewhere({"kv_transfer_params", reference}, held::cached_prompt),
    {"response_format.type", opaque},
    {"response_format.json_schema.name", name, kind::name, from::system},
    {"response_format.json_schema.description", name, kind::tool_definition, from::system},
    {"response_format.json_schema.schema", schema, kind::tool_definition, from::system},
    {"response_format.json_schema.strict", scalar},
});
constexpr auto completions_response = std::to_array<row>({
    {"id", opaque},
    {"object", opaque},
    {"created", scalar},
    {"model", opaque},
    {"system_fingerprint", opaque},
    {"obfuscation", opaque},
    {"usage", parameters},
    {"timings", parameters},
    {"prompt_filter_results", parameters},
    {"choices[].index", scalar},
    grows({"choices[].text", text, kind::text, from::assistant}),
    {"choices[].finish_reason", opaque},
    {"choices[].logprobs", copy},
    {"choices[].prompt_token_ids", copy},
    {"choices[].content_filter_results", parameters},
});
constexpr auto embeddings_request = std::to_array<row>({
    {"model", opaque},
    {"input", text, kind::text, from::user},
    apart({"input[]", text, kind::text, from::user}),
    {"encoding_format", opaque},
    {"dimensions", scalar},
    {"user", name, kind::name, from::user},
});
constexpr auto embeddings_response = std::to_array<row>({
    {"object", opaque},
    {"model", opaque},
    {"usage", parameters},
    {"data[].object", opaque},
    {"data[].index", scalar},
    {"data[].embedding", sealed},
    {"data[].embedding[]", scalar},
});
// Strings are inputs each by itself; objects are the parts of one.
constexpr auto moderations_request = std::to_array<row>({
    {"model", opaque},
    {"input", text, kind::text, from::user},
    apart({"input[]", text, kind::text, from::user}),
    {"input[].type", opaque},
    {"input[]<text>.text", text, kind::text, from::user},
    {"input[]<image_url>.image_url.url", binary, kind::attachment, from::user},
});
constexpr auto moderations_response = std::to_array<row>({
    {"id", opaque},
    {"model", opaque},
    {"results[].flagged", scalar},
    {"results[].categories", parameters},
    {"results[].category_scores", parameters},
    {"results[].category_applied_input_types", parameters},
});

const std::array<text_endpoint, 3>& endpoints() {
  static const path_table cq(completions_request), eq(embeddings_request), mq(moderations_request);
  static const answer_table cr(completions_response, openai_error_rows()), er(embeddings_response, openai_error_rows()), mr(moderations_response, openai_error_rows());
  static const std::array<text_endpoint, 3> all = {{{"completions", cq, cr, "choices"}, {"embeddings", eq, er, ""}, {"moderations", mq, mr, ""}}};
  return all;
}

class text_response_body final : public table_response {
 protected:
  void drop_copies(index choice, std::span<const replacement> /*edits*/, std::vector<text::json::splice>& splices) const override {
    for (const auto key : completions_copies) blank(listed_.body(), choice, key, "null", splices);
  }
  [[nodiscard]] std::string said_beside(index copy) const override {
    const auto& body = listed_.body();
    const auto said = body[copy].key == "tokens" ? member(body[body[copy].parent].parent, "text") : none;
    return said == none || body[said].kind != text::json::kind::string ? std::string() : std::string(body[said].text);
  }
};

constexpr role_words no_roles{[](std::string_view /*word*/, role& /*out*/) { return false; }, ""};

}  // namespace

const text_endpoint* find_text_endpoint(std::string_view name) {
  for (const auto& e : endpoints()) {
    if (e.name == name) return &e;
  }
  return nullptr;
}

void add_text_endpoints_coverage(std::vector<dialect::coverage_row>& out) {
  for (const auto& e : endpoints()) {
    add_coverage(out, e.name, "request", "no", e.request.rows());
    out.push_back({e.name, "request", "tokens as numbers", "-", "-", "-", "no", "unreadable.unknown_part"});
    out.push_back({e.name, "request", "any other string", "-", "-", "-", "no", "unreadable.unknown_part"});
    add_coverage(out, e.name, "response", "no", e.response.rows());
    if (e.name == "completions") add_coverage(out, e.name, "response", "yes", e.response.rows());
    out.push_back({e.name, "response", "any other string or number", "N", "assistant", "annotation", "both", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
}

result<void> text_request_body::read_for(const endpoint& to, const text_endpoint& as, std::string_view bytes, std::uint32_t depth_max) {
  if (auto done = read(bytes, {as.request, "", false, no_roles, true}, depth_max); !done) return done;
  const auto& body = listed_.body();
  if (const auto options = body.member(0, "stream_options"); options != none && body[options].kind == text::json::kind::object) {
    const auto usage = body.member(options, "include_usage");
    usage_ = usage != none && body[usage].text == "true";
  }
  if (to.model.empty()) return {};
  model_text_ = to.model;
  model_ = model_text_;
  return {};
}

result<std::unique_ptr<request_body>> text_read_request(const endpoint& to, const text_endpoint& as, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<text_request_body>();
  if (auto done = made->read_for(to, as, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> text_read_response(const text_endpoint& as, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<text_response_body>();
  if (auto done = made->read(body, as.response, as.choices, depth_max); !done) return std::unexpected(done.error());
  return made;
}

// Embeddings and moderations have no words for a refusal: theirs is that of a completion.
std::string completions_refusal_body(const text_request_body& request, std::string_view message, std::string_view decision_id) {
  const auto head = "{\"id\":" + json_quoted("cmpl-" + std::string(decision_id)) + ",\"object\":\"text_completion\",\"created\":0,\"model\":" + json_quoted(request.model()) + ",\"choices\":[";
  const auto choice = "{\"text\":" + json_quoted(message) + ",\"index\":0,\"logprobs\":null,\"finish_reason\":\"content_filter\"}]";
  const std::string usage = ",\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}";
  if (!request.stream()) return head + choice + usage;
  return "data: " + head + choice + "}\n\n" + (request.include_usage() ? "data: " + head + "]" + usage + "\n\n" : std::string()) + "data: [DONE]\n\n";
}

}  // namespace sluice::wire
