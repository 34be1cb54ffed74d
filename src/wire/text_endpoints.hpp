// OpenAI's endpoints that take a plain text: Completions, Embeddings, Moderations.
#pragma once

#include "body_reader.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

// The tables of one of them; null when the endpoint is another.
struct text_endpoint {
  std::string_view name;
  const path_table& request;
  const answer_table& response;
  std::string_view choices;  // the key of the array of answers; "" when there is one
};
[[nodiscard]] const text_endpoint* find_text_endpoint(std::string_view name);
void add_text_endpoints_coverage(std::vector<dialect::coverage_row>& out);

// What of a choice spells its text, or the prompt before it, in tokens.
inline constexpr std::string_view completions_copies[] = {"logprobs", "prompt_logprobs", "token_ids", "prompt_token_ids"};

class text_request_body final : public table_request {
 public:
  [[nodiscard]] result<void> read_for(const endpoint& to, const text_endpoint& as, std::string_view bytes, std::uint32_t depth_max);
  [[nodiscard]] bool include_usage() const { return usage_; }

 private:
  bool usage_ = false;
  std::string model_text_;
};

[[nodiscard]] result<std::unique_ptr<request_body>> text_read_request(const endpoint& to, const text_endpoint& as, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] result<std::unique_ptr<response_body>> text_read_response(const text_endpoint& as, std::string_view body, std::uint32_t depth_max);
[[nodiscard]] std::unique_ptr<response_stream> completions_open_stream(const request_body& request, std::uint32_t depth_max);
[[nodiscard]] std::string completions_refusal_body(const text_request_body& request, std::string_view message, std::string_view decision_id);

}  // namespace sluice::wire
