// The policy language described from the tables that its reader interprets: as JSON Schema, and as the reference of
// docs/policy_language.md.
#pragma once

#include <string>

namespace sluice::policy {

// JSON Schema 2020-12 of one document; compact JSON.
[[nodiscard]] std::string language_schema();
// Markdown: a table for each mapping.
[[nodiscard]] std::string language_reference();

}  // namespace sluice::policy
