// See error_rows.hpp.
#include "error_rows.hpp"

#include <array>

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr row says(std::string_view path) { return {path, text, kind::error, from::assistant}; }
constexpr row holds(std::string_view path) { return {path, arguments, kind::error, from::assistant}; }

// OpenAI's own, Azure's, OpenRouter's; vLLM's at the root; FastAPI's `detail`.
constexpr auto openai_rows = std::to_array<row>({
    says("error"),
    says("error.message"),
    {"error.type", opaque},
    {"error.code", opaque},
    says("error.param"),
    holds("error.metadata"),
    {"error.innererror", parameters},
    {"object", opaque},
    says("message"),
    {"type", opaque},
    {"code", opaque},
    says("param"),
    says("detail"),
    says("detail[].msg"),
    {"detail[].type", opaque},
    says("detail[].loc[]"),
    holds("detail[].input"),
    holds("detail[].ctx"),
});
constexpr auto anthropic_rows = std::to_array<row>({
    {"type", opaque},
    {"request_id", opaque},
    says("error"),
    says("error.message"),
    {"error.type", opaque},
    {"error.code", opaque},
    says("error.param"),
    holds("error.details"),
    says("message"),  // of a cloud in front of it
});
constexpr auto gemini_rows = std::to_array<row>({
    says("error"),
    {"error.code", scalar},
    {"error.status", opaque},
    says("error.message"),
    holds("error.details"),
    holds("error.errors"),
});
constexpr auto ollama_rows = std::to_array<row>({
    says("error"),
    says("error.message"),
    {"error.type", opaque},
    {"error.code", opaque},
    says("error.param"),
});

}  // namespace

std::span<const row> openai_error_rows() { return openai_rows; }
std::span<const row> anthropic_error_rows() { return anthropic_rows; }
std::span<const row> gemini_error_rows(bool in_list) {
  static const auto both = [] {
    row_list out;
    out.add("", gemini_rows);
    out.add("[]", gemini_rows);
    return out;
  }();
  return in_list ? both.rows() : std::span<const row>(gemini_rows);
}
std::span<const row> ollama_error_rows() { return ollama_rows; }

}  // namespace sluice::wire
