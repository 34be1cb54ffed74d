// OpenAI's Conversations, field by field. Their items are those of Responses.
#include <array>

#include "error_rows.hpp"
#include "responses_table.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

// A conversation: what it is created with, and what is said of it.
constexpr auto conversation_request_rows = std::to_array<row>({
    {"metadata.{*}", name, kind::annotation, from::user},
    {"include[]", opaque},
});
constexpr auto conversation_rows = std::to_array<row>({
    {"id", handle},
    {"object", opaque},
    {"created_at", scalar},
    {"deleted", scalar},
    {"metadata.{*}", text, kind::annotation, from::user},
});

const row_list& conversation_request_list() {
  static const auto list = [] {
    row_list out;
    out.add("", conversation_request_rows);
    add_response_items(out, "items[]", from::of_message);
    return out;
  }();
  return list;
}
const row_list& item_list() {
  static const auto list = [] {
    row_list out;
    add_response_items(out, "", from::of_message);
    out.change("id", handle);
    return out;
  }();
  return list;
}

}  // namespace

void add_conversations_coverage(std::vector<dialect::coverage_row>& out) {
  for (const char* endpoint : {"conversations", "conversations.update", "conversations.items.create"}) {
    add_coverage(out, endpoint, "request", "no", conversation_request_rows);
    out.push_back({endpoint, "request", "items[]", "-", "-", "-", "no", "as input[] of responses"});
    out.push_back({endpoint, "request", "any other string", "-", "-", "-", "no", "unreadable.unknown_part"});
  }
  for (const char* endpoint : {"conversations", "conversations.retrieve", "conversations.update"}) add_coverage(out, endpoint, "response", "no", conversation_object().rows());
  std::vector<row> list;
  for (const auto& r : responses_items().rows()) {
    if (!r.path.starts_with("data[]")) list.push_back(r);
  }
  for (const char* endpoint : {"conversations.items", "conversations.items.create"}) {
    add_coverage(out, endpoint, "response", "no", list);
    out.push_back({endpoint, "response", "data[]", "-", "-", "-", "no", "as data[] of responses.input_items"});
  }
  add_coverage(out, "conversations.item", "response", "no", openai_error_rows());
  out.push_back({"conversations.item", "response", "any other", "-", "-", "-", "no", "as an element of data[] of responses.input_items"});
  for (const char* endpoint : {"conversations", "conversations.retrieve", "conversations.update", "conversations.items", "conversations.items.create", "conversations.item"}) {
    out.push_back({endpoint, "response", "any other string or number", "N", "assistant", "annotation", "no", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
  out.push_back({"conversations.delete, conversations.item.delete", "both", "any", "-", "-", "-", "no", "passed: no text of a conversation; the answer is counted as a listing"});
}

const path_table& conversation_request() {
  static const path_table table(conversation_request_list().rows());
  return table;
}
const answer_table& conversation_object() {
  static const answer_table table(conversation_rows, openai_error_rows());
  return table;
}
const answer_table& conversation_item() {
  static const answer_table table(item_list().rows(), openai_error_rows());
  return table;
}

}  // namespace sluice::wire
