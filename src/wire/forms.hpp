// OpenAI's endpoints that take multipart forms: audio transcribed and translated, images edited and varied, files.
#pragma once

#include "body_reader.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {

struct form_endpoint {
  std::string_view name;
  std::span<const row> fields;  // a path is a field's name
  const answer_table& response;
};
// Null: the endpoint takes no form.
[[nodiscard]] const form_endpoint* find_form_endpoint(std::string_view name);
void add_forms_coverage(std::vector<dialect::coverage_row>& out);

// `to.boundary` says where the fields are.
[[nodiscard]] result<std::unique_ptr<request_body>> form_read_request(const endpoint& to, const form_endpoint& as, std::string_view body);
[[nodiscard]] result<std::unique_ptr<response_body>> form_read_response(const form_endpoint& as, std::string_view body, std::uint32_t depth_max);
// Of an endpoint that answers in text: the message.
[[nodiscard]] std::string form_refusal_body(std::string_view message);
// The endpoint that a request was read for; null: it is no form's.
[[nodiscard]] const form_endpoint* form_endpoint_of(const request_body& request);

}  // namespace sluice::wire
