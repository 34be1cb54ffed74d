// See queries.hpp. A parameter says one word, as an identifier does: its value stands in no body, and no rule reads it.
#include "queries.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "sluice/base/percent.hpp"

namespace sluice::wire {
namespace {

using enum text_class;

// What proves who asks: a gateway before the API, or the API itself.
constexpr auto credentials = std::to_array<query_row>({
    {any_endpoint, "key", sealed},
    {any_endpoint, "api-key", sealed},
    {any_endpoint, "api_key", sealed},
    {any_endpoint, "subscription-key", sealed},
    {any_endpoint, "access_token", sealed},
    {any_endpoint, "api-version"},  // Azure
});
constexpr auto openai_rows = std::to_array<query_row>({
    {any_endpoint, "beta"},
    {"models", "after"},
    {"models", "limit"},
    {"models", "client_version"},
    {"models", "category"},  // OpenRouter
    {"models", "supported_parameters"},
    {"responses.retrieve", "include"},
    {"responses.retrieve", "include_obfuscation"},
    {"responses.retrieve", "stream"},
    {"responses.retrieve", "starting_after", reference},
    {"responses.input_items", "after"},
    {"responses.input_items", "before"},
    {"responses.input_items", "include"},
    {"responses.input_items", "limit"},
    {"responses.input_items", "order"},
    {"conversations.items", "after"},
    {"conversations.items", "before"},
    {"conversations.items", "include"},
    {"conversations.items", "limit"},
    {"conversations.items", "order"},
    {"conversations.items.create", "include"},
    {"conversations.item", "include"},
});
constexpr auto anthropic_rows = std::to_array<query_row>({
    {any_endpoint, "beta"},
    {"models", "after_id"},
    {"models", "before_id"},
    {"models", "limit"},
});
// What every API of Google's takes, with and without the '$' that tells it from an API's own; not `callback`, of which the answer would be a script.
constexpr auto gemini_rows = std::to_array<query_row>({
    {any_endpoint, "alt"},
    {any_endpoint, "$alt"},
    {any_endpoint, "$key", sealed},
    {any_endpoint, "oauth_token", sealed},
    {any_endpoint, "$oauth_token", sealed},
    {any_endpoint, "$access_token", sealed},
    {any_endpoint, "prettyPrint"},
    {any_endpoint, "$prettyPrint"},
    {any_endpoint, "fields"},
    {any_endpoint, "$fields"},
    {any_endpoint, "quotaUser"},
    {any_endpoint, "$quotaUser"},
    {any_endpoint, "userProject"},
    {any_endpoint, "$userProject"},
    {any_endpoint, "$.xgafv"},
    {any_endpoint, "$xgafv"},
    {any_endpoint, "$apiVersion"},
    {"models", "pageSize"},
    {"models", "page_size"},
    {"models", "pageToken", sealed},
    {"models", "page_token", sealed},
    {"models", "filter"},
});

template <std::size_t N>
std::vector<query_row> with_credentials(const std::array<query_row, N>& rows) {
  std::vector<query_row> out(credentials.begin(), credentials.end());
  out.insert(out.end(), rows.begin(), rows.end());
  return out;
}

// "include[]" and "include[0]" are elements of a list; in a form's spelling a blank is '+'. "json;enum-encoding=int" is one value.
std::string read_key(std::string_view written) {
  std::string out;
  percent_decode(written, out);
  const auto at = out.find('[');
  if (at != std::string::npos && out.ends_with(']') && std::all_of(out.begin() + static_cast<std::ptrdiff_t>(at) + 1, out.end() - 1, [](char c) { return c >= '0' && c <= '9'; })) out.resize(at);
  return out;
}
std::string read_value(std::string_view written) {
  std::string spaced(written), out;
  std::ranges::replace(spaced, '+', ' ');
  percent_decode(spaced, out);
  std::ranges::replace(out, ';', ',');
  return out;
}

}  // namespace

std::vector<unread> dialect::unread_query(const endpoint& to) const {
  std::vector<unread> out;
  for (auto rest = to.query; !rest.empty();) {
    const auto one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    if (one.empty()) continue;
    const auto equals = std::min(one.find('='), one.size());
    const auto key = read_key(one.substr(0, equals));
    const auto known = std::ranges::find_if(queries(), [&](const query_row& r) { return r.key == key && (r.endpoint == any_endpoint || r.endpoint == to.name); });
    if (known != queries().end() && looks_as(known->what, read_value(one.substr(std::min(equals + 1, one.size()))))) continue;
    out.push_back({.reason = "unknown part", .path = "?" + key, .bytes = one.size()});
    out.back().instead = "leave it out of the query";
  }
  return out;
}

std::span<const query_row> openai_queries() {
  static const auto all = with_credentials(openai_rows);
  return all;
}
std::span<const query_row> anthropic_queries() {
  static const auto all = with_credentials(anthropic_rows);
  return all;
}
std::span<const query_row> gemini_queries() {
  static const auto all = with_credentials(gemini_rows);
  return all;
}
std::span<const query_row> ollama_queries() { return credentials; }

void add_query_coverage(std::vector<dialect::coverage_row>& out, std::span<const query_row> rows) {
  // Their paths begin as the queries do; the rows live as long as the process.
  static std::deque<std::string> paths;
  for (const auto& r : rows) {
    const auto treatment = r.what == reference ? "unreadable.server_state: a stream from its middle begins within a text"
                           : r.what == sealed  ? "passed: a credential or a place in a list; unreadable.unknown_part where it is none"
                                               : "passed: one word; unreadable.unknown_part where it says more";
    out.push_back({r.endpoint, "request", paths.emplace_back("?" + std::string(r.key)), to_string(r.what), "-", "-", "no", treatment});
  }
  out.push_back({any_endpoint, "request", "any other parameter of the query", "-", "-", "-", "no", "unreadable.unknown_part"});
}

}  // namespace sluice::wire
