// GET /v1/audit/files and /v1/audit/file: the decision log as it lies on disk, so that it can be read and verified elsewhere.
#pragma once

#include <string>

#include "sluice/net/control_server.hpp"

namespace sluice::admin {

// {"files": [{"name": …, "bytes": …}]}
[[nodiscard]] net::control_response list_audit_files(const std::string& directory);
// ?name=…&offset=…: the next bytes of that file, at most 4 MiB; none at its end.
[[nodiscard]] net::control_response answer_audit_file(const std::string& directory, const std::string& query);

}  // namespace sluice::admin
