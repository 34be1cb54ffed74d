// POST /v1/explain: a text and a context in, every rule's opinion out.
#pragma once

#include "sluice/admin/api.hpp"

namespace sluice::admin {

[[nodiscard]] net::control_response answer_explain(const std::string& body, const loaded_bundle* loaded, const std::string& mode);
[[nodiscard]] net::control_response problem(int status, const std::string& message, const std::string& advice);

}  // namespace sluice::admin
