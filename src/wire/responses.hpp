// OpenAI's Responses: what the OpenAI dialect puts together from it.
#pragma once

#include <string>
#include <unordered_set>

#include "body_reader.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

// Whether an endpoint, by its name, is one of these.
[[nodiscard]] bool is_responses(const endpoint& to);

class responses_request_body final : public table_request {
 public:
  [[nodiscard]] result<void> read_for(const endpoint& to, std::string_view bytes, std::uint32_t depth_max);
  // What an answer may repeat of this request outside of its input: instructions, tools, metadata. Views into the request.
  using words = std::unordered_set<std::string_view>;
  [[nodiscard]] words own_words() const;
  // The client's own `instructions` as JSON; "null" where there are none.
  [[nodiscard]] std::string instructions() const;
  [[nodiscard]] std::span<const unread> unread_parts() const override { return unread_; }
  [[nodiscard]] bool json_answer() const override;
  [[nodiscard]] bool takes_system_words() const override;

 protected:
  void add_system(const system_words& added, std::vector<text::json::splice>& splices) const override;

 private:
  void read_query(std::string_view query);
  void list_held(text::json::index items);
  std::vector<unread> unread_;
  std::string model_text_;
  bool instructed_ = false;  // an endpoint that takes instructions
};

[[nodiscard]] result<std::unique_ptr<request_body>> responses_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max);
// `asked` may be null: then whatever the answer repeats is judged.
[[nodiscard]] result<std::unique_ptr<response_body>> responses_read_response(const endpoint& to, std::string_view body, const request_body* asked,
                                                                             std::uint32_t depth_max);
[[nodiscard]] std::unique_ptr<response_stream> responses_open_stream(const endpoint& to, const request_body& request, std::uint32_t depth_max);
[[nodiscard]] std::string responses_refusal_body(const request_body& request, std::string_view message, std::string_view decision_id);

// Whether an item of this type is a call that the client itself has to answer.
[[nodiscard]] bool calls_client(std::string_view type);

// One of what the answer to a request repeats of it.
[[nodiscard]] bool repeats_request(std::string_view path);

}  // namespace sluice::wire
