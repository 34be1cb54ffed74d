// What the gateway reads of every endpoint of OpenAI's: the rows of each, and the endpoints that it denies.
#include "chat_table.hpp"
#include "forms.hpp"
#include "openai.hpp"
#include "queries.hpp"
#include "responses_table.hpp"
#include "text_endpoints.hpp"

namespace sluice::wire {
namespace {

std::vector<dialect::coverage_row> make_coverage() {
  std::vector<dialect::coverage_row> out;
  add_chat_coverage(out);
  add_responses_coverage(out);
  add_conversations_coverage(out);
  add_text_endpoints_coverage(out);
  add_forms_coverage(out);
  add_query_coverage(out, openai_queries());
  out.push_back({"models", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
  out.push_back({"images made, speech, files read, uploads, batches, assistants, threads, realtime, vector stores, stored completions", "both", "any", "-", "-", "-", "both", "denied: not read"});
  out.push_back({"any other path", "both", "any", "-", "-", "-", "both", "unreadable.unknown_path"});
  return out;
}

}  // namespace

std::span<const dialect::coverage_row> openai_coverage() {
  static const auto rows = make_coverage();
  return rows;
}

}  // namespace sluice::wire
