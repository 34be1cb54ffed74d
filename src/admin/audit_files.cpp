// See audit_files.hpp.
#include "audit_files.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

#include "explain.hpp"
#include "query_parameter.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::admin {
namespace {

using nlohmann::json;

constexpr std::size_t piece_bytes_max = 4u << 20;

net::control_response failed(const error& why) {
  return why.code == errc::not_found ? problem(404, why.message, "GET /v1/audit/files lists them") : problem(500, why.message, "see the gateway's own log");
}

}  // namespace

net::control_response list_audit_files(const std::string& directory) {
  const auto files = audit::stored_files(directory);
  if (!files) return failed(files.error());
  json out = json::array();
  for (const auto& file : *files) out.push_back({{"name", file.name}, {"bytes", file.bytes}});
  return {.status = 200, .content_type = "application/json", .body = json{{"files", out}}.dump() + "\n"};
}

net::control_response answer_audit_file(const std::string& directory, const std::string& query) {
  const auto name = parameter(query, "name"), from = parameter(query, "offset");
  std::uint64_t offset = 0;
  const auto read = std::from_chars(from.data(), from.data() + from.size(), offset);
  if (name.empty() || (!from.empty() && (read.ec != std::errc{} || read.ptr != from.data() + from.size()))) {
    return problem(400, "name one file and where to begin", "send GET /v1/audit/file?name=…&offset=0");
  }
  auto bytes = audit::read_piece(directory, std::string(name), offset, piece_bytes_max);
  if (!bytes) return failed(bytes.error());
  return {.status = 200, .content_type = "application/octet-stream", .body = std::move(*bytes)};
}

}  // namespace sluice::admin
